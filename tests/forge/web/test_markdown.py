"""What markdown becomes, and that nothing hostile survives it."""

from __future__ import annotations

import html
import re
import time
from html.parser import HTMLParser

import pytest

from cdock.forge.web.markdown import Surroundings, render, safe_link, task_count, with_task

HERE = Surroundings(
    repository="/o/r",
    has_number=lambda number: number < 50,
    commit_of=lambda prefix: prefix.ljust(40, "0") if prefix.startswith("dead") else None,
)

ALLOWED_TAGS = re.compile(
    "p|br|hr|em|strong|s|code|pre|blockquote|ul|ol|li|a|h[1-6]|table|thead|tbody|tr|th|td|div|span|details|summary|button"
)
ALLOWED_ATTRIBUTES = re.compile(
    "href|title|class|rel|start|open|type|form|name|value|id|role|tabindex|aria-(label|checked|disabled)"
)


class Inspector(HTMLParser):
    """Fails on a tag, attribute or address that must not be there, and on tags that do not match."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert ALLOWED_TAGS.fullmatch(tag), tag
        for name, value in attrs:
            assert ALLOWED_ATTRIBUTES.fullmatch(name), f"{tag} {name}"
            if name == "href":
                bare = re.sub(r"[\s\x00-\x20]", "", value or "").lower()
                assert re.match(r"https?:|/|#|\?|[^:]*$", bare), value
            if name == "class":
                assert re.fullmatch(
                    r"language-\S+|task|box|wide|picture|mention|number|commit|url|align-\w+", value or ""
                )
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("br", "hr"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment came through: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def inspect(text: str) -> str:
    shown = str(render(text, HERE))
    inspector = Inspector()
    inspector.feed(shown)
    inspector.close()
    assert inspector.open == [], shown
    return shown


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1))",
    '![x"onerror="alert(1)](http://evil.example/a.png)',
    '![x](http://evil.example/a.png"onerror="alert(1))',
    '[x](http://a "onmouseover=alert(1) ")',
    "[x](http://a 'title\" onclick=\"alert(1)')",
    'http://a/"onmouseover="alert(1)',
    "http://a/<script>alert(1)</script>",
    '```"><script>alert(1)</script>\ncode\n```',
    "```text onclick=alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "`</code><script>alert(1)</script>`",
    "<details onclick=alert(1)>",
    "<details open onload=alert(1)><summary>x</summary></details>",
    "<details><summary onclick=alert(1)>x</summary></details>",
    "<details><summary><img src=x onerror=alert(1)></summary>x</details>",
    "<details><summary></details></summary><script>alert(1)</script>",
    "</details></details></div></main><script>alert(1)</script>",
    "<details>\n\n- a\n\n  </details>\n\n</details></details>",
    "- <details>\n> <details>\n\n</details>",
    "> <details>\n\n</details>\n\n# x",
    "<details>\n\n| a |\n|---|\n| </details> |",
    "<summary>x</summary>",
    "<DETAILS><SUMMARY>x</SUMMARY></DETAILS>",
    "<!-- --><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<!-- <!-- --> --><script>alert(1)</script>",
    "x <!-- a --!> <script>alert(1)</script> -->",
    "<!DOCTYPE html><html><body onload=alert(1)>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "| a |\n|:-:|\n| <script>alert(1)</script> |",
    "# <script>alert(1)</script>",
    "@bob<script>alert(1)</script>",
    "#12<script>",
    "- [ ] <script>alert(1)</script>",
    '- [x] "><img src=x onerror=alert(1)>',
    "\x00<scr\x00ipt>alert(1)</script>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><button>x</button></form>",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "around", ["{}", "> {}", "- {}", "a {} b", "<details>\n\n{}\n\n</details>", "- [ ] {}"]
)
def test_hostile_text_stays_text(text: str, around: str) -> None:
    inspect(around.format(text))


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("http://a", True),
        ("HTTPS://a", True),
        ("/o/r", True),
        ("docs/a.md", True),
        ("#x", True),
        ("javascript:x", False),
        ("java\nscript:x", False),
        ("\u200bjavascript:x", False),
        ("data:x", False),
        ("mailto:a@b", False),
        ("ftp://a", False),
        ("blob:x", False),
    ],
)
def test_only_http_and_places_here_are_links(address: str, *, safe: bool) -> None:
    assert safe_link(address) is safe


def test_comments_are_hidden() -> None:
    shown = inspect("<!-- mark:1 -->\nHello <!-- two\nlines --> world\n\n<!--\nmany\n\nlines -->\n\nend")
    assert re.sub(r"<[^>]+>|\s+", " ", shown).split() == ["Hello", "world", "end"]


def test_an_unfinished_comment_block_is_hidden_too() -> None:
    assert "secret" not in inspect("before\n\n<!-- secret\nmore secret")


def test_comments_in_code_are_code() -> None:
    assert "&lt;!-- kept --&gt;" in inspect("```\n<!-- kept -->\n```")


def test_text_after_a_comment_on_its_line_is_shown() -> None:
    assert "<p>tail</p>" in inspect("<!-- a -->tail")


def test_folds_work_and_hold_markdown() -> None:
    shown = inspect(
        "<details>\n<summary>Log of **attempt** 2</summary>\n\n```text\n</details>\nred\n```\n\n</details>\n\nafter"
    )
    assert "<summary>Log of <strong>attempt</strong> 2</summary>" in shown
    assert "&lt;/details&gt;\nred" in shown
    assert shown.index("</details>") < shown.index("<p>after</p>")


def test_folds_on_one_line_and_open() -> None:
    shown = inspect("<details open><summary>a</summary> text </details>")
    assert re.sub(r"\s+", "", shown).startswith('<detailsopen=""><summary>a</summary>')


def test_references_become_links() -> None:
    shown = inspect("See #42, #99, deadbeef12 and `#42`, (https://a.example/x_(y)). a#1 @bob me@host.org")
    assert shown.count('href="/o/r/issues/42"') == 1
    assert "issues/99" not in shown
    assert f'href="/o/r/commit/{"deadbeef12".ljust(40, "0")}"' in shown
    assert 'href="https://a.example/x_(y)"' in shown
    assert '<strong class="mention">@bob</strong>' in shown
    assert shown.count("mention") == 1
    assert "issues/1" not in shown.replace("issues/42", "")


def test_references_inside_links_are_left_alone() -> None:
    assert inspect("[see #42](https://a.example)").count("<a ") == 1


def test_nothing_is_linked_outside_a_repository() -> None:
    assert "<a" not in render("#42 deadbeef12")


def test_every_link_is_noopener() -> None:
    shown = inspect(
        "#42 https://a.example [x](https://b.example) <https://c.example> ![y](https://d.example/y.png)"
    )
    assert shown.count("<a ") == shown.count('rel="noopener nofollow"') == 5


def test_relative_links_start_from_the_files_folder() -> None:
    here = Surroundings(repository="/o/r", relative_to="/o/r/blob/main/docs/")
    shown = render("[a](b.md) [c](/d) [e](#f) [g](https://h)", here)
    assert re.findall('href="([^"]+)"', shown) == ["/o/r/blob/main/docs/b.md", "/d", "#f", "https://h"]


def test_pictures_are_links_not_loads() -> None:
    shown = inspect("![a <b> chart](https://tracker.example/p.png)")
    assert "<img" not in shown
    assert "a &lt;b&gt; chart</a>" in shown


def test_a_picture_in_a_link_is_only_its_words() -> None:
    assert inspect("[![build](https://ci.example/x.svg)](https://ci.example)").count("<a ") == 1
    here = Surroundings(relative_to="/o/r/blob/main/")
    assert 'href="/o/r/blob/main/p.png"' in render("![p](p.png)", here)


def test_tables_have_no_style_attribute() -> None:
    shown = inspect("| a | b |\n|--:|---|\n| ~~1~~ | 2 |")
    assert "style=" not in shown
    assert '<td class="align-right"><s>1</s></td>' in shown


TASKS = (
    "Intro\n\n- [ ] one\n- [x] **two**\n  - [X] three\n\n"
    "> 1. [ ] four\n\n- [ ]\n- []\n\n```\n- [ ] code\n```\n[ ] no list"
)


def test_task_boxes_are_buttons_of_the_form() -> None:
    shown = str(render(TASKS, Surroundings(task_form="tick-1")))
    assert re.findall(r'form="tick-1" name="task" value="([^"]+)"', shown) == [
        "2:on",
        "3:off",
        "4:off",
        "6:on",
    ]
    assert task_count(TASKS) == (2, 4)


def test_task_boxes_without_a_form_cannot_be_pressed() -> None:
    assert "<button" not in render(TASKS)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ticking_changes_one_character(end: str) -> None:
    text = TASKS.replace("\n", end)
    ticked = with_task(text, line=6, checked=True)
    assert ticked == text.replace("1. [ ] four", "1. [x] four")
    assert with_task(ticked, line=6, checked=False) == text


@pytest.mark.parametrize("line", [0, 8, 9, 12, 14, 99, -1])
def test_only_task_boxes_can_be_ticked(line: int) -> None:
    with pytest.raises(ValueError, match="no task box"):
        with_task(TASKS, line=line, checked=True)


@pytest.mark.parametrize(
    "piece",
    [
        "<details>\n",
        "<summary>\n",
        "<!--\n",
        "<!-- a ",
        "> ",
        "- ",
        "[",
        "](",
        "https://a)",
        "![](a)",
        "deadbee ",
        "@a ",
        "`",
        "*a",
        "#1 ",
    ],
)
def test_long_hostile_text_is_quick(piece: str) -> None:
    text = piece * (65_536 // len(piece))
    began = time.process_time()
    inspect(text)
    assert time.process_time() - began < 10


def test_escaped_text_is_not_escaped_twice() -> None:
    assert html.unescape(str(render("a < b & c"))) == "<p>a < b & c</p>\n"

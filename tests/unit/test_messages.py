"""What cdock writes on the forge can be found again, says no more than it means, and fits."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cdock.core import bodies as texts
from cdock.core import messages, quoting
from cdock.core.answers import answer_of
from cdock.core.asking import Asking, Reason, reason_to_ask
from cdock.core.briefing import prompt_values
from cdock.core.choices import ticked
from cdock.core.errands import Errand
from cdock.core.events import Ending
from cdock.core.ids import TaskId
from cdock.core.issues import Answer, Comment, HelpIssue, Issue
from cdock.core.marker import Marker, parse_marker
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.core.quoting import fenced, inline, title_of, visible
from cdock.core.runs import Workspace
from cdock.core.task import Attempt, Cause, Outcome, Status, Task
from cdock.core.waiting import Waiting, WaitKind
from cdock.core.world import Case

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ID = UUID("a7b2c8d0-0000-4000-8000-000000000001")
LIMIT = 65_536
POLICY = Policy(acceptance=("make test",))

HOSTILE = (
    "@maria @org/team please",
    "fixes #12, closes o/r#12, resolves GH-12, fix gh-12",
    "Closes https://github.com/octo/other/issues/7 and http://evil.example www.evil.example",
    f"<!-- cdock:help task={ID} round=1 issue=42 -->",
    "--> <!-- cdock:status -->",
    "```\n@maria closes #12\n```",
    "````text\n```\n@maria\n````\n`````",
    "~~~\n@maria\n~~~",
    "| a | b |\n| --- | --- |\n| @maria | #12 |",
    "[click](https://evil.example) ![x](https://evil.example/pixel.png)",
    "<img src=https://evil.example/pixel.png> <script>alert(1)</script> &lt;b&gt;",
    "\\`code\\` \\<b\\> \\@maria",
    "a\u202eb\u2066c\u200bd\ufeffe\U000e0041f",
    "@\u200bma\u202eria #\u206012",
    "\x00\x07\x1b[31mred\x1b[0m\x1b]0;title\x07\r50%\r100%",
    "# Heading\n\n- [x] done\n> quoted\n\n---\n",
    "\ud800 lone",
    "Which?\n- [ ] @maria fixes #12 <!-- cdock:choice stop -->\n- [x] `b`\n- [ ] c | d",
    "",
)
HUGE = (
    "x" * 100_000,
    "`" * 100_000,
    "@a|#1<&\n" * 14_000,
    "``` ````\n" * 12_000,
    "漢" * 100_000,
    "\n" * 100_000,
)
TEXTS = st.sampled_from(HOSTILE) | st.text() | st.text(alphabet="`~@#|<>&\\[]()!-_*\n GH12a:/w.")


def tokens(markdown: str) -> Iterator[Token]:
    """All there is in the text as GitHub's flavour of markdown reads it, inline parts included."""
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


def acted_upon(markdown: str) -> list[str]:
    """What GitHub would act upon: mentions, references, links, images and tags outside of code."""
    found = []
    for token in tokens(markdown):
        if token.type in ("link_open", "image", "html_inline") or (
            token.type == "html_block" and not re.fullmatch(r"<!-- cdock:.* -->\s*", token.content)
        ):
            found.append(f"{token.type} {token.content}")
        if token.type == "text":
            found += re.findall(r"@\w+|#\w+|\bGH-\d+|://\w|\bwww\.\w", token.content, re.IGNORECASE)
    return found


def attempt(number: int = 1, **changes: object) -> Attempt:
    told = {
        "round": 1,
        "agent": "claude",
        "started_at": NOW,
        "outcome": Outcome.FAILED,
        "error": "KeyError: 'x'",
    }
    return Attempt(number=number, **{**told, **changes})  # type: ignore[arg-type]


def task_of(*attempts: Attempt, title: str = "Add login", round_: int = 1) -> Task:
    id_ = TaskId("add-login", "a7b2c8d")
    return Task(id_, ID, 42, title, NOW, base="b" * 40, round=round_, attempts=attempts)


def issue_of(**changes: object) -> Issue:
    told = {
        "title": "Add login",
        "body": "With OAuth",
        "author": "maria",
        "url": "https://x",
        "created_at": NOW,
    }
    return Issue(number=42, id=7, **{**told, **changes})  # type: ignore[arg-type]


def comment(body: str, **changes: object) -> Comment:
    told = {"id": 5, "author": "maria", "created_at": NOW, "by_writer": True}
    return Comment(body=body, **{**told, **changes})  # type: ignore[arg-type]


def help_of(*comments: Comment, **changes: object) -> HelpIssue:
    told = {"number": 57, "url": "https://x", "open": True, "task": ID, "round": 1}
    return HelpIssue(comments=comments, **{**told, **changes})  # type: ignore[arg-type]


# Markers


def test_markers_are_found_again() -> None:
    task = task_of(round_=3)
    for marker in (messages.status_marker(task), messages.help_marker(task), messages.pull_marker(task)):
        for text in (f"{marker}\nwords", f"{marker}", f"\ufeff{marker}\r\nwords", f"  {marker}  \nwords"):
            assert parse_marker(text) == marker
    assert messages.help_marker(task).fields == {"task": str(ID), "round": "3", "issue": "42"}
    assert messages.status_marker(task) != messages.pull_marker(task)


@given(
    st.from_regex(r"[a-z]+", fullmatch=True),
    st.dictionaries(st.from_regex(r"[a-z]+", fullmatch=True), st.from_regex(r"[\w.-]+", fullmatch=True)),
)
def test_every_marker_is_read_as_it_was_written(kind: str, fields: dict[str, str]) -> None:
    assert parse_marker(str(Marker(kind, fields))) == Marker(kind, fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words\n<!-- cdock:status task=x -->",
        "\n<!-- cdock:status task=x -->",
        "> <!-- cdock:status task=x -->",
        "<!-- cdock:status task=x --> words",
        "<!-- cdock:status task=x",
        "<!-- cdock:status task=x y -->",
        "<!-- cdock:Status -->",
        "<!-- other:status task=x -->",
        "<!-- cdock:status task=<b> -->",
        "`<!-- cdock:status -->`",
    ],
)
def test_what_is_no_marker(text: str) -> None:
    assert parse_marker(text) is None


# Hostile text


@given(TEXTS)
def test_a_fence_cannot_be_left(text: str) -> None:
    found = list(tokens(f"before\n\n{fenced(text)}\n\nafter"))
    assert [token.type for token in found if token.type not in ("inline", "text")] == [
        "paragraph_open",
        "paragraph_close",
        "fence",
        "paragraph_open",
        "paragraph_close",
    ]


@given(TEXTS)
def test_an_inline_text_is_one_harmless_cell(text: str) -> None:
    shown = inline(text)
    assert "\n" not in shown
    found = list(tokens(f"| a | b |\n| --- | --- |\n| {shown} | end |\n"))
    assert [token.type for token in found].count("tr_open") == 2
    assert [token.content for token in found if token.type == "inline"][-1] == "end"
    assert acted_upon(shown) == []
    assert acted_upon(f"| a |\n| --- |\n| {shown} |\n") == []


@given(TEXTS)
def test_a_title_is_one_harmless_line(text: str) -> None:
    title = title_of(text)
    assert 1 <= len(title) <= 256, "GitHub's limit, and it wants a title"
    assert title.isprintable() or {c for c in title if not c.isprintable()} == {quoting.ZERO_WIDTH_SPACE}
    assert not re.search(r"@\w|#\w|\bGH-\d|://\w", title, re.IGNORECASE)


@pytest.mark.parametrize("text", HUGE, ids=lambda text: repr(text[:4]))
def test_huge_texts_are_cut(text: str) -> None:
    assert len(title_of(text)) <= 256
    assert len(inline(text)) <= 1_000
    assert len(fenced(text)) <= 20_000


def test_the_end_of_an_error_is_kept_and_the_cut_is_told() -> None:
    shown = fenced("start" + "." * 10_000 + "the cause")
    assert "the cause\n```" in shown
    assert "start" not in shown
    assert "4014 characters left out" in shown


def test_words_stay_words() -> None:
    assert inline("a\u00a0b\tc\u3000d\u2028e") == "a b c d e"
    assert fenced("a\u00a0b\r\n\tc") == "```text\na b\n\tc\n```"
    assert visible("grüße\u00a0dich, 漢字 👍\r\n\tbye") == "grüße dich, 漢字 👍\n\tbye"
    assert title_of("Größe  ändern\n(bald)") == "Größe ändern (bald)"
    assert inline("if a < b && c: `x`") == "if a &lt; b &amp;&amp; c: \\`x\\`"


# Whole texts


def help_text(task: Task, policy: Policy) -> str:
    """The help issue of a task that cannot go on."""
    reason = reason_to_ask(task, None, policy) or Reason(Asking.SAME_ERROR, count=3)
    return texts.help_body(task, reason, policy)


def bodies(task: Task, *, status: Status = Status.IN_PROGRESS) -> dict[str, str]:
    """Every body cdock writes about the task."""
    case = Case(
        issue=issue_of(title=task.title),
        help=help_of(),
        pull=PullRequest(number=58, url="https://x", head="cdock/add-login.a7b2c8d"),
    )
    return {
        "status": texts.status_comment(case, task, status, POLICY),
        "help": help_text(task, POLICY),
        "pull": texts.pull_body(task, POLICY),
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_no_words_of_others_act_in_a_body(text: str) -> None:
    last = attempt(2, outcome=Outcome.SUCCEEDED, error="", summary=text)
    asked = attempt(2, outcome=Outcome.NEEDS_HELP, error=text)
    for end in (last, asked, attempt(2, error=text)):
        task = task_of(attempt(error=text), end, title=text)
        for kind, body in bodies(task).items():
            marker = parse_marker(body)
            assert marker is not None
            assert marker.kind == kind
            own = 1 + len(re.findall(r"^- \[ \] .*<!-- cdock:choice [a-z0-9-]+ -->$", body, re.MULTILINE))
            assert body.count("<!-- cdock:") == own
            assert ticked(body) == ()
            expected = {"status": [], "help": ["#42"], "pull": ["#42"]}[kind]
            choices = [act for act in acted_upon(body) if act.startswith("html_inline <!-- cdock:choice ")]
            assert [act for act in acted_upon(body) if act not in choices] == expected
            assert len(choices) == own - 1
            closing = r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:? +(?:#|GH-)\d+"
            assert re.findall(closing, _prose(body)) == (["Closes #42"] if kind == "pull" else [])


def _fences(body: str) -> list[str]:
    return [token.content for token in tokens(body) if token.type == "fence"]


def _prose(body: str) -> str:
    return "\n".join(token.content for token in tokens(body) if token.type == "text")


@pytest.mark.parametrize("text", HUGE, ids=lambda text: repr(text[:4]))
def test_whole_bodies_fit(text: str) -> None:
    ends = (Outcome.FAILED, Outcome.NEEDS_HELP, Outcome.SUCCEEDED)
    for outcome in ends:
        many = [attempt(n, error=text, summary=text, outcome=outcome, round=1) for n in range(1, 300)]
        for body in bodies(task_of(*many, title=text)).values():
            assert len(body) <= LIMIT
    policy = Policy(acceptance=(text,) * 20)
    assert len(texts.pull_body(task_of(attempt(summary=text)), policy)) <= LIMIT


def test_a_long_history_shows_its_end_and_counts_the_rest() -> None:
    task = task_of(*(attempt(n, error=f"kind {n}") for n in range(1, 31)))
    for body in (bodies(task)["status"], bodies(task)["help"]):
        assert "10 earlier attempts are not shown." in body
        assert "kind 10 |" not in body
        assert "kind 11 |" in body
        assert "kind 30 |" in body
    assert "not shown" not in bodies(task_of(*task.attempts[:20]))["status"]


def test_the_pull_request_says_what_was_verified() -> None:
    done = attempt(outcome=Outcome.SUCCEEDED, error="", summary="Added `login`.", cost=0.5)
    body = texts.pull_body(task_of(attempt(cost=0.25), replace(done, number=2)), POLICY)
    assert body.splitlines()[1] == "Closes #42"
    assert "- [x] `make test`" in body
    assert "```text\nAdded `login`.\n```" in body
    assert "2 attempts · $0.75" in body
    assert "nothing was verified" in texts.pull_body(task_of(done), Policy())
    assert "1 attempt ·" in texts.pull_body(task_of(done), Policy())


def test_a_command_with_backticks_stays_code() -> None:
    body = texts.pull_body(task_of(attempt()), Policy(acceptance=("echo `date` ``x`` \n && @maria",)))
    assert "- [ ] ``` echo `date` ``x`` && @maria ```" in body
    assert acted_upon(body) == ["#42"]


def test_the_help_issue_says_why() -> None:
    failed = [attempt(n, fingerprint="f" * 32, error=f"KeyError: {n}") for n in (1, 2, 3)]
    body = help_text(task_of(*failed), POLICY)
    assert "the same error came back 3 times" in body
    assert "```text\nKeyError: 3\n```" in body
    assert "f" * 32 in body
    various = [attempt(n, fingerprint=str(n)) for n in range(1, 10)]
    assert "9 attempts failed" in help_text(task_of(*various), POLICY)
    lost = [attempt(n, outcome=Outcome.LOST, error="engine restarted") for n in range(1, 6)]
    assert "something outside the agent" in help_text(task_of(*lost), POLICY)
    handed = [attempt(n, outcome=Outcome.HANDOFF, error="") for n in range(1, 11)]
    assert "only handed over" in help_text(task_of(*handed), POLICY)
    asked = attempt(outcome=Outcome.NEEDS_HELP, error="Which port?")
    assert "asks:\n\n```text\nWhich port?\n```" in help_text(task_of(asked), POLICY)


def test_help_tells_only_of_its_own_round() -> None:
    old, new = attempt(1, error="old trouble"), attempt(2, round=2, error="new trouble")
    body = help_text(task_of(old, new, round_=2), POLICY)
    assert "old trouble" not in body
    assert "new trouble" in body


def test_the_status_comment_does_not_change_by_itself() -> None:
    """An unchanged comment is not written again, so nothing in it may depend on the clock."""
    task = task_of(attempt(), attempt(2, outcome=None, error=""))
    later = [replace(a, started_at=NOW + timedelta(hours=3)) for a in task.attempts]
    assert bodies(task)["status"] == bodies(replace(task, attempts=tuple(later)))["status"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.NEEDS_HELP, "answer in #57"),
        (Status.IN_REVIEW, ": #58"),
        (Status.DONE, ": #58"),
        (Status.CANCELLED, "Add the label `agent-ready` to start anew"),
    ],
)
def test_the_status_comment_says_what_is_next(status: Status, words: str) -> None:
    assert words in bodies(task_of(attempt()), status=status)["status"]


def test_the_status_comment_says_what_is_waited_for() -> None:
    until = datetime(2026, 1, 2, 9, 30, tzinfo=UTC)
    waiting = Waiting(WaitKind.PROVIDER, "The limit is reached.", "It goes on by itself.", until)
    body = texts.status_comment(
        Case(issue=issue_of()), task_of(attempt()), Status.WAITING, POLICY, waiting=waiting
    )
    assert "The limit is reached. Until 2026-01-02 09:30 UTC. It goes on by itself." in body


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_comment(status: Status) -> None:
    body = bodies(task_of(attempt()), status=status)["status"]
    assert parse_marker(body) == messages.status_marker(task_of())
    assert "cdock.add-login.a7b2c8d" in body


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_row(outcome: Outcome) -> None:
    assert "| 1 | claude |" in bodies(task_of(attempt(outcome=outcome)))["status"]


def test_a_row_names_the_cause() -> None:
    error = "Traceback (most recent call last):\n  File x\nKeyError: 'x'\n\n"
    assert "KeyError: 'x' |" in bodies(task_of(attempt(error=error)))["status"]
    summary = "Added login.\n\nAlso tidied up."
    done = attempt(outcome=Outcome.SUCCEEDED, error="", summary=summary)
    assert "Added login. |" in bodies(task_of(done))["status"]


# Answers


def test_no_answer_yet() -> None:
    assert answer_of(help_of(), task_of()) is None
    assert answer_of(help_of(comment("Me too", by_writer=False)), task_of()) is None
    ours = comment(f"{messages.status_marker(task_of())}\nIn progress", mine=True)
    assert answer_of(help_of(ours), task_of()) is None
    assert answer_of(help_of(comment(" \n"), comment("<!-- note to self -->")), task_of()) is None


def test_all_that_people_with_write_access_said_is_the_answer() -> None:
    found = answer_of(
        help_of(
            comment("Use port 80.", id=1),
            comment("Buy my coins", id=2, author="mallory", by_writer=False),
            comment("No, 8080. <!-- draft -->", id=3, author="ada"),
        ),
        task_of(),
    )
    assert found == Answer(text="Use port 80.\n\nNo, 8080.", author="ada", ref="comment-3")


def test_a_person_may_answer_with_our_account() -> None:
    found = answer_of(help_of(comment("Port 80", mine=True, author="cdock-bot")), task_of())
    assert found is not None
    assert found.text == "Port 80"


def test_an_edited_or_further_comment_is_another_answer() -> None:
    first = answer_of(help_of(comment("a", id=1)), task_of())
    second = answer_of(help_of(comment("a", id=1), comment("b", id=2)), task_of())
    assert first is not None
    assert second is not None
    assert first.ref != second.ref


def test_closing_says_decide_by_yourself() -> None:
    found = answer_of(help_of(open=False, closed_by="maria", closed_by_writer=True), task_of())
    assert found is not None
    assert (found.author, found.ref) == ("maria", "closed-57")
    assert "decide by yourself" in found.text
    assert answer_of(help_of(open=False, closed_by="mallory"), task_of()) is None


def test_what_was_said_counts_more_than_the_closing() -> None:
    found = answer_of(help_of(comment("Port 80"), open=False, closed_by_writer=True), task_of())
    assert found is not None
    assert found.text == "Port 80"


# What an agent is told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <!-- hidden --> b", "a  b"),
        ("a\n<!-- hidden\nover lines -->\nb", "a\n\nb"),
        ("a\n<!-- never closed\nhidden", "a"),
        ("a\n   <!-- never closed\nhidden", "a"),
        ("Escape `<!--` in titles\n\nSteps: …", "Escape `<!--` in titles\n\nSteps: …"),
        ("a\n[//]: # (hidden words)\nb", "a\n\nb"),
        ("a\n[comment]: <> (hidden words)\nb", "a\n\nb"),
        ("see [docs]\n\n[docs]: https://x.example", "see [docs]\n\n[docs]: https://x.example"),
        ("zero\u200bwidth\u2060and\ufeffmarks", "zerowidthandmarks"),
        ("left\u202eto\u2066right\u2069", "lefttoright"),
        ("tag\U000e0069\U000e0067nore", "tagnore"),
        ("selector\ufe01\U000e0100s, but ❤\ufe0f stays", "selectors, but ❤\ufe0f stays"),
        ("bell\x07\x1b[31mred", "bell[31mred"),
    ],
)
def test_only_what_people_can_see_is_told(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(TEXTS)
def test_what_is_told_holds_nothing_unseen(text: str) -> None:
    shown = visible(text)
    assert all(c in "\n\t" or c.isprintable() for c in shown)


def prompt(task: Task, answer: Answer | None = None, **issue: object) -> dict[str, object]:
    space = Workspace(task=task.id, path="/x", base="b" * 40, head="c" * 40)
    case = Case(issue=issue_of(**issue))
    return prompt_values(case, task, space, POLICY, errand=Errand(Cause.TASK), answer=answer)


def test_the_lesson_is_the_last_failure_of_this_round() -> None:
    failed = attempt(error="KeyError: 'x'")
    assert prompt(task_of(failed))["lesson"] == "KeyError: 'x'"
    assert prompt(task_of(failed, attempt(2, outcome=Outcome.LOST, error="gone")))["lesson"] == ""
    assert prompt(task_of(failed, round_=2))["lesson"] == "", "an answer came in between"
    assert prompt(task_of())["lesson"] == ""


def test_attempts_are_counted_by_round() -> None:
    assert prompt(task_of())["attempt"] == 1
    assert prompt(task_of(attempt(1), attempt(2)))["attempt"] == 3
    assert prompt(task_of(attempt(1), attempt(2, round=2), round_=2))["attempt"] == 2


def test_the_present_issue_is_told_not_the_one_that_was_claimed() -> None:
    told = prompt(task_of(title="Old"), title="New <!-- x -->title", body="B\u202eody")
    assert told["task"] == {
        "id": "cdock.add-login.a7b2c8d",
        "title": "New title",
        "description": "Body",
        "branch": "cdock/add-login.a7b2c8d",
        "issue": 42,
        "base": "b" * 40,
    }


def test_only_a_finished_agents_words_are_kept() -> None:
    assert messages.summary_of(Ending.DONE, f" {'x' * 3_000}end ").endswith("end")
    assert len(messages.summary_of(Ending.DONE, "x" * 3_000)) == 2_000
    assert messages.summary_of(Ending.FAILED, "I was about to") == ""

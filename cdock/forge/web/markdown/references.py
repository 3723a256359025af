"""Short references in a text (`#12`, a commit id, `@login`, a bare address) as links."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_OPENING = {")": "(", "]": "[", "}": "{"}
_REFERENCE = re.compile(
    r"(?P<url>https?://[^\s<>\"'`\x00-\x1f]{1,2000})"
    r"|(?<![\w#&/])#(?P<number>[1-9][0-9]{0,8})(?![\w])"
    r"|(?<![\w#/@.\-])(?P<commit>[0-9a-f]{7,40})(?![\w])"
    r"|(?<![\w`/@.])@(?P<login>[A-Za-z0-9](?:[A-Za-z0-9\-]{0,38}))(?![\w/])"
)


def install(parser: MarkdownIt) -> None:
    """Add the rule to a parser; it finds the Surroundings as `env["surroundings"]`."""
    parser.core.ruler.push("references", _link_references)


@dataclass(frozen=True)
class Surroundings:
    """Where a text stands, which decides what its short references lead to."""

    repository: str = ""
    """`/OWNER/NAME`, the start of all links; empty outside a repository, where nothing is linked."""
    has_number: Callable[[int], bool] = lambda number: False
    """Whether `#number` is an issue or pull request here."""
    commit_of: Callable[[str], str | None] = lambda prefix: None
    """The full id for an abbreviated one, or None when it is not a commit here."""
    relative_to: str = ""
    """What relative links start from, such as `/OWNER/NAME/blob/main/docs/`; empty: the page."""
    task_form: str = ""
    """The id of the HTML form that a click on a task box submits; empty: boxes only show."""


def _link_references(state: StateCore) -> None:
    around: Surroundings = state.env.get("surroundings") or Surroundings()
    for token in state.tokens:
        if token.type != "inline" or not token.children:
            continue
        children: list[Token] = []
        depth = 0
        for child in token.children:
            depth += child.nesting if child.type in ("link_open", "link_close") else 0
            child.meta["in_link"] = depth > 0
            if child.type == "text" and not depth:
                children.extend(_pieces(child, around))
            else:
                children.append(child)
        token.children = children


def _pieces(text: Token, around: Surroundings) -> Sequence[Token]:
    """One text token as text and links."""
    content, done, pieces = text.content, 0, []
    for found in _REFERENCE.finditer(content):
        shown, target, kind = _target(found, around)
        if not target and kind != "mention":
            continue
        begin = found.start()
        pieces.append(_with_content(text, content[done:begin]))
        if kind == "mention":
            pieces += [
                Token("strong_open", "strong", 1, attrs={"class": "mention"}),
                _with_content(text, shown),
                Token("strong_close", "strong", -1),
            ]
        else:
            pieces += [
                Token("link_open", "a", 1, attrs={"href": target, "class": kind}),
                _with_content(text, shown),
                Token("link_close", "a", -1),
            ]
        done = begin + (len(found.group()) if kind == "commit" else len(shown))
    pieces.append(_with_content(text, content[done:]))
    return [piece for piece in pieces if piece.type != "text" or piece.content]


def _with_content(token: Token, content: str) -> Token:
    return replace(token, content=content, attrs={}, meta={})


def _target(found: re.Match[str], around: Surroundings) -> tuple[str, str, str]:
    """What to show, where it leads (empty for nowhere) and which kind of reference it is."""
    if found["url"]:
        shown = _without_tail(found["url"])
        return shown, normalizeLink(shown), "url"
    if found["login"]:
        return found.group(), "", "mention"
    if not around.repository:
        return found.group(), "", ""
    if found["number"]:
        known = around.has_number(int(found["number"]))
        return found.group(), f"{around.repository}/issues/{found['number']}" if known else "", "number"
    oid = around.commit_of(found["commit"])
    return found["commit"][:7], f"{around.repository}/commit/{oid}" if oid else "", "commit"


def _without_tail(url: str) -> str:
    """An address in a sentence ends before its punctuation, and before a bracket it did not open."""
    while url and (
        url[-1] in ".,;:!?*_~'\"" or url.count(url[-1]) > url.count(_OPENING.get(url[-1], url[-1]))
    ):
        url = url[:-1]
    return url

"""Rules for the two pieces of HTML that mean something here: hidden comments and `<details>`.

Programs keep markers in comments and fold long logs, so a comment disappears, and `<details>` and `<summary>`
work without any attribute but `open`. A fold always ends inside the block that began it.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_FOLD_TAG = re.compile(r"<details(?P<open> open(?:=\"\")?)?>|(?P<end></details>)|<summary>", re.IGNORECASE)
# A limit, because a text of nothing but beginnings would be searched to its end once for each of them.
_SUMMARY_LINES = 8
_SUMMARY_END = re.compile(r"</summary>", re.IGNORECASE)


def install(parser: MarkdownIt) -> None:
    """Add the rules to a parser that lets no other HTML through."""
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote"]}
    parser.block.ruler.before("html_block", "comment", _hide_comment_block, interrupts)
    parser.block.ruler.before("html_block", "fold", _fold, interrupts)
    parser.inline.ruler.before("autolink", "comment", _hide_comment)
    parser.core.ruler.after("block", "balance", _balance)


def _hide_comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not line.startswith("<!--"):
        return False
    last, rest = start, line[4:]
    while "-->" not in rest:
        last += 1
        # Without an end the comment reaches as far as its block: half a marker is not for people either.
        if last >= end or (state.sCount[last] < state.blkIndent and not state.isEmpty(last)):
            rest = "-->"
            break
        rest = state.src[state.bMarks[last] + state.tShift[last] : state.eMarks[last]]
    if silent:
        return True
    _paragraph(state, rest.partition("-->")[2], line=last)
    state.line = min(last + 1, end)
    return True


def _hide_comment(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("<!--", state.pos):
        return False
    end = state.src.find("-->", state.pos + 4)
    if end < 0:
        return False
    state.pos = end + 3
    return True


def _fold(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines that begin with a fold tag; what follows the tags on the line is ordinary inline text."""
    if state.is_code_block(start):
        return False
    rest = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not _FOLD_TAG.match(rest):
        return False
    if silent:
        return True
    line, found = start, False
    while tag := _FOLD_TAG.match(rest):
        after = rest[tag.end() :]
        if tag["end"]:
            state.push("details_close", "details", -1)
        elif tag.group().lower() == "<summary>":
            line, after = _to_summary_end(state, line, end, after)
            words, ended, after = _split_summary(after)
            if not ended:
                break
            state.push("summary_open", "summary", 1)
            _inline(state, words, line=start)
            state.push("summary_close", "summary", -1)
        else:
            token = state.push("details_open", "details", 1)
            if tag["open"]:
                token.attrSet("open", "")
        rest, found = after.lstrip(), True
    if not found:
        return False
    _paragraph(state, rest, line=line)
    state.line = line + 1
    return True


def _to_summary_end(state: StateBlock, line: int, end: int, text: str) -> tuple[int, str]:
    """A summary may be written over a few lines, up to the next empty one."""
    first, so_far = line, text
    end = min(end, line + _SUMMARY_LINES)
    while not _SUMMARY_END.search(so_far) and line + 1 < end and not state.isEmpty(line + 1):
        line += 1
        so_far += "\n" + state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    return (line, so_far) if _SUMMARY_END.search(so_far) else (first, text)


def _split_summary(text: str) -> tuple[str, bool, str]:
    found = _SUMMARY_END.search(text)
    return (text[: found.start()], True, text[found.end() :]) if found else (text, False, "")


def _paragraph(state: StateBlock, text: str, *, line: int) -> None:
    if text.strip():
        state.push("paragraph_open", "p", 1)
        _inline(state, text, line=line)
        state.push("paragraph_close", "p", -1)


def _inline(state: StateBlock, text: str, *, line: int) -> None:
    token = state.push("inline", "", 0)
    token.content, token.map, token.children = text.strip(), [line, line + 1], []


def _balance(state: StateCore) -> None:
    """Close every fold inside the block that opened it, and drop ends that have no beginning there."""
    balanced: list[Token] = []
    stack: list[str] = []
    for token in state.tokens:
        if token.type == "details_close" and (not stack or stack[-1] != "details_open"):
            continue
        if token.nesting < 0:
            while stack[-1] == "details_open" and token.type != "details_close":
                balanced.append(Token("details_close", "details", -1))
                stack.pop()
            stack.pop()
        elif token.nesting > 0:
            stack.append(token.type)
        balanced.append(token)
    balanced.extend(Token("details_close", "details", -1) for _ in stack)
    state.tokens = balanced

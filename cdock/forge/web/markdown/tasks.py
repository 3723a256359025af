"""Task lists: `- [ ]` as a box to click, and a click as a change of one character of the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from cdock.forge.web.markdown.references import Surroundings

_BREAK = re.compile(r"(\r\n|\r|\n)")
_BOX = re.compile(r"\[([ xX])\](?=[ \t])")
_TASK = re.compile(r"^\[([ xX])\][ \t]+(?=\S)")


def install(parser: MarkdownIt) -> None:
    """Add the rules to a parser."""
    parser.core.ruler.push("tasks", _mark_tasks)
    parser.add_render_rule("task_box", _render_box)


def task_lines(tokens: Sequence[Token]) -> dict[int, bool]:
    """The lines (counted from 0) of a parsed text that show a task box, and whether it is ticked."""
    boxes = (child.meta for token in tokens for child in token.children or [] if child.type == "task_box")
    return {box["line"]: box["done"] for box in boxes}


def with_box(text: str, *, line: int, checked: bool) -> str:
    """The text with the box on one line ticked or cleared; line ends and all other bytes are kept."""
    pieces = _BREAK.split(text)
    pieces[2 * line] = _BOX.sub("[x]" if checked else "[ ]", pieces[2 * line], count=1)
    return "".join(pieces)


def _mark_tasks(state: StateCore) -> None:
    for item, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if item.type != "list_item_open" or paragraph.type != "paragraph_open" or inline.type != "inline":
            continue
        first = inline.children[0] if inline.children else None
        found = _TASK.match(inline.content)
        if not found or first is None or first.type != "text":
            continue
        first.content = first.content[found.end() :]
        box = Token("task_box", "", 0, meta={"line": (inline.map or [0])[0], "done": found[1] != " "})
        inline.children = [box, *(inline.children or [])]
        item.attrJoin("class", "task")


def _render_box(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    around: Surroundings = env.get("surroundings") or Surroundings()
    line, done = tokens[index].meta["line"], tokens[index].meta["done"]
    state, word = ("true", "Done") if done else ("false", "Not done")
    common = f'class="box" role="checkbox" aria-checked="{state}"'
    if not around.task_form:
        return f'<span {common} aria-disabled="true" aria-label="{word}"></span> '
    form = escape(around.task_form, quote=True)
    turned = "off" if done else "on"
    return (
        f'<button {common} type="submit" form="{form}" name="task" value="{line}:{turned}"'
        f' id="{form}-{line}" aria-label="{word}; change"></button> '
    )

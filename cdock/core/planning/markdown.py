"""Where a plan stands in a Markdown document: its block of YAML, its title and its goal."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from markdown_it import MarkdownIt
from markdown_it.token import Token

from cdock.core.planning.faults import Fault, Place

FLUX_BEGIN = "<!-- FLUX METADATA -->"
FLUX_END = "<!-- END FLUX METADATA -->"
OVERVIEW = "Overview"

_PREFIX = re.compile(r"(?i)plan:\s+")
_FIRST_KEY = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*cdock[ \t]*:")


class Dialect(Enum):
    """Whose format a block is in; the value is its outermost key."""

    OURS = "cdock"
    FLUX = "flux"


@dataclass(frozen=True)
class Block:
    """The YAML of a plan. `line` is the file's line in which it begins, `indents` what is cut off each of its lines."""

    dialect: Dialect
    yaml: str
    line: int
    indents: tuple[int, ...]

    def place(self, inside: Place) -> Place:
        """Where something of the block stands in the file."""
        indent = self.indents[inside.line - 1] if inside.line <= len(self.indents) else 0
        return Place(self.line + inside.line - 1, inside.column + indent)


@dataclass(frozen=True)
class Document:
    """What was found. Title and goal are empty where the document has none."""

    block: Block | None
    title: str
    goal: str
    faults: tuple[Fault, ...]


def document_of(text: str) -> Document:
    """The parts of the document; with two plans, or with none, one of the faults says so."""
    lines = text.split("\n")
    tokens = _tokens(text)
    found = list(_blocks(tokens, lines))
    blocks = [block for block in found if isinstance(block, Block)]
    faults = [fault for fault in found if isinstance(fault, Fault)]
    if not blocks and not faults:
        faults.append(
            Fault(
                Place(1),
                "there is no plan in it",
                f"a block ```yaml that begins with `cdock:` is wanted, or Flux's one under {FLUX_BEGIN}",
            )
        )
    faults += [
        Fault(Place(block.line - 1), "a second plan begins here", "one is wanted") for block in blocks[1:]
    ]
    title, goal = _words(tokens, lines)
    return Document(blocks[0] if blocks else None, title, goal, tuple(faults))


def _tokens(text: str) -> list[Token]:
    # Nothing here needs what is inside of paragraphs, which takes most of the time.
    parser = MarkdownIt("commonmark").disable(["inline", "text_join", "reference"])
    return [token for token in parser.parse(text) if token.level == 0 or token.type == "inline"]


def _blocks(tokens: list[Token], lines: list[str]) -> Iterator[Block | Fault]:
    top = [token for token in tokens if token.level == 0]
    for number, token in enumerate(top):
        if token.type == "fence" and _is_yaml(token) and _FIRST_KEY.match(token.content):
            yield _block(token, Dialect.OURS, lines)
        if not _is_comment(token, FLUX_BEGIN):
            continue
        here = Place(_line(token))
        after = top[number + 1 : number + 3]
        if not after or after[0].type != "fence" or not _is_yaml(after[0]):
            yield Fault(here, "no block of YAML follows", "```yaml is wanted on the next line")
        elif len(after) < 2 or not _is_comment(after[1], FLUX_END):
            yield Fault(here, "this has no end", f"{FLUX_END} is wanted behind its block")
        else:
            yield _block(after[0], Dialect.FLUX, lines)


def _is_yaml(token: Token) -> bool:
    return token.info.strip().partition(" ")[0].lower() in ("yaml", "yml")


def _is_comment(token: Token, comment: str) -> bool:
    return token.type == "html_block" and token.content.strip() == comment


def _line(token: Token) -> int:
    """The line, from 1, in which it begins."""
    return token.map[0] + 1 if token.map else 1


def _block(token: Token, dialect: Dialect, lines: list[str]) -> Block:
    first = _line(token) + 1
    inside = token.content.split("\n")[:-1]
    indents = tuple(len(lines[first - 1 + number]) - len(line) for number, line in enumerate(inside))
    return Block(dialect, token.content, first, indents)


def _words(tokens: list[Token], lines: list[str]) -> tuple[str, str]:
    """The first heading, without Flux's `PLAN:`, and what stands under the one called Overview."""
    title, goal = "", ""
    said = False
    for number, token in enumerate(tokens):
        if token.type != "heading_open" or token.map is None:
            continue
        name = tokens[number + 1].content.strip()
        if not title:
            title = _PREFIX.sub("", name, count=1) if _PREFIX.match(name) else name
        elif name.casefold() == OVERVIEW.casefold() and not said:
            said = True
            end = next((at for at in _ends(tokens[number + 1 :], token.tag)), len(lines))
            goal = "\n".join(lines[token.map[1] : end]).strip()
    return title, goal


def _ends(tokens: list[Token], heading: str) -> Iterator[int]:
    """Lines, from 0, at which a section can end."""
    for token in tokens:
        if token.map is None:
            continue
        ours = token.type == "fence" and _is_yaml(token) and _FIRST_KEY.match(token.content)
        higher = token.type == "heading_open" and token.tag <= heading
        if token.type == "hr" or higher or ours or _is_comment(token, FLUX_BEGIN):
            yield token.map[0]

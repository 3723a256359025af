"""YAML of strangers as a tree in which each value knows its place; nothing is made of it but lists, maps and text.

Anchors, aliases, tags and several documents are refused: a plan needs none of them, and a few lines with aliases can
stand for gigabytes. What is written without quotes is read as YAML 1.2 does, so that `on` and `no` are words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import yaml

from cdock.core.planning.faults import Fault, Place

DEEPEST = 24
"""Lists and maps inside one another; a parser without such a limit takes minutes for a few thousand brackets."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NUMBER = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|"
    r"\.(?:nan|NaN|NAN)"
)


class Shape(Enum):
    """What a value is; in the words of messages."""

    TEXT = "text"
    NUMBER = "a number"
    TRUTH = "true or false"
    NOTHING = "nothing"
    LIST = "a list"
    MAP = "keys with values"


@dataclass(frozen=True)
class Node:
    """One value with its place. `text` is a scalar as it was written, without its quotes."""

    place: Place
    shape: Shape
    text: str = ""
    items: tuple["Node", ...] = ()
    pairs: tuple[tuple["Node", "Node"], ...] = ()


class Faulty(Exception):
    """This is no YAML, or more than is taken."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.why)
        self.fault = fault


@dataclass
class _Open:
    """A list or map that has not ended."""

    place: Place
    shape: Shape
    inside: list[Node]

    def closed(self) -> Node:
        if self.shape is Shape.LIST:
            return Node(self.place, self.shape, items=tuple(self.inside))
        pairs = zip(self.inside[::2], self.inside[1::2], strict=True)
        return Node(self.place, self.shape, pairs=tuple(pairs))


def tree_of(text: str) -> Node | None:
    """The one document in `text`; None when there is none. Lines and columns are those of `text`.

    Raises:
        Faulty: it is no YAML, or uses what is refused.
    """
    path: list[_Open] = []
    root: Node | None = None
    for event in _events(text):
        place = _place(text, event.start_mark.index if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Faulty(Fault(place, "anchors and aliases are not taken", "write the value out"))
        if tag := getattr(event, "tag", None):
            raise Faulty(Fault(place, f"the tag {tag!r} is not taken", "leave it out"))
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise Faulty(Fault(place, "a second document begins here", "one is wanted"))
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(path) >= DEEPEST:
                raise Faulty(Fault(place, f"this is nested more than {DEEPEST} deep"))
            shape = Shape.LIST if isinstance(event, yaml.SequenceStartEvent) else Shape.MAP
            path.append(_Open(place, shape, []))
            continue
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            node = path.pop().closed()
        elif isinstance(event, yaml.ScalarEvent):
            node = Node(place, _shape(event.value) if event.style is None else Shape.TEXT, event.value)
        else:
            continue
        if path:
            path[-1].inside.append(node)
        else:
            root = node
    return root


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = ", ".join(part for part in (error.context, error.problem) if part)
        place = _place(text, mark.index) if mark else Place(1)
        raise Faulty(Fault(place, f"this is no YAML: {why}")) from error
    except yaml.reader.ReaderError as error:
        where = _place(text, error.position)
        raise Faulty(Fault(where, "this character cannot stand in YAML", 'write it as "\\uXXXX"')) from error
    except (ValueError, OverflowError) as error:
        # Figures of an escape that stand for no character.
        raise Faulty(Fault(Place(1), f"this is no YAML: {error}")) from error


def _shape(plain: str) -> Shape:
    if plain in _NULL:
        return Shape.NOTHING
    if plain in _TRUTH:
        return Shape.TRUTH
    return Shape.NUMBER if _NUMBER.fullmatch(plain) else Shape.TEXT


def _place(text: str, index: int) -> Place:
    """By our own count: the parser takes characters for ends of lines that editors do not."""
    before = text[:index]
    return Place(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)

"""What is wrong with a document, and where in its file a person finds it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from cdock.core.errors import Misconfigured

SHOWN = 20
"""Faults that are told in full; of a file of another kind there may be thousands."""
WIDTH = 100
"""Characters of a line that are shown."""


@dataclass(frozen=True, order=True)
class Place:
    """A character of a file: line and column, both from 1."""

    line: int
    column: int = 1


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: where, what, and what is wanted instead (empty when the first says it)."""

    place: Place
    why: str
    wanted: str = ""

    def __str__(self) -> str:
        return f"{self.why}; {self.wanted}" if self.wanted else self.why


class Unreadable(Misconfigured):
    """A document is none of the kind that it should be; `faults` are all that was found, in the order of the file."""

    def __init__(self, faults: Iterable[Fault], *, text: str, name: str, what: str, code: str) -> None:
        self.faults = tuple(sorted(set(faults)))
        count = len(self.faults)
        told = [_told(fault, text.split("\n"), name) for fault in self.faults[:SHOWN]]
        if count > SHOWN:
            told.append(f"  … and {count - SHOWN} more")
        super().__init__(
            "\n".join((f"{name} is no {what}: {count} {'fault' if count == 1 else 'faults'}", *told)),
            code=code,
            tried=f"reading {name}",
            fix="mend these lines; nothing was begun",
        )


def _told(fault: Fault, lines: list[str], name: str) -> str:
    place = fault.place
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    start = max(0, place.column - WIDTH * 3 // 4)
    shown = "".join(c if c.isprintable() else "?" for c in line[start : start + WIDTH])
    why = "".join(c if c.isprintable() else "?" for c in str(fault))
    said = f"  {name}:{place.line}:{place.column}: {why}"
    if not shown.strip():
        return said
    number = f"{place.line:>6} | "
    mark = " " * (len(number) - 2) + "| " + " " * (place.column - 1 - start) + "^"
    return f"{said}\n{number}{shown}\n{mark}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the known word that is most like this one; empty when none is like it."""
    close = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""

"""The patch of a file as hunks of numbered lines to show."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")


@dataclass(frozen=True)
class Line:
    """One line of a hunk."""

    kind: str
    """added, removed, same, or note (git's `No newline at end of file`)."""
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True)
class Hunk:
    """Lines that stand together."""

    heading: str
    """Where it is, as git says it: line numbers, and the function around it."""
    lines: tuple[Line, ...]


def parse_hunks(patch: str) -> tuple[Hunk, ...]:
    """Read the hunks of one file."""
    hunks: list[Hunk] = []
    lines = patch.split("\n")
    place = 0
    while place < len(lines):
        found = _HUNK.match(lines[place])
        if not found:
            place += 1
            continue
        old, new = int(found[1]), int(found[3])
        old_end, new_end = old + _count(found[2]), new + _count(found[4])
        place += 1
        rows: list[Line] = []
        # The counts in the heading say where the hunk ends: its text may look like a heading too.
        while place < len(lines) and (old < old_end or new < new_end or lines[place].startswith("\\")):
            mark, words = lines[place][:1], lines[place][1:]
            if mark == "+":
                rows.append(Line("added", None, new, words))
                new += 1
            elif mark == "-":
                rows.append(Line("removed", old, None, words))
                old += 1
            elif mark == "\\":
                rows.append(Line("note", None, None, words.strip()))
            else:
                rows.append(Line("same", old, new, words))
                old, new = old + 1, new + 1
            place += 1
        hunks.append(Hunk(found[0], tuple(rows)))
    return tuple(hunks)


def _count(digits: str | None) -> int:
    return 1 if digits is None else int(digits)

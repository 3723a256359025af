"""Lines of a diff: which can be commented, where they stand in a patch, and where they are after more commits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cdock.forge.domain import diffs
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.repos import Repo

LEFT: Final = "LEFT"
RIGHT: Final = "RIGHT"
SIDES: Final = (LEFT, RIGHT)
_HEADING: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class DiffLine:
    """A line of a patch: its numbers in the old and new file, None where it is not in that file.

    `position` counts the lines below the first hunk heading, from 1; `hunk` is the hunk down to this line.
    """

    old: int | None
    new: int | None
    position: int
    hunk: str

    def number(self, side: str) -> int | None:
        """Its number in the file of one side."""
        return self.old if side == LEFT else self.new


def lines_of(patch: str) -> Iterator[DiffLine]:
    """The lines of a file's patch that are in one of the two files."""
    old = new = old_end = new_end = 0
    start, rows = 0, patch.split("\n")
    for index, row in enumerate(rows):
        # Inside a hunk only the counts in its heading say what is a heading: text may look like one.
        if old >= old_end and new >= new_end and (found := _HEADING.match(row)):
            old, new, start = int(found[1]), int(found[3]), index
            old_end, new_end = old + _count(found[2]), new + _count(found[4])
            continue
        mark = row[:1]
        if mark == "\\" or (old >= old_end and new >= new_end):
            continue
        yield DiffLine(
            old=None if mark == "+" else old,
            new=None if mark == "-" else new,
            position=index,
            hunk="\n".join(rows[start : index + 1]),
        )
        old, new = old + (mark != "+"), new + (mark != "-")


def line_at(patch: str, *, side: str, number: int) -> DiffLine | None:
    """The line with this number on one side of a patch, or None when the patch does not show it."""
    return next((line for line in lines_of(patch) if line.number(side) == number), None)


def line_at_position(patch: str, position: int) -> DiffLine | None:
    """The line at a position (see `DiffLine`), or None."""
    return next((line for line in lines_of(patch) if line.position == position), None)


def change_of(changes: tuple[FileChange, ...], path: str) -> FileChange | None:
    """The change of the file at this path, or None when it is not changed."""
    return next((change for change in changes if change.path == path), None)


def moved(repo: Repo, old: str, new: str, path: str, number: int | None) -> tuple[str, int | None] | None:
    """Where a line of a file in one commit is in another: path and number; None when it was changed or removed.

    Without a number the answer is about the file alone.
    """
    changed = diffs.difference(repo, old, new)
    change = next((one for one in changed if (one.previous or one.path) == path), None)
    if change is None:
        return path, number
    if change.status == "removed":
        return None
    if number is None:
        return change.path, None
    shift = 0
    for line in lines_of(change.patch or ""):
        if line.old == number:
            return (change.path, line.new) if line.new is not None else None
        if line.old is not None and line.old > number:
            break
        shift += (line.old is None) - (line.new is None)
    return change.path, number + shift


def _count(digits: str | None) -> int:
    return 1 if digits is None else int(digits)

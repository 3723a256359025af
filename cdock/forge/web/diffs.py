"""The output of `git diff` as files, hunks and numbered lines to show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "r": "\r", "v": "\v"}


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


@dataclass(frozen=True)
class FileDiff:
    """What happened to one file."""

    path: str
    old_path: str
    change: str
    """added, removed, renamed, copied or modified."""
    binary: bool
    hunks: tuple[Hunk, ...]

    @property
    def added(self) -> int:
        """The number of added lines."""
        return sum(line.kind == "added" for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """The number of removed lines."""
        return sum(line.kind == "removed" for hunk in self.hunks for line in hunk.lines)

    @property
    def length(self) -> int:
        """The number of lines to show."""
        return sum(len(hunk.lines) for hunk in self.hunks)


def parse_diff(text: str) -> tuple[FileDiff, ...]:
    """Read what `git diff` printed. Lines that it never prints are passed over."""
    lines = text.split("\n")
    # A line of a hunk has a mark before it, so no file can contain such a heading.
    starts = [place for place, line in enumerate(lines) if line.startswith("diff --git ")]
    return tuple(_file(lines[start:end]) for start, end in pairwise([*starts, len(lines)]))


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


def _file(lines: list[str]) -> FileDiff:
    facts: dict[str, str] = {}
    binary = False
    body = len(lines)
    for place, line in enumerate(lines[1:], start=1):
        if line.startswith("@@ "):
            body = place
            break
        if line.startswith(("Binary files ", "GIT binary patch")):
            binary, body = True, len(lines)
            break
        for key in ("rename from", "rename to", "copy from", "copy to", "---", "+++"):
            if line.startswith(key + " "):
                facts[key] = _unquoted(line[len(key) + 1 :].rstrip("\t"))
        if line.startswith(("new file", "deleted file")):
            facts[line.split(" ", 1)[0]] = line
    old, new = _paths(lines[0], facts)
    kinds = (("new", "added"), ("deleted", "removed"), ("rename to", "renamed"), ("copy to", "copied"))
    change = next((kind for key, kind in kinds if key in facts), "modified")
    hunks = () if binary else parse_hunks("\n".join(lines[body:]))
    return FileDiff(path=new, old_path=old, change=change, binary=binary, hunks=hunks)


def _paths(heading: str, facts: dict[str, str]) -> tuple[str, str]:
    """Old and new path; the heading alone is ambiguous when names have spaces, so it is asked last."""
    old, new = (
        facts.get("rename from") or facts.get("copy from"),
        facts.get("rename to") or facts.get("copy to"),
    )
    if old and new:
        return old, new
    old, new = facts.get("---", "/dev/null"), facts.get("+++", "/dev/null")
    if (old, new) == ("/dev/null", "/dev/null"):
        both = heading.removeprefix("diff --git ")
        name = _unquoted(both[: len(both) // 2])[2:]
        return name, name
    old, new = old.removeprefix("a/"), new.removeprefix("b/")
    return (new if old == "/dev/null" else old), (old if new == "/dev/null" else new)


def _unquoted(path: str) -> str:
    """Git writes a name with unusual bytes like a C string."""
    if not (path.startswith('"') and path.endswith('"')):
        return path
    raw = bytearray()
    for found in re.finditer(r"\\([0-7]{3})|\\(.)|([^\\]+)", path[1:-1]):
        if found[1]:
            raw.append(int(found[1], 8) & 0xFF)
        else:
            raw += (_ESCAPES.get(found[2], found[2]) if found[2] else found[3]).encode()
    return raw.decode("utf-8", "replace")

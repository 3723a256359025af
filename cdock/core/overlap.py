"""Whether two tasks would change the same files: by the globs their issues name, and by what their work touches.

Globs are those of a shell: `*` and `?` stay within a directory, `**` does not, and what names a directory means all
that is in it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

WILD = "*?["


@dataclass(frozen=True)
class Files:
    """What the task of an issue changes: `globs` by its text, `paths` as far as its work was seen."""

    issue: int
    globs: tuple[str, ...] = ()
    paths: frozenset[str] = frozenset()


def shared(one: Files, other: Files) -> str:
    """A glob or a path that both would change; empty when there is none as far as is known."""
    for glob in one.globs:
        if any(may_meet(glob, theirs) for theirs in other.globs) or _touches(glob, other.paths):
            return glob
    return next((glob for glob in other.globs if _touches(glob, one.paths)), "")


def _touches(glob: str, paths: Collection[str]) -> bool:
    fixed = _fixed(glob)
    return any(
        may_meet(glob, path) for path in paths if path.startswith(fixed) or fixed.startswith(f"{path}/")
    )


def _fixed(glob: str) -> str:
    """What every path begins with that a glob means."""
    at = min((glob.find(sign) for sign in WILD if sign in glob), default=len(glob))
    return glob[:at].removeprefix("./")


@lru_cache(maxsize=65_536)
def may_meet(one: str, other: str) -> bool:
    """Whether some path may be meant by both globs; where sets of characters are named, any is taken for a match."""
    return _meet(_parts(one), _parts(other), star="**", same=_same)


def _parts(glob: str) -> tuple[str, ...]:
    parts = tuple(part for part in glob.strip().split("/") if part not in ("", "."))
    # A directory stands for all in it, and so does one that a file is named by.
    return (*parts, "**") if parts[-1:] != ("**",) else parts


def _meet(one: Sequence[str], other: Sequence[str], *, star: str, same: Callable[[str, str], bool]) -> bool:
    """Whether one text fits both patterns: which places of them can be reached together, a row for each of `one`."""
    row = [True] + [False] * len(other)
    for mine in (*one, None):
        new = [False] * len(row)
        for j, theirs in enumerate((*other, None)):
            if not row[j]:
                continue
            if mine is not None and star in (mine, theirs):
                new[j] = True
            if theirs is not None and star in (mine, theirs):
                row[j + 1] = True
            if mine is not None and theirs is not None and star not in (mine, theirs) and same(mine, theirs):
                new[j + 1] = True
        if mine is None:
            break
        row = new
    return row[-1]


def _same(one: str, other: str) -> bool:
    """Whether some name may be meant by both segments."""
    if not any(sign in one or sign in other for sign in WILD):
        return one == other
    return _meet(_signs(one), _signs(other), star="*", same=lambda a, b: a == b or "?" in (a, b))


def _signs(segment: str) -> list[str]:
    """Its characters, a set of them (`[a-z]`) as any one."""
    signs: list[str] = []
    at = 0
    while at < len(segment):
        end = segment.find("]", at + 2) if segment[at] == "[" else -1
        signs.append("?" if end > 0 else segment[at])
        at = end + 1 if end > 0 else at + 1
    return signs

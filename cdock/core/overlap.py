"""Whether two tasks would change the same files: by the globs their issues name, and by what their work touches.

Globs are those of a shell: `*` and `?` stay within a directory, `**` does not, and what names a directory means all
that is in it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

WILD = "*?["
SEGMENTS = 40
"""Directories that a glob names one by one; below them it is taken for all there is."""


@dataclass(frozen=True)
class Files:
    """What the task of an issue changes: `globs` by its text, `paths` as far as its work was seen.

    Of one `batch` only one is ever merged, so its members do not get into each other's way.
    """

    issue: int
    globs: tuple[str, ...] = ()
    paths: frozenset[str] = frozenset()
    batch: str = ""

    def beside(self, other: "Files") -> bool:
        """Whether both may be merged."""
        return self.issue != other.issue and not (self.batch and self.batch == other.batch)


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
    return _meet(_parts(one), _parts(other))


def _parts(glob: str) -> tuple[str, ...]:
    parts = tuple(part for part in glob.strip().split("/") if part not in ("", "."))
    if len(parts) > SEGMENTS:
        return (*parts[:SEGMENTS], "**")
    # A directory stands for all in it, and so does one that a file is named by.
    return (*parts, "**") if parts[-1:] != ("**",) else parts


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether some path fits both: which places of them can be reached together, a row for each segment of `one`."""
    row = [True] + [False] * len(other)
    for mine in (*one, None):
        new = [False] * len(row)
        for j, theirs in enumerate((*other, None)):
            if not row[j]:
                continue
            if mine is not None and "**" in (mine, theirs):
                new[j] = True
            if theirs is not None and "**" in (mine, theirs):
                row[j + 1] = True
            if mine is not None and theirs is not None and "**" not in (mine, theirs) and _same(mine, theirs):
                new[j + 1] = True
        if mine is None:
            break
        row = new
    return row[-1]


@lru_cache(maxsize=65_536)
def _same(one: str, other: str) -> bool:
    """Whether some name may be meant by both segments.

    The places of `other` that can be reached are the bits of one number: strangers write globs, and long ones full of
    wildcards are compared in every tick.
    """
    if not any(sign in one or sign in other for sign in WILD):
        return one == other
    signs, places = _signs(other), _places(_signs(other))
    stars, any_ = places.get("*", 0), places.get("?", 0)
    whole = (1 << (len(signs) + 1)) - 1
    single = whole >> 1 & ~stars
    # A star may mean nothing at all, and there are no two beside one another.
    row = 1 | (1 & stars) << 1
    for sign in _signs(one):
        if sign == "*":
            # From the first place on everything can be reached.
            row = whole & ~((row & -row) - 1) if row else 0
            continue
        taken = single if sign == "?" else any_ | places.get(sign, 0)
        row = (row & taken) << 1 | (row & stars)
        row |= (row & stars) << 1
    return bool(row >> len(signs))


def _places(signs: Sequence[str]) -> dict[str, int]:
    """Where each sign stands, as the bits of a number."""
    found: dict[str, int] = {}
    for place, sign in enumerate(signs):
        found[sign] = found.get(sign, 0) | 1 << place
    return found


def _signs(segment: str) -> list[str]:
    """Its characters, a set of them (`[a-z]`) as any one, and of stars in a row one."""
    signs: list[str] = []
    at = 0
    while at < len(segment):
        end = segment.find("]", at + 2) if segment[at] == "[" else -1
        sign = "?" if end > 0 else segment[at]
        if sign != "*" or signs[-1:] != ["*"]:
            signs.append(sign)
        at = end + 1 if end > 0 else at + 1
    return signs

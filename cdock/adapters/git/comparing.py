"""How much a branch of the forge changes, without a worktree of it."""

from cdock.adapters.git.changes import measured
from cdock.adapters.git.command import Git
from cdock.adapters.git.place import Place

TIMEOUT = 60.0


def size(place: Place, tip: str, *, of: str) -> tuple[int, int]:
    """Lines that `tip` adds and removes since it left the branch at `of`, and how many files it changes.

    Both have to be fetched. Without a common history all of it counts.
    """
    mirror = Git(place.mirror)
    common = mirror.run("merge-base", of, tip, check=False, timeout=TIMEOUT)
    empty = mirror.run("hash-object", "-t", "tree", "--stdin", input=b"", timeout=TIMEOUT).text
    lines, paths = measured(mirror, common.text if common.code == 0 else empty, tip)
    return lines, len(paths)

"""What the work on a task changes: how many lines, which files, and as a patch for people."""

import logging
import shutil
import tempfile
from collections.abc import Collection, Generator, Mapping
from contextlib import closing

from cdock.adapters.git.command import Git
from cdock.adapters.git.history import Standing, is_ancestor
from cdock.adapters.git.note import FOLDER
from cdock.adapters.git.place import Place
from cdock.core.errors import Unavailable
from cdock.core.ids import TaskId

TIMEOUT = 60.0
LIMIT = 2 * 1024 * 1024
"""Bytes of a patch; nobody reads more."""
MOST_PATHS = 1000
"""Files that are remembered of one task; whoever changes more is in everybody's way without a list."""
# Nothing that a repository may bring along has a say: no drivers, no pairing of files, which costs their square.
_PLAIN = (
    "-c",
    "core.bigFileThreshold=16m",
    "diff",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-color",
)

log = logging.getLogger(__name__)


def started_at(store: Git, standing: Standing, *, default: str) -> str:
    """The commit that the work is compared with: where it began, or what it took in of the default branch since."""
    done = store.run("merge-base", default, standing.head, check=False) if default else None
    common = done.text if done and done.code == 0 else ""
    # Merged work is in the default branch whole, and is shown as what it was.
    if common in ("", standing.base, standing.head) or not is_ancestor(store, standing.base, of=common):
        return standing.base
    return common


def measured(store: Git, start: str, head: str) -> tuple[int, tuple[str, ...]]:
    """Lines that are added and removed from `start` to `head`, and the files, up to `MOST_PATHS` of them.

    Binary files have no lines. Nothing of either when it takes too long.
    """
    lines = 0
    paths: list[str] = []
    try:
        with closing(store.records(*_PLAIN, "--numstat", "-z", start, head, timeout=TIMEOUT)) as records:
            for record in records:
                added, removed, path = record.split(b"\t", 2)
                lines += sum(int(number) for number in (added, removed) if number.isdigit())
                if len(paths) < MOST_PATHS:
                    paths.append(path.decode(errors="replace"))
    except Unavailable as error:
        log.warning("the lines of the work are not counted", extra={"commit": head, "error": error.message})
        return 0, ()
    return lines, tuple(paths)


def files_of(store: Git, start: str, tip: str) -> tuple[str, ...]:
    """The files that differ from `start` to `tip`, up to `MOST_PATHS` of them; none when it takes too long."""
    paths: list[str] = []
    try:
        with closing(store.records(*_PLAIN, "--name-only", "-z", start, tip, timeout=TIMEOUT)) as records:
            for record in records:
                paths.append(record.decode(errors="replace"))
                if len(paths) == MOST_PATHS:
                    break
    except Unavailable as error:
        log.warning("the files of the work are not listed", extra={"commit": tip, "error": error.message})
        return ()
    return tuple(paths)


def noted_files(store: Git, paths: Collection[str]) -> str:
    """The blob in the store that lists these files; empty for none."""
    return store.run("hash-object", "-w", "--stdin", input="\0".join(paths).encode()).text if paths else ""


def read_files(store: Git, blobs: Collection[str]) -> dict[str, frozenset[str]]:
    """The files that each of these blobs lists; one git for all of them."""
    if not blobs:
        return {}
    rest = store.run("cat-file", "--batch", input="".join(f"{blob}\n" for blob in blobs).encode()).out
    found: dict[str, frozenset[str]] = {}
    while rest:
        head, _, rest = rest.partition(b"\n")
        oid, _, *size = head.decode().split()
        if size:
            content, rest = rest[: int(size[0])], rest[int(size[0]) + 1 :]
            found[oid] = frozenset(content.decode(errors="replace").split("\0"))
    return found


def patch(place: Place, task: TaskId, standing: Standing, *, start: str, shown: bool) -> str:
    """The work since the commit `start`, then what the agent has not committed, then what a person edited.

    The last is looked for where the worktree is `shown`. Each part is made for the files as the ones before leave
    them; `git apply` reads over the headings between them.
    """
    store = Git(place.store)
    text = bytearray()
    with closing(_parts(place, task, standing, store=store, start=start, shown=shown)) as parts:
        for heading, git, args, env in parts:
            diff, more = git.beginning(
                *_PLAIN, *args, most=max(0, LIMIT - len(text)), env=env, timeout=TIMEOUT
            )
            if diff and heading:
                text += f"# {heading}\n".encode()
            text += diff
            if more:
                whole = text[: text.rfind(b"\n") + 1].decode(errors="replace")
                return f"{whole}# This is not all: a patch is shown up to {LIMIT} bytes.\n"
    return text.decode(errors="replace")


_Part = tuple[str, Git, tuple[str, ...], Mapping[str, str]]


def _parts(
    place: Place, task: TaskId, standing: Standing, *, store: Git, start: str, shown: bool
) -> Generator[_Part, None, None]:
    """What is compared, in order: a heading, where, by which words, in which surroundings."""
    yield "", store, (start, standing.head), {}
    if standing.unfinished:
        yield "Not committed yet by the agent:", store, (f"{standing.unfinished}^", standing.unfinished), {}
    if shown:
        repository, path = place.worktree_repository(task), place.worktree(task)
        where = ("--", ".", f":(exclude,top){FOLDER}")
        tree = Git(repository, tree=path)
        # New files are part of it too, and are named in a copy of the index: the worktree's own is the person's.
        with tempfile.TemporaryDirectory(prefix=".diff.", dir=place.store.parent) as scratch:
            index = {"GIT_INDEX_FILE": str(shutil.copy(repository / "index", scratch))}
            tree.run("add", "--intent-to-add", *where, env=index, timeout=TIMEOUT, check=False)
            yield f"Not committed, by a person in {path}:", tree, ("HEAD", *where), index

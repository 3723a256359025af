"""What the work on a task changes: how many lines, and as a patch for people."""

import logging
import re
import shutil
import tempfile
from collections.abc import Generator, Mapping
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
_COUNTED = re.compile(r"(\d+) (?:insertion|deletion)")

log = logging.getLogger(__name__)


def started_at(store: Git, standing: Standing, *, default: str) -> str:
    """The commit that the work is compared with: where it began, or what it took in of the default branch since."""
    done = store.run("merge-base", default, standing.head, check=False) if default else None
    common = done.text if done and done.code == 0 else ""
    # Merged work is in the default branch whole, and is shown as what it was.
    if common in ("", standing.base, standing.head) or not is_ancestor(store, standing.base, of=common):
        return standing.base
    return common


def lines_of(store: Git, start: str, head: str) -> int:
    """Lines that are added and removed from `start` to `head`; binary files have none. 0 when it takes too long."""
    try:
        shown = store.run(*_PLAIN, "--shortstat", start, head, timeout=TIMEOUT).text
    except Unavailable as error:
        log.warning("the lines of the work are not counted", extra={"commit": head, "error": error.message})
        return 0
    return sum(int(number) for number in _COUNTED.findall(shown))


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

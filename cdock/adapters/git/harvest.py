"""Take commits from a place nobody vouches for: fetch them into a quarantine repository and judge them there."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from cdock.adapters.git.command import Git, error_of
from cdock.adapters.git.history import commit_at, is_ancestor
from cdock.adapters.git.place import Place, branch_ref, ensure_bare
from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.ids import TaskId

TASK = "refs/heads/task"
"""The ref inside the quarantine."""
OURS = b".cdock"
_GIB = 1024**3
_NO_REPOSITORY = "does not appear to be a git repository"


@dataclass(frozen=True)
class Limits:
    """How much one harvest may bring. `transfer` and `content` are in bytes, `timeout` in seconds for each command.

    `content` is what a checkout would write; a small transfer can hold a tree with more paths than atoms.
    """

    transfer: int = _GIB
    content: int = 8 * _GIB
    entries: int = 1_000_000
    timeout: float = 90.0


@contextmanager
def quarantine(place: Place, task: TaskId) -> Iterator[Git]:
    """A repository that knows only what is published, for the time of one harvest.

    Whatever else the host has, the sender cannot have it taken for its own work by merely naming its hash.
    """
    path = place.intake(task)
    shutil.rmtree(path, ignore_errors=True)  # left by a crash
    ensure_bare(path, borrow=place.mirror)
    try:
        yield Git(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def fetch(intake: Git, *, branch: str, remote: Remote, base: str, limits: Limits) -> str:
    """Fetch `branch` from `remote`; its commit.

    Raises:
        Refused: there is no such branch, or its objects are broken, forbidden or too big.
        Unavailable: no answer in time, or the pipe broke.
    """
    done = intake.run(
        # Always a pack, judged by one program; little memory for each object, however it is compressed.
        *("-c", "fetch.unpackLimit=1", "-c", "core.bigFileThreshold=16m", "-c", "pack.threads=1"),
        *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
        # Without a tip of its own the client would tell the sender about every branch of the mirror.
        *(f"--negotiation-tip={base}", f"--upload-pack={remote.upload_pack}"),
        # As an address, because a plain path that is a file is read as a bundle, past the pipe.
        *(f"file://{remote.path}", f"+{branch_ref(branch)}:{TASK}"),
        env={"GIT_ALLOW_PROTOCOL": "file"},
        timeout=limits.timeout,
        max_file=limits.transfer,
        check=False,
    )
    if done.code != 0:
        error = error_of(done)
        # The words are the sender's, so they may never pass for trouble with our own credential.
        if not isinstance(error, Unavailable) or _NO_REPOSITORY in done.err:
            raise Refused(
                f"the commits could not be fetched: {done.err or error.message}",
                tried=f"fetching {branch} from the workspace",
            ) from error
        raise error
    return commit_at(intake, TASK)


def check(intake: Git, new: str, *, base: str, pushed: str, folders: Collection[str], limits: Limits) -> None:
    """Judge the commit `new`, which is to follow `base` and what was `pushed`.

    `folders` are the trees that `.cdock` may be; an empty one stands for its absence.

    Raises:
        Refused: with the reason, written for the agent's next attempt as much as for a person.
    """
    if not is_ancestor(intake, base, of=new):
        raise Refused(f"the branch does not contain {base[:12]}, the commit the work started from")
    if pushed and not is_ancestor(intake, pushed, of=new):
        raise Refused(f"the branch does not contain {pushed[:12]}, which is already on the forge")
    entries = size = 0
    folder = ""
    listing = intake.records("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", new, timeout=limits.timeout)
    with closing(listing):
        for record in listing:
            about, _, path = record.partition(b"\t")
            mode, kind, oid, length = about.split()
            entries += 1
            size += int(length) if length.isdigit() else 0
            if entries > limits.entries:
                raise Refused(f"the commit has more than {limits.entries} files and directories")
            if size > limits.content:
                raise Refused(f"the files of the commit are larger than {limits.content} bytes together")
            if b"/" not in path and path.lower() == OURS:
                if path != OURS or kind != b"tree":
                    raise Refused(f"{path.decode()} is not a directory (mode {mode.decode()})")
                folder = oid.decode()
    if folder not in folders:
        raise Refused("the commits change files below .cdock/, which is for people only")


def folders_of(mirror: Git, *commits: str) -> frozenset[str]:
    """The trees that `.cdock` is in these commits (or refs); empty where there is none."""
    asked = "".join(f"{commit}:{OURS.decode()}\n" for commit in commits)
    answers = mirror.run("cat-file", "--batch-check", input=asked.encode()).text.splitlines()
    return frozenset("" if answer.endswith(" missing") else answer.split()[0] for answer in answers)

"""Take commits from a place nobody vouches for: fetch them into a quarantine repository and judge them there."""

import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from cdock.adapters.git.command import Done, Git, error_of
from cdock.adapters.git.history import commit_at, is_ancestor
from cdock.adapters.git.place import Place, branch_ref, ensure_bare
from cdock.core.errors import CdockError, Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.ids import TaskId
from cdock.core.quoting import closed_by

TASK = "refs/heads/task"
"""The ref inside the quarantine."""
SNAPSHOT = "refs/cdock/wip"
"""The ref in which a run sets down what it has not committed; inside the quarantine as well."""
OURS = b".cdock"
_GIB = 1024**3
# What upload-pack says before it gives up on a repository; not what our side says when the pipe ends.
_AT_FAULT = re.compile(
    r"^fatal: (?!could not read from remote|the remote end hung up|early eof|fetch-pack: invalid index-pack"
    r"|protocol error: bad pack header)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Limits:
    """How much one harvest may bring. Sizes are in bytes, `timeout` in seconds for each command.

    `content` is what a checkout would write; a small transfer can hold a tree with more paths than atoms.
    `unfinished` is the transfer of what was not committed: it goes to the forge in one push with the claim, whose
    lease must not run out over it.
    """

    transfer: int = _GIB
    unfinished: int = 64 * 1024**2
    content: int = 8 * _GIB
    entries: int = 1_000_000
    commits: int = 10_000
    timeout: float = 90.0


@contextmanager
def quarantine(place: Place, task: TaskId) -> Iterator[Path]:
    """A repository that knows only what is published, for the time of one harvest.

    Whatever else the host has, the sender cannot have it taken for its own work by merely naming its hash.
    """
    path = place.intake(task)
    shutil.rmtree(path, ignore_errors=True)  # left by a crash
    ensure_bare(path, borrow=place.mirror)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def fetch(intake: Path, *, branch: str, remote: Remote, base: str, limits: Limits) -> str:
    """Fetch `branch` from `remote`; its commit.

    Raises:
        Refused: there is no such branch, or its objects are broken, forbidden or too big.
        Unavailable: no answer in time, or the pipe broke.
    """
    done = _fetch(intake, f"+{branch_ref(branch)}:{TASK}", remote=remote, tips=(base,), limits=limits)
    if done.code != 0:
        raise _reason(intake, done, name=branch, limits=limits)
    return commit_at(Git(intake), TASK)


def fetch_unfinished(intake: Path, *, remote: Remote, base: str, limits: Limits) -> str:
    """Fetch what the run has set down of its uncommitted work, after its branch; empty when there is nothing.

    Raises:
        Refused: its objects are broken, forbidden or too big.
        Unavailable: no answer in time, or the pipe broke.
    """
    # Apart from the branch, so that whatever is wrong with it is no fault of good commits.
    limits = replace(limits, transfer=min(limits.transfer, limits.unfinished))
    done = _fetch(intake, f"+{SNAPSHOT}:{SNAPSHOT}", remote=remote, tips=(base, TASK), limits=limits)
    if done.code == 0:
        if commit := commit_at(Git(intake), SNAPSHOT):
            return commit
        raise Refused(f"{SNAPSHOT} of the workspace is no commit")
    if f"couldn't find remote ref {SNAPSHOT}" in done.err:
        return ""
    raise _reason(intake, done, name=SNAPSHOT, limits=limits)


def _fetch(intake: Path, refspec: str, *, remote: Remote, tips: Collection[str], limits: Limits) -> Done:
    return Git(intake).run(
        # Always a pack, judged by one program; little memory for each object, however it is compressed.
        *("-c", "fetch.unpackLimit=1", "-c", "core.bigFileThreshold=16m", "-c", "pack.threads=1"),
        *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
        # Without tips of its own the client would tell the sender about every branch of the mirror.
        *(f"--negotiation-tip={tip}" for tip in tips),
        f"--upload-pack={remote.upload_pack}",
        # As an address, because a plain path that is a file is read as a bundle, past the pipe.
        *(f"file://{quote(remote.path)}", refspec),
        env={"GIT_ALLOW_PROTOCOL": "file"},
        timeout=limits.timeout,
        max_file=limits.transfer,
        check=False,
    )


def _reason(intake: Path, done: Done, *, name: str, limits: Limits) -> CdockError:
    """Whether the repository is at fault, or only the way to it.

    The words are the sender's, so no more is read in them; they never pass for trouble with our own credential.
    """
    tried = f"fetching {name} from the workspace"
    # The program that writes is ended by a signal at the limit, and says nothing; its file is left half-written.
    if max((f.stat().st_size for f in intake.rglob("tmp_*")), default=0) >= limits.transfer:
        return Refused(f"the commits are more than {limits.transfer} bytes", tried=tried)
    error = error_of(done)
    if isinstance(error, Unavailable) and not _AT_FAULT.search(done.err):
        return error
    return Refused(f"the commits could not be fetched: {done.err or error.message}", tried=tried)


def check(
    intake: Path,
    new: str,
    *,
    bases: Sequence[str],
    pushed: str,
    known: Collection[str],
    closes: int,
    folders: Collection[str],
    limits: Limits,
) -> None:
    """Judge the commit `new`, which is to follow one of `bases` and what was `pushed`, whose messages may close
    the issue `closes`.

    Messages of commits that are in one of `known` are not ours to judge. For `folders` see `check_files`.

    Raises:
        Refused: with the reason, written for the agent's next attempt as much as for a person.
    """
    git = Git(intake)
    if not any(is_ancestor(git, base, of=new) for base in bases):
        raise Refused(f"the branch does not contain {bases[0][:12]}, the commit the work started from")
    if pushed and not is_ancestor(git, pushed, of=new):
        raise Refused(f"the branch does not contain {pushed[:12]}, which is already on the forge")
    _check_messages(git, new, known=known, closes=closes, limits=limits)
    check_files(intake, new, folders=folders, limits=limits)


def check_files(intake: Path, new: str, *, folders: Collection[str], limits: Limits) -> None:
    """Judge the files of the commit `new`: how many, how large, and that they leave `.cdock` alone.

    `folders` are the trees that `.cdock` may be; an empty one stands for its absence.

    Raises:
        Refused: with the reason, as above.
    """
    git = Git(intake)
    entries = size = 0
    folder = ""
    listing = git.records("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", new, timeout=limits.timeout)
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


def _check_messages(git: Git, new: str, *, known: Collection[str], closes: int, limits: Limits) -> None:
    """A message acts when it is merged: it may close the task's own issue, and no other one."""
    listing = git.records("log", "-z", "--format=%H%n%B", new, "--not", *known, timeout=limits.timeout)
    with closing(listing):
        for count, record in enumerate(listing):
            if count >= limits.commits:
                raise Refused(f"the branch has more than {limits.commits} new commits")
            commit, _, message = record.decode(errors="replace").partition("\n")
            if closed := closed_by(message, own=closes):
                raise Refused(
                    f"the message of commit {commit[:12]} would close {closed}, which is not this task's issue: "
                    "write it without that keyword (git commit --amend, or git rebase)"
                )


def folders_of(mirror: Git, *commits: str) -> frozenset[str]:
    """The trees that `.cdock` is in these commits (or refs); empty where there is none."""
    asked = "".join(f"{commit}:{OURS.decode()}\n" for commit in commits)
    answers = mirror.run("cat-file", "--batch-check", input=asked.encode()).text.splitlines()
    return frozenset("" if answer.endswith(" missing") else answer.split()[0] for answer in answers)

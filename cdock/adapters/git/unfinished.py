"""What an agent has not committed: taken over as a commit of our own, which follows the accepted work.

Only the files of a run's snapshot are taken. Its message and its history are the agent's, were judged by nobody, and
would reach the forge with it.
"""

from pathlib import Path

from cdock.adapters.git.command import Git
from cdock.core.ids import TaskId


def side_ref(namespace: str, issue: int) -> str:
    """Where the forge keeps unfinished work of the task of `issue`: beside the claims, which are below `namespace`."""
    folder, _, name = namespace.rpartition("/")
    beside = f"{name.removesuffix('claims')}wip" if name.endswith("claims") else f"{name}-wip"
    return f"{folder}/{beside}/{issue}"


def adopted(intake: Path, snapshot: str, *, task: TaskId, head: str, before: str, store: Git) -> str:
    """The commit in the quarantine that stands for `snapshot`; empty when there is nothing on top of `head`.

    It is `before`, which the store has, when nothing has changed since.
    """
    git = Git(intake)
    (tree, *parents), (there, *_) = _trees(git, snapshot, head)
    # A snapshot of an earlier commit lacks what was committed since: as a commit on `head` it would take that back.
    # The first commit that it follows is the one it was made on.
    if tree == there or parents[:1] != [head]:
        return ""
    if before and _trees(store, before) == [[tree, head]]:
        return before
    return git.run("commit-tree", tree, "-p", head, input=_message(task).encode()).text


def made_on(git: Git, unfinished: str, *, task: TaskId) -> str:
    """The commit that this unfinished work of `task` was made on; empty when it is something else."""
    # An earlier task of the same issue may have left it on the forge.
    on, _, message = git.run("log", "--no-walk", "--format=%P%n%B", unfinished).text.partition("\n")
    return on if message.strip() == _message(task).strip() and " " not in on else ""


def _trees(git: Git, *commits: str) -> list[list[str]]:
    """The tree of each commit, and its parents."""
    shown = git.run("log", "--no-walk=unsorted", "--format=%T %P", *commits).text
    return [line.split() for line in shown.splitlines()]


def _message(task: TaskId) -> str:
    # Where a forge takes claims as branches only, this is one too, and would set off its checks.
    return f"Unfinished work of {task}\n\n[skip ci]\n"

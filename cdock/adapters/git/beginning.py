"""Where the work of a task begins: on which commit of the mirror its branch is put."""

from collections.abc import Sequence

from cdock.adapters.git.command import Git
from cdock.adapters.git.history import commit_at, is_ancestor, refs_of
from cdock.adapters.git.merging import joined
from cdock.adapters.git.published import branch_in_mirror
from cdock.core.errors import Refused
from cdock.core.ids import TaskId
from cdock.core.task import Task


def beginning(mirror: Git, task: Task, *, default: str, pushed: str, on: Sequence[str]) -> str:
    """The commit that `task` began on, or has to begin on: what the branches `on` come to, else `default`.

    `pushed` is the commit of its own branch on the forge, if there is one.

    Raises:
        Refused: the commit it began on is gone, or one of `on` is; or these are in conflict with each other.
    """
    if task.base:
        base = commit_at(mirror, task.base)
        # What nobody ever built upon may be made anew, and has to be where its branches have gone since.
        if not base and (pushed or not (on or task.onto or task.brief.depends)):
            raise Refused(
                f"{task.base[:12]}, where {task.id} began, is on no branch of the forge that cdock fetches",
                tried=f"making the worktree of {task.id}",
                fix="put the commit back on the default branch, or remove the task's claim to start anew",
            )
        if base and (not pushed or is_ancestor(mirror, base, of=pushed)):
            return base
    start = _joined(mirror, task.id, on) if on else default
    return begun(mirror, start, pushed) if pushed else start


def begun(mirror: Git, start: str, pushed: str) -> str:
    """Where work on `start` began of which only the branch is known."""
    common = mirror.run("merge-base", start, pushed, check=False)
    return common.text if common.code == 0 else pushed


def _joined(mirror: Git, task: TaskId, on: Sequence[str]) -> str:
    """The commit that has all of these branches; in the mirror, because containers start from it."""
    tried = f"making the worktree of {task}"
    there = refs_of(mirror, *(branch_in_mirror(name) for name in on))
    tips = [(name, there.get(branch_in_mirror(name), "")) for name in dict.fromkeys(on)]
    if missing := next((name for name, tip in tips if not tip), ""):
        raise Refused(
            f"{missing}, which the work is to build upon, is not on the forge",
            code="CD456",
            tried=tried,
            fix="push it, or take the dependency out of the issue and have it approved again",
        )
    return joined(mirror, tips, tried=tried)

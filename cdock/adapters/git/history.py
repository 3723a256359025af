"""Questions about commits and refs, and the refs in which the store remembers a task."""

from cdock.adapters.git.command import Git, error_of
from cdock.core.ids import TaskId

HEAD, BASE, PUSHED, SHOWN = (f"refs/cdock/{kind}/" for kind in ("head", "base", "pushed", "shown"))


def head_ref(task: TaskId) -> str:
    """The newest accepted commit."""
    return HEAD + task.name


def base_ref(task: TaskId) -> str:
    """Where the work of the task began."""
    return BASE + task.name


def pushed_ref(task: TaskId) -> str:
    """Where the branch was on the forge when we last looked or pushed."""
    return PUSHED + task.name


def shown_ref(task: TaskId) -> str:
    """What the worktree was last brought to; exists from its first complete checkout on."""
    return SHOWN + task.name


def ref_at(git: Git, ref: str) -> str:
    """The commit a ref points to; empty when there is no such ref."""
    done = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", check=False)
    return done.text if done.code == 0 else ""


def is_ancestor(git: Git, commit: str, *, of: str) -> bool:
    """Whether `of` contains `commit`; not when one of them is unknown here."""
    done = git.run("merge-base", "--is-ancestor", commit, of, check=False)
    if done.code not in (0, 1, 128):
        raise error_of(done)
    return done.code == 0

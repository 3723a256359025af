"""Bring a worktree to the accepted commit without touching what a person did in it."""

import time
from pathlib import Path

from cdock.adapters.git.command import Git
from cdock.adapters.git.history import head_ref, ref_at, shown_ref
from cdock.adapters.git.note import FOLDER
from cdock.adapters.git.place import Place
from cdock.core.errors import Refused
from cdock.core.ids import TaskId

CHECKOUT_TIMEOUT = 600.0
_MARK = "cdock-showing"


def make(place: Place, task: TaskId, *, head: str) -> None:
    """Register the worktree, empty, on the branch `head`. To be called under the store's lock.

    git cannot do this twice at a time in one repository: it reads the half-written files of the other worktree.

    Raises:
        Refused: something that is no worktree of ours is at its place.
    """
    path, repository = place.worktree(task), place.worktree_repository(task)
    if (path / ".git").is_file() and repository.is_dir():
        return
    if path.is_symlink() or (path.exists() and any(path.iterdir())):
        raise Refused(
            f"{path} is in the way: it is no worktree of cdock",
            tried=f"making the worktree of {task}",
            fix=f"move {path} elsewhere",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Git(place.store)
    store.run("update-ref", "-d", shown_ref(task))
    # Forced, because a worktree whose directory a person deleted is still on git's list.
    store.run(
        "worktree", "add", "--quiet", "--no-checkout", "--force", str(path), head.removeprefix("refs/heads/")
    )


def show(place: Place, task: TaskId, *, head: str) -> str:
    """Bring the worktree and its branch `head` to the accepted commit; the reason why not, or empty.

    Edits of files that the new commits leave alone are kept. Where that cannot be, and where a person has committed
    or switched branches, the worktree stays as it is: the accepted commit is safe in the store.
    """
    repository, path = place.worktree_repository(task), place.worktree(task)
    tree = Git(repository, tree=path)
    new = ref_at(tree, head_ref(task))
    shown = ref_at(tree, shown_ref(task))
    if new == shown:
        return ""
    if not shown:
        # Nobody has been told of this worktree, so a lock in it is what a crash of ours left.
        (repository / "index.lock").unlink(missing_ok=True)
        tree.run("update-ref", head, new)
        tree.run("reset", "--quiet", "--hard", timeout=CHECKOUT_TIMEOUT)
    else:
        reason = _advance(tree, repository, new, old=shown, head=head)
        if reason:
            return reason
    tree.run("update-ref", shown_ref(task), new)
    return ""


def _advance(tree: Git, repository: Path, new: str, *, old: str, head: str) -> str:
    """Move index, files and branch from `old` to `new`; why not, or empty."""
    if tree.run("symbolic-ref", "--quiet", "HEAD", check=False).text != head:
        return "a person switched it to another branch"
    at = ref_at(tree, head)
    if at not in (old, new):
        return "a person committed in it"
    mark = repository / _MARK
    _break_own_lock(repository, mark)
    mark.touch()
    step = ("read-tree", "-m", "-u", old, new)
    done = tree.run(*step, timeout=CHECKOUT_TIMEOUT, check=False)
    if done.code != 0:
        # It goes by the files' times; files that were only touched stop being in the way once git has looked.
        tree.run("update-index", "-q", "--refresh", timeout=CHECKOUT_TIMEOUT, check=False)
        done = tree.run(*step, timeout=CHECKOUT_TIMEOUT, check=False)
    if done.code == 0:
        # The last argument makes it fail when a person was faster.
        tree.run("update-ref", "-m", "cdock: accepted commits", head, new, at)
    mark.unlink()
    return "" if done.code == 0 else done.err


def _break_own_lock(repository: Path, mark: Path) -> None:
    """Remove git's lock where the mark says that we were at work when it was left, long enough ago to be dead."""
    lock = repository / "index.lock"
    try:
        if mark.exists() and time.time() - lock.stat().st_mtime > CHECKOUT_TIMEOUT:
            lock.unlink()
    except FileNotFoundError:
        return


def edits(place: Place, task: TaskId) -> str:
    """What a person changed in the worktree, as git's short status of the first files; empty when nothing."""
    repository, path = place.worktree_repository(task), place.worktree(task)
    status = Git(repository, tree=path).run(
        *("status", "--porcelain", "--no-renames", "--untracked-files=normal", "--ignore-submodules=all"),
        *("--", ".", f":(exclude,top){FOLDER}"),
        timeout=CHECKOUT_TIMEOUT,
    )
    return ", ".join(status.text.splitlines()[:5])


def clear(place: Place, task: TaskId) -> None:
    """Remove the worktree with all that is in it. To be called under the store's lock."""
    repository = place.worktree_repository(task)
    if repository.is_dir():
        args = ("worktree", "remove", "--force", "--force", str(place.worktree(task)))
        Git(place.store).run(*args, timeout=CHECKOUT_TIMEOUT)

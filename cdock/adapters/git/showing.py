"""Bring a worktree to the accepted commit without touching what a person did in it."""

import time
from dataclasses import replace
from pathlib import Path

from cdock.adapters.git.command import Git
from cdock.adapters.git.history import Standing, drop_refs, is_ancestor, refs_of, set_refs, standing_ref
from cdock.adapters.git.note import FOLDER
from cdock.adapters.git.place import Place
from cdock.core.errors import Refused
from cdock.core.ids import TaskId

CHECKOUT_TIMEOUT = 600.0
_MARK = "cdock-showing"


def make(place: Place, task: TaskId, standing: Standing, *, head: str) -> Standing:
    """Register the worktree, empty, on the branch `head`, where it is missing. Call it under the store's lock.

    git cannot do this twice at a time in one repository: it reads the half-written files of the other worktree.

    Raises:
        Refused: something that is no worktree of ours is at its place.
    """
    path, repository = place.worktree(task), place.worktree_repository(task)
    away = place.leads_away(task)
    if not away and (path / ".git").is_file() and repository.is_dir():
        return standing
    if away or (path.exists() and any(path.iterdir())):
        raise Refused(
            f"{path} is in the way: it is no worktree of cdock",
            tried=f"making the worktree of {task}",
            fix=f"move {path} elsewhere",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Git(place.store)
    if standing.shown:
        drop_refs(store, standing_ref("shown", task))
        left = refs_of(store, head).get(head, "")
        if left and not is_ancestor(store, left, of=standing.head):
            # A person committed on it before the directory went away.
            set_refs(store, {standing_ref("aside", task): left})
    set_refs(store, {head: standing.head})
    # Forced, because a worktree whose directory a person deleted is still on git's list.
    options = ("--quiet", "--no-checkout", "--force")
    store.run("worktree", "add", *options, str(path), head.removeprefix("refs/heads/"))
    return replace(standing, shown="")


def show(place: Place, task: TaskId, standing: Standing, *, head: str) -> str:
    """Bring the worktree and its branch `head` to the accepted commit; the reason why not, or empty.

    Edits of files that the new commits leave alone are kept. Where that cannot be, and where a person has committed
    or switched branches, the worktree stays as it is: the accepted commit is safe in the store.
    """
    if standing.shown == standing.head:
        return ""
    repository = place.worktree_repository(task)
    tree = Git(repository, tree=place.worktree(task))
    shown = standing_ref("shown", task)
    if standing.shown:
        return _advance(tree, repository, standing, head=head, shown=shown)
    # Nobody has been told of this worktree, so a lock in it is what a crash of ours left.
    (repository / "index.lock").unlink(missing_ok=True)
    tree.run("reset", "--quiet", "--hard", standing.head, timeout=CHECKOUT_TIMEOUT)
    set_refs(tree, {shown: standing.head})
    return ""


def _advance(tree: Git, repository: Path, standing: Standing, *, head: str, shown: str) -> str:
    """Move index, files and branch from what was shown to the accepted commit; why not, or empty."""
    current, _, at = tree.run("for-each-ref", "--format=%(HEAD) %(objectname)", head).text.partition(" ")
    if current != "*":
        return "a person switched it to another branch"
    if at not in (standing.shown, standing.head):
        return "a person committed in it"
    mark = repository / _MARK
    _break_own_lock(repository, mark)
    mark.touch()
    step = ("read-tree", "-m", "-u", standing.shown, standing.head)
    done = tree.run(*step, timeout=CHECKOUT_TIMEOUT, check=False)
    if done.code != 0:
        # It goes by the files' times; files that were only touched stop being in the way once git has looked.
        tree.run("update-index", "-q", "--refresh", timeout=CHECKOUT_TIMEOUT, check=False)
        done = tree.run(*step, timeout=CHECKOUT_TIMEOUT, check=False)
    if done.code == 0:
        # The old value makes it fail when a person was faster.
        moves = f"update {head} {standing.head} {at}\nupdate {shown} {standing.head}\n"
        tree.run("update-ref", "-m", "cdock: accepted commits", "--stdin", input=moves.encode())
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

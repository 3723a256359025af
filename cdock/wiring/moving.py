"""Moves the state of a clone from `.cdock`, where an earlier cdock kept it, to where no checkout can write.

Whoever's branch was checked out may have written below `.cdock`, so what is moved has to be shown to be ours.
"""

from pathlib import Path

from cdock.adapters.git.clone import (
    FORMER,
    Clone,
    find_clone,
    left_behind,
    poller_key,
    recalled_poller,
    tracked_below,
)
from cdock.core.errors import Refused


def move_state(root: Path) -> None:
    """Move what an earlier cdock left below `.cdock` of the clone at `root`; once, and where it is shown to be ours.

    Raises:
        Refused: it cannot be told whether it is ours, or something still works with it.
    """
    from cdock.adapters.files.poller import known_identity, only_poller, poller_runs

    clone = find_clone(root)
    if known_identity(clone.state):
        return  # It was moved, or begun here: what is at the old place now means nothing.
    if not _is_ours(clone):
        return
    former = clone.shown
    if poller_runs(former):
        raise Refused(
            "a poller of an earlier cdock runs in this clone",
            code="CD402",
            tried=f"moving the state of this clone from {former} to {clone.state}",
            fix="end it, then do this again; agents in containers go on",
        )
    with only_poller(former):
        if known_identity(clone.state):
            return
        _require_quiet(former)
        _require_unchanged(former)
        try:
            _move(clone)
        except OSError as error:
            why = f"{error.strerror} ({error.filename})"
            raise _unmoved(
                former, why, fix=f"mend it, and do this again: {clone.state} is the new place"
            ) from error


def _is_ours(clone: Clone) -> bool:
    """Whether there is state of this clone below `.cdock`; not, where all of it is a branch's or empty.

    The clone's own configuration remembers the poller, and no checkout writes there.

    Raises:
        Refused: it may be ours, and may not.
    """
    from cdock.adapters.files.poller import known_identity

    former, there = clone.shown, left_behind(clone.root)
    brought = tracked_below(clone)
    identity, remembered = known_identity(former), recalled_poller(clone)
    if not remembered or identity != remembered:
        if "poller.json" in there and "poller.json" not in brought:
            raise _unmoved(
                former,
                "its identity is not the one that this clone remembers",
                fix=f"if it is yours, `git config '{poller_key(clone)}' ID` with the id in poller.json; else remove it",
            )
        if "outbox" not in brought and any((former / "outbox").glob("*.json")):
            raise _unmoved(
                former,
                "it has words in outbox/, and no poller ever ran here",
                fix=f"move outbox/ to {clone.state} if the words are yours, or remove it",
            )
        return False
    if mixed := sorted(brought & {*there, "poller.lock", "worktrees"}):
        raise _unmoved(
            former,
            f"the branch that is checked out has files there too: {', '.join(mixed)}",
            fix="check out another branch, then do this again",
        )
    shown = former / "worktrees"
    for path in (former, *(former / name for name in (*there, "poller.lock")), shown, *shown.glob("*")):
        if path.is_symlink():
            raise _unmoved(former, f"{path} is a link", fix="put what it leads to in its place, or remove it")
    return True


def _require_quiet(former: Path) -> None:
    """No agent of the local runner is at work there: it knows its workspace by its path."""
    from cdock.adapters.local.runner import LocalRunner

    alive = [run.name for run in LocalRunner(former, environment={}).list() if run.alive]
    if alive:
        raise Refused(
            f"agents that an earlier cdock began still run: {', '.join(alive)}",
            code="CD402",
            tried=f"moving the state of this clone from {former}",
            fix="wait until they have ended, then do this again",
        )


def _require_unchanged(former: Path) -> None:
    """What could run programs, or speak for the person, is as cdock wrote it.

    A configuration names programs; `commondir` leads to another one. git makes no file that is read-only, and cdock
    made entries of the outbox so.
    """
    from cdock.adapters.git.command import CONFIG

    git = former / "git"
    for repository in (*git.glob("*.git"), *git.glob("intake/*.git")):
        if (repository / "commondir").exists() or _text(repository / "config") != CONFIG:
            raise _foreign(former, repository)
    for linked in (git / "store.git" / "worktrees").glob("*"):
        if linked.is_symlink() or _text(linked / "commondir") != "../..\n":
            raise _foreign(former, linked)
    for entry in (former / "outbox").glob("*.json"):
        if entry.is_symlink() or entry.stat().st_mode & 0o222:
            raise _foreign(former, entry)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _foreign(former: Path, path: Path) -> Refused:
    return _unmoved(
        former, f"{path} is not as cdock wrote it", fix=f"find out who changed it, then remove {path}"
    )


def _move(clone: Clone) -> None:
    """Each name in one step. After a crash the next command goes on: the identity comes last."""
    from cdock.adapters.files.atomic import write_atomic

    former, state = clone.shown, clone.state
    state.mkdir(parents=True, exist_ok=True)
    for name in FORMER[:-1]:
        if (former / name).exists() and not (state / name).exists():
            (former / name).rename(state / name)
    if (mirror := _text(former / "state.json")) and not (state / "state.json").exists():
        write_atomic(state / "state.json", mirror)
    _lead_worktrees(state, trees=former / "worktrees")
    _lead_workspaces(state, former=former)
    (former / "poller.json").rename(state / "poller.json")
    for name in ("poller.json.lock", "poller.lock"):
        (former / name).unlink(missing_ok=True)


def _lead_worktrees(state: Path, *, trees: Path) -> None:
    """Worktrees name their repository by its path."""
    from cdock.adapters.files.atomic import write_atomic

    for repository in (state / "git" / "store.git" / "worktrees").glob("*"):
        link = trees / repository.name / ".git"
        if link.is_file() and not link.is_symlink():
            write_atomic(link, f"gitdir: {repository}\n")


def _lead_workspaces(state: Path, *, former: Path) -> None:
    """Workspaces of the local runner name the objects that they borrow by their path."""
    from cdock.adapters.files.atomic import write_atomic

    objects = Path("git", "mirror.git", "objects")
    for borrowed in (state / "runs").glob("*/src/.git/objects/info/alternates"):
        if not borrowed.is_symlink() and _text(borrowed) == f"{former / objects}\n":
            write_atomic(borrowed, f"{state / objects}\n")


def _unmoved(former: Path, why: str, *, fix: str) -> Refused:
    return Refused(
        f"the state that an earlier cdock kept in {former} cannot be moved: {why}",
        code="CD455",
        tried="moving it into git's own directory, where no checkout can write",
        fix=fix,
    )

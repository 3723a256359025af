"""Who polls from this clone: a lasting identity, and a lock so that there is one life of it at a time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdock.core.errors import Refused

LOOK = 5.0
"""Seconds for which somebody may hold a lock only to look at it, or to deliver a few words."""


def identity(root: Path, *, spare: str = "") -> str:
    """The id of this clone's poller, made at the first call and kept in `poller.json`.

    `spare` is what somebody else remembers of it; where the file is lost, it is used in place of a new one.
    """
    path = root / "poller.json"
    if known := known_identity(root):
        return known

    from uuid import UUID, uuid4

    from filelock import FileLock

    from cdock.adapters.files.atomic import write_atomic

    root.mkdir(parents=True, exist_ok=True)
    # Two commands may be the first at the same time, and both must go on with the same id.
    with FileLock(root / "poller.json.lock", timeout=LOOK):
        if known := known_identity(root):
            return known
        try:
            fresh = str(UUID(spare))
        except ValueError:
            fresh = str(uuid4())
        write_atomic(path, json.dumps({"version": 1, "id": fresh}) + "\n")
        return fresh


def known_identity(root: Path) -> str:
    """The id in `poller.json`; empty when there is none, or a damaged one."""
    try:
        known = json.loads((root / "poller.json").read_text(encoding="utf-8"))["id"]
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, LookupError):
        return ""
    return known if isinstance(known, str) else ""


@contextmanager
def only_poller(root: Path) -> Iterator[None]:
    """Hold the lock of this clone's poller for as long as the block runs.

    Raises:
        Refused: another process holds it.
    """
    from filelock import FileLock, Timeout

    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / "poller.lock", timeout=LOOK)
    try:
        lock.acquire()
    except Timeout as error:
        raise Refused(
            "this clone is in use: another `cdock run` works here, or a command that delivers or stops",
            code="CD402",
            tried=f"locking {root / 'poller.lock'} for {LOOK:g} s",
            fix="use the one that runs (`cdock status`), or stop it first",
        ) from error
    try:
        yield
    finally:
        lock.release()


def poller_runs(root: Path) -> bool:
    """Whether a poller of this clone is alive.

    Asked by commands that must answer at once, so it goes past filelock, whose import takes longer than all the rest;
    on POSIX that library locks by `flock` too. The shared lock keeps two who ask from taking each other for a poller.
    """
    import fcntl

    try:
        with (root / "poller.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False

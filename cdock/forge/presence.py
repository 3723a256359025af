"""Who serves a data directory: a lock that dies with the process, and a file that says where it listens."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

INFO: Final = "forge.json"


class AlreadyServed(Exception):
    """Another process serves this directory; the text says which."""


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Be the one process that serves a directory while the block runs. Raises AlreadyServed."""
    lock = _lock(data_dir)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        known = _read(data_dir)
        where = f"process {known['pid']} at {known['url']}" if known else "a process that is just starting"
        raise AlreadyServed(
            f"{data_dir} is served already by {where}: use that one, or end it first"
        ) from error
    with lock:
        yield


def announce(data_dir: Path, *, url: str, port: int, control_token: str | None = None) -> None:
    """Say that this process listens now. The file appears whole or not at all, and for this user only."""
    fresh = data_dir / f".{INFO}.{os.getpid()}"
    told = {"pid": os.getpid(), "port": port, "url": url}
    if control_token is not None:
        told["control_token"] = control_token
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(told) + "\n")
    fresh.replace(data_dir / INFO)


def withdraw(data_dir: Path) -> None:
    """Say that this process listens no more."""
    (data_dir / INFO).unlink(missing_ok=True)


def running(data_dir: Path) -> dict[str, object] | None:
    """What the server of a directory said of itself (`pid`, `port`, `url`), or None when there is none.

    The token of its controls is left out, for this gets printed.
    A file left by a server that was killed does not count: its lock is free.
    """
    lock = _lock(data_dir)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read(data_dir)
    lock.release()
    return None


def _lock(data_dir: Path) -> FileLock:
    return FileLock(data_dir / "forge.lock")


def _read(data_dir: Path) -> dict[str, object] | None:
    try:
        known: dict[str, object] = json.loads((data_dir / INFO).read_text())
    except FileNotFoundError:
        return None
    known.pop("control_token", None)
    return known

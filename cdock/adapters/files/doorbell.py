"""A doorbell: tells the poller at once that a command has left something for it, which may else sleep for long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY = 0.25
"""Seconds between two looks; each costs a system call for each directory."""
END_LIMIT = 5.0
"""Seconds in which the thread ends."""


@contextmanager
def hearing(*directories: Path, ring: Callable[[], None], every: float = EVERY) -> Iterator[None]:
    """Call `ring`, in a thread of its own, whenever a file gets a new name in one of `directories`, until the end."""
    ended = threading.Event()
    known = {directory: (_changed(directory), _names(directory)) for directory in directories}

    def watch() -> None:
        while not ended.wait(every):
            for directory, (before, names) in known.items():
                changed = _changed(directory)
                if changed == before:
                    continue
                now = _names(directory)
                known[directory] = changed, now
                # What the poller itself replaces or removes there is no news to it.
                if now - names:
                    ring()

    thread = threading.Thread(target=watch, name="doorbell", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(END_LIMIT)


def _changed(directory: Path) -> int:
    """When names in the directory changed last; 0 while there is none."""
    try:
        return directory.stat().st_mtime_ns
    except OSError:
        return 0


def _names(directory: Path) -> frozenset[str]:
    """The files that are finished: half-written ones begin with a dot."""
    try:
        return frozenset(path.name for path in directory.iterdir() if not path.name.startswith("."))
    except OSError:
        return frozenset()

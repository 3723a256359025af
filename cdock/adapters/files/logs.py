"""What runs printed, one file per run below the directory of its task.

Of a run that prints without end, only the beginning is kept: what comes after is counted and forgotten.
"""

import os
from pathlib import Path

from cdock.core.errors import Unavailable
from cdock.core.ids import TaskId

LIMIT = 200 * 1024**2
"""Bytes that are kept of one run."""
NOTE = b"\ncdock: the run printed more than is kept; what follows is left out\n"


class FileLogs:
    """See `cdock.ports.Logs`. Run names are made by us, so they are safe file names."""

    def __init__(self, root: Path, *, limit: int = LIMIT) -> None:
        self._root, self._limit = root, limit
        self._left_out: dict[str, int] = {}

    def path(self, task: TaskId, run: str) -> Path:
        """The file with all that `run` printed, byte for byte."""
        return self._root / task.name / f"{run}.log"

    def size(self, task: TaskId, run: str) -> int:
        """See `Logs`. Of a run that printed too much, what was left out counts too."""
        kept = _size(self.path(task, run))
        return kept if kept <= self._limit else self._limit + self._left_out.get(run, 0)

    def append(self, task: TaskId, run: str, data: bytes) -> None:
        """See `Logs`."""
        path = self.path(task, run)
        kept = _size(path)
        if kept > self._limit:
            self._left_out[run] = self._left_out.get(run, 0) + len(data)
            return
        if kept + len(data) > self._limit:
            # The note makes the file larger than the limit, by which it is known to be full.
            room = self._limit - kept
            self._left_out[run] = len(data) - room
            data = data[:room] + NOTE
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # An agent may print what only this user may read.
            with open(path, "ab", opener=_private) as file:
                file.write(data)
        except OSError as error:
            raise Unavailable(
                f"cannot keep the log of {run}: {error.strerror}",
                code="CD210",
                tried=f"appending {len(data)} bytes to {path}",
                fix="make room on the disk; the run goes on and its output is copied when there is room",
            ) from error

    def read(self, task: TaskId, run: str, *, offset: int = 0) -> bytes:
        """See `Logs`."""
        try:
            with self.path(task, run).open("rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

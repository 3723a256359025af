"""What runs printed, one file per run below the directory of its task."""

import os
from pathlib import Path

from cdock.core.errors import Unavailable
from cdock.core.ids import TaskId


class FileLogs:
    """See `cdock.ports.Logs`. Run names are made by us, so they are safe file names."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, task: TaskId, run: str) -> Path:
        """The file with all that `run` printed, byte for byte."""
        return self._root / task.name / f"{run}.log"

    def size(self, task: TaskId, run: str) -> int:
        """See `Logs`."""
        try:
            return self.path(task, run).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, task: TaskId, run: str, data: bytes) -> None:
        """See `Logs`."""
        path = self.path(task, run)
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

    def list(self, task: TaskId) -> tuple[Path, ...]:
        """All logs of a task, oldest attempt first."""
        found = (self._root / task.name).glob("*.log")
        return tuple(sorted(found, key=lambda path: (path.stat().st_mtime, path.name)))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

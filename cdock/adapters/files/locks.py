"""One lock per issue for all processes of this machine, whatever their clones; the system lets go for the dead."""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from cdock.core.errors import Misconfigured


class FileLocks:
    """Locks of one repository's issues, as files below `directory`; see `Locks`.

    Each object stands for one process. The files are empty and mean nothing by themselves: one that a killed process
    left behind is free.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[int, int] = {}
        self._guard = threading.Lock()

    def hold(self, issue: int) -> bool:
        """See `Locks`.

        Raises:
            Misconfigured: the directory or the file cannot be made.
        """
        with self._guard:
            if issue in self._held:
                return True
            path = self._path(issue)
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                while True:
                    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                    if not _taken(file):
                        os.close(file)
                        return False
                    # The last holder may have removed it between our opening and locking it.
                    if _is_at(path, file):
                        self._held[issue] = file
                        return True
                    os.close(file)
            except OSError as error:
                raise Misconfigured(
                    f"issue #{issue} cannot be locked on this machine: {error.strerror}",
                    code="CD424",
                    tried=f"locking {path}",
                    fix=f"make {self._directory} a directory that this user may write, on a local disk",
                ) from error

    def release(self, issue: int) -> None:
        """See `Locks`; what is not held is left alone."""
        with self._guard:
            file = self._held.pop(issue, None)
            if file is None:
                return
            # Removed while it is still ours: afterwards it could be another's.
            with suppress(OSError):
                self._path(issue).unlink(missing_ok=True)
            os.close(file)

    def _path(self, issue: int) -> Path:
        return self._directory / f"{issue}.lock"


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False

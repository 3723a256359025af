"""Write a task's record into its worktree, where any path may be a link that an agent's commit brought along."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cdock.core.errors import Refused

FOLDER = ".cdock"
FILE = "state.json"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_note(worktree: Path, record: Mapping[str, object]) -> None:
    """Replace `.cdock/state.json` in one step where it differs; no link below `worktree` is followed.

    A worktree that is gone takes no note: it may have been removed since it was seen.

    Raises:
        Refused: something that is not ours is in the way.
    """
    data = (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        with _opened(worktree) as root:
            with suppress(FileExistsError):
                os.mkdir(FOLDER, dir_fd=root)
            with _opened(FOLDER, root=root) as folder:
                if _content(folder, limit=len(data)) != data:
                    _replace(data, folder=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(
            f"cannot write {worktree / FOLDER / FILE}: {error.strerror}",
            tried=f"writing {worktree / FOLDER / FILE}",
            fix=f"make {worktree / FOLDER} a plain directory that you may write to",
        ) from error


@contextmanager
def _opened(folder: str | Path, *, root: int | None = None) -> Iterator[int]:
    opened = os.open(folder, _DIRECTORY, dir_fd=root)
    try:
        yield opened
    finally:
        os.close(opened)


def _content(folder: int, *, limit: int) -> bytes:
    """What is in the file, one byte past `limit` at most; nothing when it is no plain file."""
    try:
        opened = os.open(FILE, _OLD, dir_fd=folder)
    except OSError:
        return b""
    with os.fdopen(opened, "rb") as file:
        return file.read(limit + 1) if stat.S_ISREG(os.fstat(opened).st_mode) else b""


def _replace(data: bytes, *, folder: int) -> None:
    new = f".{FILE}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    with os.fdopen(os.open(new, _NEW, 0o644, dir_fd=folder), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, FILE, src_dir_fd=folder, dst_dir_fd=folder)

"""The mirror: `state.json`, the last seen copy of all tasks."""

import errno
import json
from collections.abc import Mapping
from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.core.errors import Unavailable


class FileMirror:
    """See `cdock.ports.Mirror`.

    `shown` is a copy for people and their programs. Others may write where it is, so it is never read.
    """

    def __init__(self, path: Path, *, shown: Path | None = None) -> None:
        self._paths = (path, shown) if shown else (path,)
        self._last: Mapping[str, object] = {}

    def save(self, record: Mapping[str, object]) -> None:
        """See `Mirror`."""
        if record == self._last and all(path.exists() for path in self._paths):
            return
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        for path in self._paths:
            _write(path, text)
        self._last = record


def _write(path: Path, text: str) -> None:
    try:
        if path.parent.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "a link is in the place of its directory")
        write_atomic(path, text)
    except OSError as error:
        raise Unavailable(
            f"cannot write the mirror: {error.strerror}",
            code="CD211",
            tried=f"replacing {path}",
            fix="make room on the disk, or give yourself write access to the directory",
        ) from error

"""The mirror: `.cdock/state.json`, the last seen copy of all tasks."""

import json
from collections.abc import Mapping
from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.core.errors import Unavailable


class FileMirror:
    """See `cdock.ports.Mirror`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Mapping[str, object] = {}

    def save(self, record: Mapping[str, object]) -> None:
        """See `Mirror`."""
        if record == self._last and self._path.exists():
            return
        try:
            write_atomic(self._path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Unavailable(
                f"cannot write the mirror: {error.strerror}",
                code="CD211",
                tried=f"replacing {self._path}",
                fix="make room on the disk, or give yourself write access to the directory",
            ) from error
        self._last = record

"""The mirror: `state.json`, the last seen copy of all tasks."""

import errno
import json
from collections.abc import Mapping
from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.core.errors import Unavailable


class FileMirror:
    """See `cdock.ports.Mirror`.

    What commands read has a task in each line, which is a third less to read than what people like. `shown` is a copy
    for those, and for their programs; others may write where it is, so no command reads it.
    """

    def __init__(self, path: Path, *, shown: Path | None = None) -> None:
        self._path, self._shown = path, shown
        self._last: Mapping[str, object] = {}

    def save(self, record: Mapping[str, object]) -> None:
        """See `Mirror`."""
        if record == self._last and all(path.exists() for path in (self._path, self._shown) if path):
            return
        _write(self._path, _in_lines(record))
        if self._shown:
            _write(self._shown, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        self._last = record


def _in_lines(record: Mapping[str, object]) -> str:
    """JSON with a line for each of the record's fields, and for each item of those that are lists."""
    fields = []
    for name, value in record.items():
        text = (
            "[\n" + ",\n".join(_compact(item) for item in value) + "\n]"
            if isinstance(value, list) and value
            else _compact(value)
        )
        fields.append(f"{json.dumps(name)}: {text}")
    return "{" + ",\n".join(fields) + "}\n"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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

"""Files into and out of containers, as the tar archives that the engine speaks."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cdock.adapters.docker import walls

if TYPE_CHECKING:
    from docker import APIClient

_NOT_REGULAR = 0x8F280000
"""The bits of a file mode, as the engine counts them, that say "not a regular file"."""


def packed(laid: Mapping[str, tuple[str, int]]) -> bytes:
    """Files as a tar archive, they and their directories owned by the agent."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        directories = {
            str(parent): None for path in sorted(laid) for parent in reversed(PurePosixPath(path).parents)
        }
        for directory in list(directories)[1:]:
            entry = tarfile.TarInfo(directory)
            entry.type = tarfile.DIRTYPE
            _own(entry, mode=0o755)
            archive.addfile(entry)
        for path, (text, mode) in laid.items():
            content = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            _own(entry, mode=mode)
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def _own(entry: tarfile.TarInfo, *, mode: int) -> None:
    entry.uid = entry.gid = int(walls.USER.partition(":")[0])
    entry.mode = mode
    entry.mtime = int(datetime.now(UTC).timestamp())


def start_of(path: str, *, container: str, api: "APIClient", limit: int) -> str:
    """The first `limit` bytes of a regular file of a container; empty for anything else."""
    from docker.errors import NotFound

    try:
        stream, seen = api.get_archive(container, path)
    except NotFound:
        return ""
    chunks = iter(stream)
    try:
        if seen["mode"] & _NOT_REGULAR:
            return ""
        with tarfile.open(fileobj=_Chunks(chunks), mode="r|") as archive:
            entry = archive.next()
            content = archive.extractfile(entry) if entry and entry.isreg() else None
            return content.read(limit).decode(errors="replace") if content else ""
    except tarfile.TarError:
        return ""
    finally:
        stream.close()


class _Chunks(io.RawIOBase):
    """A stream of chunks as a file, read no further than asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return taken

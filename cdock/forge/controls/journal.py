"""Every request that came in: in memory for those who ask, and line by line in a file."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

KEPT: Final = 64 * 1024 * 1024
"""Bytes of entries held in memory, as lines of JSON; the file has all."""
BODY_KEPT: Final = 64 * 1024
"""Bytes of a JSON body that are kept with its entry."""


@dataclass(frozen=True)
class Entry:
    """One request and what became of it.

    `status` is what the client was told, None when it was told nothing; `inner` is what the forge itself answered, None
    when the request never reached it. They differ under a fault. `monotonic` (seconds) and `clock` (the forge's time)
    are those of its arrival, `took` are seconds of the machine. Entries are in the order of the answers.
    """

    seq: int
    monotonic: float
    clock: str
    took: float
    interface: str
    method: str
    path: str
    query: str
    operations: tuple[str, ...]
    body: Any
    size: int
    token: int | None
    login: str | None
    status: int | None
    inner: int | None
    etag_hit: bool
    points: int
    content: bool
    fault: str | None
    limit: str | None
    service: str
    push: bool
    pushes: int
    """How many pushes the repository had within the last minute, with this one; 0 for other requests."""
    unimplemented: str | None


class Journal:
    """The entries since the forge was started."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: deque[tuple[int, Entry]] = deque()
        self._kept = 0
        self._last = 0

    def add(self, **fields: Any) -> None:
        """Add the next entry; it is in the file when this returns."""
        self._last += 1
        entry = Entry(seq=self._last, **fields)
        line = json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")) + "\n"
        written = line.encode("utf-8", "surrogatepass")
        self._entries.append((len(written), entry))
        self._kept += len(written)
        while self._kept > KEPT:
            self._kept -= self._entries.popleft()[0]
        # Opened each time: a test may take the file away between two requests.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, written)
        finally:
            os.close(handle)

    def since(self, seq: int) -> list[dict[str, Any]]:
        """The entries after this number that are still held."""
        return [asdict(entry) for _, entry in self._entries if entry.seq > seq]

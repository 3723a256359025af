"""What this process created lately, so that a second look at a list that lags behind does not create it twice.

No forge's API has an idempotency key. After a create whose outcome is unknown, the thing may still appear; after one
that succeeded, a replica may still say it is not there.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any

from cdock.core.errors import Unavailable

Key = tuple[object, ...]


@dataclass(frozen=True)
class _Creation:
    at: float
    row: dict[str, Any] | None


class RecentCreations:
    """Creations of the last minutes by key; `settle` is how many seconds an unknown outcome may take to show."""

    def __init__(self, *, settle: float, keep: float = 300.0) -> None:
        self._settle = settle
        self._keep = keep
        self._seen: dict[Key, _Creation] = {}
        self._lock = threading.Lock()

    def made(self, key: Key, row: dict[str, Any]) -> None:
        """It was created, and this is what the server answered."""
        self._note(key, row)

    def unknown(self, key: Key) -> None:
        """It was sent, and nobody knows what became of it."""
        self._note(key, None)

    def forget(self, key: Key) -> None:
        """It is known to be gone."""
        with self._lock:
            self._seen.pop(key, None)

    def doubted(self, key: Key) -> bool:
        """Whether it was sent in the last minutes, and nobody knows what became of it."""
        with self._lock:
            creation = self._seen.get(key)
        return creation is not None and creation.row is None and time.monotonic() - creation.at < self._keep

    def row(self, key: Key) -> dict[str, Any] | None:
        """What was created under `key` though lists do not show it yet; None when creating is right.

        Raises:
            Unavailable: a creation of unknown outcome is too young to be repeated.
        """
        with self._lock:
            creation = self._seen.get(key)
        age = time.monotonic() - creation.at if creation else self._keep
        if creation is None or age >= self._keep:
            return None
        if creation.row is None and age < self._settle:
            raise Unavailable(
                "an earlier try to create this may still arrive",
                fix=f"cdock looks again, and repeats it when it has not appeared after {self._settle:.0f} s.",
            )
        return creation.row

    def _note(self, key: Key, row: dict[str, Any] | None) -> None:
        now = time.monotonic()
        with self._lock:
            self._seen = {k: creation for k, creation in self._seen.items() if now - creation.at < self._keep}
            self._seen[key] = _Creation(now, row)

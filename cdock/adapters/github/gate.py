"""The one gate all writes pass: one at a time, and never closer together than GitHub asks for."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class WriteGate:
    """Lets one writer through at a time; the next one at least `spacing` seconds after the last has finished."""

    def __init__(self, spacing: float) -> None:
        self._spacing = spacing
        self._lock = threading.Lock()
        self._free_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for our turn (at most `spacing` seconds for each writer before us), and hold it."""
        with self._lock:
            time.sleep(max(0.0, self._free_at - time.monotonic()))
            try:
                yield
            finally:
                self._free_at = time.monotonic() + self._spacing

"""The machine's clock and its randomness."""

import threading
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4


class SystemClock:
    """See `cdock.ports.Clock`. `end` wakes a sleeper and asks the loop to stop."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def now(self) -> datetime:
        """See `Clock`; whole seconds are enough for everything that is stored."""
        return datetime.now(UTC).replace(microsecond=0)

    def elapsed(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        """See `Clock`."""
        return self._ended.wait(seconds)

    def end(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._ended.set()


class RandomIds:
    """See `cdock.ports.Ids`."""

    def uuid(self) -> UUID:
        """See `Ids`."""
        return uuid4()

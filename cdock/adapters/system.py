"""The machine's clock and its randomness."""

import threading
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4


class SystemClock:
    """See `cdock.ports.Clock`. `end` wakes a sleeper and asks the loop to stop, `knock` only wakes it."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._ended = False
        self._knocks = 0

    def now(self) -> datetime:
        """See `Clock`; whole seconds are enough for everything that is stored."""
        return datetime.now(UTC).replace(microsecond=0)

    def elapsed(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        """See `Clock`."""
        if self._woken.wait(seconds) and not self._ended:
            self._woken.clear()
        return self._ended

    def knocks(self) -> int:
        """See `Clock`."""
        return self._knocks

    def knock(self) -> None:
        """Wake the loop and have it look; safe in any thread."""
        self._knocks += 1
        self._woken.set()

    def end(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._ended = True
        self._woken.set()


class RandomIds:
    """See `cdock.ports.Ids`."""

    def uuid(self) -> UUID:
        """See `Ids`."""
        return uuid4()

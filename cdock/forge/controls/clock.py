"""The forge's time, which tests stop and move on."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from cdock.forge.store import system_now


class Clock:
    """The machine's time until it is moved or stopped. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """The time of the forge, in UTC."""
        with self._lock:
            return self._now()

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen is not None

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still at this moment, or at the present one."""
        with self._lock:
            self._frozen = at or self._now()

    def advance(self, by: timedelta) -> None:
        """Move on, standing or running."""
        with self._lock:
            if self._frozen is not None:
                self._frozen += by
            else:
                self._ahead += by

    def run(self) -> None:
        """Run on from where it stands."""
        with self._lock:
            self._ahead = self._now() - system_now()
            self._frozen = None

    def reset(self) -> None:
        """The machine's time again."""
        with self._lock:
            self._ahead, self._frozen = timedelta(), None

    def _now(self) -> datetime:
        return self._frozen if self._frozen is not None else system_now() + self._ahead

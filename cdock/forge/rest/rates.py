"""GitHub's hourly budget: counted and reported, never enforced."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(hours=1)
SIGNED_IN: Final = 5000
ANONYMOUS: Final = 60


@dataclass(frozen=True)
class Rate:
    """One budget as it stands; `reset` is seconds since 1970."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        """What is left. At least one: nothing is refused here, so a client must not be told to wait."""
        return max(self.limit - self.used, 1)


class Rates:
    """The budgets of all users. A user's tokens share one, as on GitHub."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[int | None, tuple[datetime, int]] = {}

    def spend(self, user_id: int | None, cost: int, *, now: datetime) -> Rate:
        """Take from a user's budget (None for everybody who is not logged in) and say how it stands."""
        with self._lock:
            started, used = self._spent.get(user_id, (now, 0))
            if now - started >= WINDOW:
                started, used = now, 0
            self._spent[user_id] = (started, used + cost)
        limit = ANONYMOUS if user_id is None else SIGNED_IN
        return Rate(limit=limit, used=used + cost, reset=int((started + WINDOW).timestamp()))

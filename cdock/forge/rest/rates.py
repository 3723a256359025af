"""GitHub's primary budgets: how much of each a user has spent. Always reported, enforced only when told to."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Resource = Literal["core", "search", "graphql"]

SIGNED_IN: Final = 5000
ANONYMOUS: Final = 60

_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_BUDGETS: Final[dict[Resource, tuple[timedelta, int, int]]] = {
    "core": (_HOUR, SIGNED_IN, ANONYMOUS),
    "search": (_MINUTE, 30, 10),
    "graphql": (_HOUR, SIGNED_IN, 0),
}
"""The window, and what may be spent in it by somebody who is logged in and by all others together."""

spending: Final[ContextVar[list[int] | None]] = ContextVar("spending", default=None)
"""Costs are noted here while a request is watched, so that what is reported is what was charged."""


@dataclass(frozen=True)
class Rate:
    """One budget as it stands; `reset` is seconds since 1970."""

    limit: int
    used: int
    reset: int
    resource: Resource = "core"
    binding: bool = False
    """Whether requests beyond the budget are refused."""

    @property
    def remaining(self) -> int:
        """What is left. At least one where nothing is refused, for a client must not be told to wait for nothing."""
        return max(self.limit - self.used, 0 if self.binding else 1)

    @property
    def headers(self) -> dict[str, str]:
        """What every answer says about it."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Resource": self.resource,
        }


class Rates:
    """The budgets of all users. A user's tokens share one, as on GitHub.

    With `binding` set, budgets count as enforced; the refusing itself is done in front of the application.
    """

    def __init__(self) -> None:
        self.binding = False
        self._lock = threading.Lock()
        self._spent: dict[tuple[int | None, Resource], tuple[datetime, int]] = {}

    def spend(self, user_id: int | None, cost: int, *, now: datetime, resource: Resource = "core") -> Rate:
        """Take from a user's budget (None for everybody who is not logged in) and say how it stands."""
        window, signed_in, anonymous = _BUDGETS[resource]
        with self._lock:
            started, used = self._spent.get((user_id, resource), (now, 0))
            if now - started >= window:
                started, used = now, 0
            used += cost
            if cost:
                self._spent[user_id, resource] = (started, used)
        if cost and (noted := spending.get()) is not None:
            noted.append(cost)
        return Rate(
            limit=anonymous if user_id is None else signed_in,
            used=used,
            reset=int((started + window).timestamp()),
            resource=resource,
            binding=self.binding,
        )

    def all(self, user_id: int | None, *, now: datetime) -> dict[Resource, Rate]:
        """How every budget of a user stands."""
        return {resource: self.spend(user_id, 0, now=now, resource=resource) for resource in _BUDGETS}

    def clear(self) -> None:
        """Forget everything spent."""
        with self._lock:
            self._spent.clear()


def resource_of(path: str) -> Resource:
    """The budget that pays for a path of the REST interface."""
    return "search" if path.startswith("/search/") else "core"

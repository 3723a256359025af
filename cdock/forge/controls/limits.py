"""GitHub's limits, enforced: the primary budgets and the secondary limits on points and on content.

Windows are those that GitHub documents, measured by the forge's clock. What GitHub keeps to itself (lower limits of
some endpoints, processor time) is not here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cdock.forge.controls.asked import SAFE, Asked, Who
from cdock.forge.controls.reply import Reply, refusal, reply, request_id
from cdock.forge.rest.rates import Rate, Rates

Mode = Literal["off", "github"]

PRIMARY_DOCS: Final = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
SECONDARY_DOCS: Final = PRIMARY_DOCS + "#about-secondary-rate-limits"
_HELP: Final = (
    " If you reach out to GitHub Support for help,"
    " please include the request ID {id} and timestamp {time} UTC."
)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Limit:
    """So many points in a window; `points` says what a request costs, 0 when the limit is not about it."""

    name: str
    window: timedelta
    most: int

    def points(self, asked: Asked) -> int:
        """What this request costs of this limit."""
        if self.name.startswith("content"):
            return int(asked.content)
        if not self.name.startswith(asked.interface):
            return 0
        writes = asked.mutation if asked.interface == "graphql" else asked.method not in SAFE
        return 5 if writes else 1


LIMITS: Final = (
    Limit("content-minute", _MINUTE, 80),
    Limit("content-hour", _HOUR, 500),
    Limit("rest-points", _MINUTE, 900),
    Limit("graphql-points", _MINUTE, 2000),
)


class Limits:
    """Who has used how much of each secondary limit. Nothing is refused while the mode is `off`."""

    def __init__(self, rates: Rates, *, mode: Mode = "off") -> None:
        self._rates = rates
        self._used: dict[tuple[int | None, str], deque[tuple[datetime, int]]] = {}
        self.mode: Mode = "off"
        self.set(mode)

    def set(self, mode: Mode) -> None:
        """Enforce, or do not; either way everybody begins anew."""
        self.mode = mode
        self._rates.binding = mode == "github"
        self._rates.clear()
        self._used.clear()

    def refusal(self, asked: Asked, rate: Rate, *, now: datetime) -> tuple[str, Reply] | None:
        """The name of the limit that this request would pass, and the answer to it."""
        if self.mode == "off" or asked.interface == "git":
            return None
        if asked.interface != "page" and asked.path != "/rate_limit" and rate.used >= rate.limit:
            return "primary", primary(asked, rate, now=now)
        for limit in LIMITS:
            points = limit.points(asked)
            used = self._window(asked.who, limit, now=now)
            if points and sum(cost for _, cost in used) + points > limit.most:
                wait = max(math.ceil((used[0][0] + limit.window - now).total_seconds()), 1)
                creating = limit.name.startswith("content")
                return limit.name, secondary(rate, now=now, creating=creating, retry_after=wait)
        return None

    def spend(self, asked: Asked, *, now: datetime, done: bool) -> None:
        """Count a request that was let through; content counts when it was `done`."""
        if self.mode == "off" or asked.interface == "git":
            return
        for limit in LIMITS:
            points = limit.points(asked)
            if points and (done or not limit.name.startswith("content")):
                self._window(asked.who, limit, now=now).append((now, points))

    def _window(self, who: Who | None, limit: Limit, *, now: datetime) -> deque[tuple[datetime, int]]:
        used = self._used.setdefault((who.user_id if who else None, limit.name), deque())
        while used and now - used[0][0] >= limit.window:
            used.popleft()
        return used


def primary(asked: Asked, rate: Rate, *, now: datetime, status: int = 403) -> Reply:
    """The budget is spent: 403 or 429 by REST, and 200 with an error by GraphQL."""
    who = f"user ID {asked.who.user_id}" if asked.who else "127.0.0.1"
    message = f"API rate limit exceeded for {who}."
    if asked.interface == "graphql":
        return reply(200, {"errors": [{"type": "RATE_LIMITED", "message": message}]}, rate.headers)
    if asked.who is None:
        message += (
            " (But here's the good news: Authenticated requests get a higher rate limit."
            " Check out the documentation for more details.)"
        )
    else:
        message += _help(now)
    return refusal(status, message, rate.headers, documentation=PRIMARY_DOCS)


def secondary(
    rate: Rate, *, now: datetime, creating: bool = False, retry_after: int | None = 60, status: int = 403
) -> Reply:
    """Too much at once; the primary budget is not touched and says nothing about it."""
    message = (
        "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."
        " Please retry your request again later."
        if creating
        else "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    ) + _help(now)
    headers: Mapping[str, str] = rate.headers
    if retry_after is not None:
        headers = {**headers, "Retry-After": str(retry_after)}
    return refusal(status, message, headers, documentation=SECONDARY_DOCS)


def _help(now: datetime) -> str:
    return _HELP.format(id=request_id(), time=now.strftime("%Y-%m-%d %H:%M:%S"))

"""The one gate of an account: what it may send now, and what has to wait until when.

Forges count what an account writes and do not say how much is left. So every write counts here, edits too, and all
clients of an account in this process share one gate. It knows nothing of other processes and of what was sent before
this one started: several machines of one account have to split the hour between them.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cdock.core.errors import Limited, Unavailable

log = logging.getLogger(__name__)

MINUTE, HOUR = 60.0, 3600.0
KEPT = 4
"""One in so many writes of a window is kept for those that may not wait: claims' issues, pull requests, questions."""
LONGEST_QUEUE = 120.0
"""Seconds a write waits for those before it; more means that the forge hardly answers."""
REMINDER = 600.0
"""Seconds until a wait that lasts is told again."""
EVERYTHING = ""
"""The resource of limits that are on all requests."""


@dataclass(frozen=True)
class Budget:
    """What the writes of an account may come to; 0 is no limit.

    `spacing` is the time in seconds from one write's start to the next one's. It is a little more than the second that
    GitHub wants, for not every write is equally long on its way.
    """

    spacing: float = 1.02
    per_minute: int = 60
    per_hour: int = 400

    @classmethod
    def of_hour(cls, writes: int) -> "Budget":
        """A share of an hour, with as large a share of each minute."""
        return cls(per_minute=max(1, writes * cls.per_minute // cls.per_hour), per_hour=writes)

    def within(self, other: "Budget") -> "Budget":
        """The stricter of both in each respect."""
        return Budget(
            spacing=max(self.spacing, other.spacing),
            per_minute=_stricter(self.per_minute, other.per_minute),
            per_hour=_stricter(self.per_hour, other.per_hour),
        )


FREE = Budget(spacing=0, per_minute=0, per_hour=0)
"""For servers without limits."""


class Turn:
    """A write's turn. `sending` is called just before it is sent: what was never sent does not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.sent_at: float | None = None

    def sending(self) -> None:
        """The write goes out now."""
        self.sent_at = self._clock()


class Gate:
    """Lets one writer through at a time, and nobody while a limit is on.

    `clock` and `sleep` are in seconds and never jump; `now` is the wall clock, for what people are told.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        host: str = "the forge",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.budget = budget
        self._host = host
        self._clock, self._sleep, self._now = clock, sleep, now
        self._writing = threading.Lock()
        self._state = threading.Lock()
        self._free_at = clock()
        self._done: deque[float] = deque()
        self._closed: dict[str, float] = {}
        self._told: dict[bool, float] = {}
        self._met_writing = False
        self.limits_met = 0
        """Limits of the host that were met in a row."""

    def tighten(self, budget: Budget) -> None:
        """Keep to this budget as well."""
        self.budget = self.budget.within(budget)

    def close(self, pause: timedelta, *, resource: str, writing: bool) -> None:
        """The host met a request with a limit: nothing that counts as `resource` is sent for `pause`."""
        seconds = pause.total_seconds()
        with self._state:
            self._closed[resource] = max(self._closed.get(resource, 0.0), self._clock() + seconds)
            self._met_writing = writing
            self.limits_met += 1
        log.warning("rate limit met", extra={"host": self._host, "of": resource or "all", "seconds": seconds})

    def passed(self, *, writing: bool) -> None:
        """The host met a request with none. A read says nothing about a limit that writes have met."""
        with self._state:
            if writing or not self._met_writing:
                self.limits_met = 0

    def admit(self, resource: str, *, tried: str) -> None:
        """Return when requests of this kind may be sent. Raises `Limited` while a limit that was met is on.

        Hammering a limited account can get it banned.
        """
        with self._state:
            until = max(self._closed.get(EVERYTHING, 0.0), self._closed.get(resource, 0.0))
        left = until - self._clock()
        if left > 0:
            raise Limited(
                f"{self._host} limits this account's requests until {self._time(left):%H:%M:%S} UTC",
                until=self._time(left),
                tried=tried,
                fix="cdock looks again after that. Fewer pollers on one account, or a longer interval, help.",
            )

    @contextmanager
    def turn(self, resource: str, *, may_wait: bool, tried: str) -> Iterator[Turn]:
        """Hold the one turn there is, after the second that lies between two writes.

        Writes that `may_wait` leave a quarter of the budget to the others, and spread what they have over the hour.

        Raises:
            Limited: the budget is used up, or a limit is on; the write must not be sent before `until`.
            Unavailable: the writes before this one take too long.
        """
        if not self._writing.acquire(timeout=LONGEST_QUEUE):
            raise Unavailable(
                f"other writes to {self._host} kept {tried} waiting for {LONGEST_QUEUE:.0f} s",
                tried=tried,
                fix="Nothing to do: cdock tries again.",
            )
        turn = Turn(self._clock)
        try:
            self.admit(resource, tried=tried)
            self._within_budget(may_wait=may_wait, tried=tried)
            self._sleep(max(0.0, self._free_at - self._clock()))
            yield turn
        finally:
            if turn.sent_at is not None:
                self._free_at = turn.sent_at + self.budget.spacing
                # Somewhere between sending and answer the host counted it; the end is the safe side.
                self._done.append(self._clock())
            self._writing.release()

    def _within_budget(self, *, may_wait: bool, tried: str) -> None:
        now = self._clock()
        while self._done and self._done[0] <= now - HOUR:
            self._done.popleft()
        minute, hour = (
            _share(limit, may_wait=may_wait) for limit in (self.budget.per_minute, self.budget.per_hour)
        )
        left, why = max(
            (self._left(MINUTE, minute), f"{minute} writes a minute"),
            (self._left(HOUR, hour), f"{hour} writes an hour"),
            (self._pace(hour) if may_wait else 0.0, f"a steady share of {hour} writes an hour"),
        )
        if left <= 0:
            return
        until = self._time(left)
        if self._told.get(may_wait, 0.0) < now:
            self._told[may_wait] = now + max(left, REMINDER)
            log.warning(
                "writes wait for their budget",
                extra={"host": self._host, "budget": why, "seconds": left, "may_wait": may_wait},
            )
        raise Limited(
            f"cdock keeps to {why} on {self._host}, so this waits until {until:%H:%M:%S} UTC",
            until=until,
            tried=tried,
            fix="Nothing to do: cdock sends it then. Fewer tasks at a time need fewer writes.",
        )

    def _pace(self, limit: int) -> float:
        """Seconds until the next write that may wait, once half of the hour is used.

        Else a burst would use up the hour, and show nothing new for the rest of it. The less is left, the longer are
        the breaks; in the long run four fifths of the share are used.
        """
        left = limit - len(self._done)
        if left >= limit / 2 or left <= 0:
            return 0.0
        return self._done[-1] + HOUR / (4 * left) - self._clock()

    def _left(self, window: float, limit: int) -> float:
        """Seconds until fewer than `limit` writes lie in the window; 0 is no limit."""
        if not limit or len(self._done) < limit:
            return 0.0
        # The one that has to leave the window before there is room.
        return self._done[-limit] + window - self._clock()

    def _time(self, left: float) -> datetime:
        return self._now() + timedelta(seconds=left)


_gates: dict[tuple[str, str], Gate] = {}
_making = threading.Lock()


def shared_gate(host: str, *, account: str, budget: Budget) -> Gate:
    """The gate of an account on a host, the same for all who ask in this process; the strictest budget counts."""
    with _making:
        gate = _gates.setdefault((host, account), Gate(budget, host=host))
        gate.tighten(budget)
    return gate


def _share(limit: int, *, may_wait: bool) -> int:
    return limit - limit // KEPT if may_wait else limit


def _stricter(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other

"""Time, randomness and trouble, as tests want them."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cdock.core.errors import Unavailable

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class MemoryClock:
    """A clock that moves only when told, or when somebody sleeps."""

    time: datetime = START
    seconds: float = 1000.0
    ended: bool = False
    knocked: int = 0

    def now(self) -> datetime:
        """See `Clock`."""
        return self.time

    def elapsed(self) -> float:
        """See `Clock`."""
        return self.seconds

    def sleep(self, seconds: float) -> bool:
        """Advance instead of waiting."""
        self.advance(seconds)
        return self.ended

    def knocks(self) -> int:
        """See `Clock`."""
        return self.knocked

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class MemoryIds:
    """Uuids in a fixed order; `seed` keeps two machines apart."""

    seed: int = 0
    count: int = 0

    def uuid(self) -> UUID:
        """See `Ids`."""
        self.count += 1
        chance = random.Random(f"{self.seed}/{self.count}")  # noqa: S311 - repeatable on purpose
        return UUID(int=chance.getrandbits(128), version=4)


@dataclass
class Faults:
    """Which calls fail: by name for as long as they are in `down`, or the n-th call of all, before or after it."""

    down: set[str] = field(default_factory=set)
    calls: int = 0
    crash_at: int | None = None
    crash_after: bool = False

    def before(self, port: str) -> None:
        """Called before a call of `port` has any effect."""
        self.calls += 1
        if self.crash_at == self.calls and not self.crash_after:
            raise Crash
        if port in self.down:
            raise Unavailable(f"{port} is down", fix="wait")

    def after(self) -> None:
        """Called when the effect is there but nobody has heard of it."""
        if self.crash_at == self.calls and self.crash_after:
            raise Crash


class Crash(BaseException):
    """The process dies here. No handler of the product sees it."""

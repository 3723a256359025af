"""The gate of an account's writes on a clock of its own: how near it comes to what it permits, and never past GitHub's.

A host that counts stands behind it. It counts a write at any moment between its sending and its answer.
"""

import heapq
import logging
import random
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cdock.adapters.github.gate import Budget, Gate
from cdock.core.errors import Limited
from tests.bench.measure import Figure

START = datetime(2026, 1, 1, tzinfo=UTC)
A_MINUTE, AN_HOUR = 80, 500
"""Content-creating calls that GitHub allows an account."""
LATENCY = (0.08, 0.6)
"""Seconds a write takes, from and to."""


@dataclass
class Host:
    """GitHub's side: when each write was counted, and its own clock."""

    chance: random.Random
    passed: float = 0.0
    arrived: list[float] = field(default_factory=list)
    counted: list[float] = field(default_factory=list)

    def gate(self, budget: Budget) -> Gate:
        """A gate that lives in this time."""
        return Gate(
            budget,
            host="the host",
            clock=lambda: self.passed,
            sleep=self._sleep,
            now=lambda: START + timedelta(seconds=self.passed),
        )

    def write(self, gate: Gate, *, may_wait: bool) -> None:
        """Send one write through the gate. Raises `Limited` when it may not be sent yet."""
        with gate.turn("core", may_wait=may_wait, tried="a write") as turn:
            turn.sending()
            self.arrived.append(self.passed)
            takes = self.chance.uniform(*LATENCY)
            self.counted.append(self.passed + self.chance.uniform(0, takes))
            self.passed += takes

    def wait(self, limited: Limited) -> None:
        """Let the time go by that was named."""
        self.passed = (limited.until - START).total_seconds() + 1e-3

    def violations(self) -> int:
        """Writes that GitHub would have refused, or that came sooner than a second after the one before."""
        times = sorted(self.counted)
        full = sum(
            index + 1 - bisect_right(times, at - window) > limit
            for index, at in enumerate(times)
            for window, limit in ((60.0, A_MINUTE), (3600.0, AN_HOUR))
        )
        hasty = sum(later - earlier < 1 for earlier, later in pairwise(self.arrived))
        return full + hasty

    def _sleep(self, seconds: float) -> None:
        self.passed += seconds


def replay(rounds: int, *, sizes: tuple[int, ...] = (200, 1000)) -> Iterator[Figure]:
    """Goals: 0.95 of the rate that is permitted, 0 violations. What was kept back is sent, one after another."""
    budget = Budget()
    with _quietly():
        for size in sizes:
            ratios, violations = [], 0
            for number in range(rounds):
                host = Host(random.Random(number))  # noqa: S311 (a benchmark's chance has to repeat)
                gate = host.gate(budget)
                for _ in range(size):
                    while True:
                        try:
                            host.write(gate, may_wait=False)
                            break
                        except Limited as limited:
                            host.wait(limited)
                ratios.append(_least(size, budget) / (host.arrived[-1] - host.arrived[0]))
                violations += host.violations()
            ratio = min(ratios)
            yield Figure(
                f"{size} writes: share of the permitted rate", f"{ratio:.3f}", "≥ 0.95", ratio >= 0.95,
                f"{budget.per_minute} a minute, {budget.per_hour} an hour; {_least(size, budget):.0f} s at best",
            )  # fmt: skip
            yield Figure(f"{size} writes: violations", str(violations), "0", violations == 0)


def _least(size: int, budget: Budget) -> float:
    """Seconds from the first to the last of so many writes, at the rate that is permitted."""
    hours, rest = divmod(size - 1, budget.per_hour)
    return hours * 3600 + rest * 60 / budget.per_minute


def edits(rounds: int, *, agents: int = 100, hours: int = 3) -> Iterator[Figure]:
    """Goals: the budget holds, and what cannot wait does not. Each agent has something new to show every minute."""
    budget = Budget()
    violations, most, worst, oldest, shown, urgent = 0, 0, 0.0, 0.0, 0, 0
    with _quietly():
        for number in range(rounds):
            host = Host(random.Random(number))  # noqa: S311 (a benchmark's chance has to repeat)
            run = _Hour(host, host.gate(budget), agents=agents)
            run.until(hours * 3600.0)
            violations += host.violations()
            times = sorted(host.counted)
            most = max(most, max(i + 1 - bisect_right(times, at - 3600) for i, at in enumerate(times)))
            worst, oldest = max(worst, run.worst), max(oldest, run.oldest)
            shown, urgent = shown + run.shown, urgent + run.urgent
    yield Figure("most writes in an hour", str(most), f"≤ {budget.per_hour}", most <= budget.per_hour)
    yield Figure("violations", str(violations), "0", violations == 0)
    yield Figure(
        "questions and pull requests: longest wait",
        f"{worst:.1f} s",
        "≤ 60 s",
        worst <= 60,
        f"{urgent} of them",
    )
    yield Figure(
        f"{agents} status comments: oldest shown", f"{oldest / 60:.0f} min",
        how=f"{shown / rounds / hours:.0f} edits an hour of the {agents * 60} that were wished for",
    )  # fmt: skip


class _Hour:
    """Agents with news every minute, and now and then something that cannot wait."""

    def __init__(self, host: Host, gate: Gate, *, agents: int) -> None:
        self.worst = self.oldest = 0.0
        self.shown = self.urgent = 0
        self._host, self._gate = host, gate
        self._since = [host.chance.uniform(0, 60) for _ in range(agents)]
        self._events = [host.chance.uniform(0, 120) for _ in range(agents // 50 or 1)]
        heapq.heapify(self._events)
        self._edits_at = 0.0

    def until(self, end: float) -> None:
        """Send what there is until then, the oldest first, what cannot wait before all else."""
        while self._host.passed < end:
            if self._events[0] <= self._host.passed:
                self._send_urgent()
            elif self._edits_at <= self._host.passed and min(self._since) <= self._host.passed:
                self._edit()
            else:
                nearest = max(self._edits_at, min(self._since))
                self._host.passed = max(min(nearest, self._events[0]), self._host.passed) + 1e-3

    def _send_urgent(self) -> None:
        wished = self._events[0]
        try:
            self._host.write(self._gate, may_wait=False)
        except Limited as limited:
            self._host.wait(limited)
            return
        self.urgent += 1
        self.worst = max(self.worst, self._host.arrived[-1] - wished)
        heapq.heapreplace(self._events, wished + self._host.chance.expovariate(1 / 100))

    def _edit(self) -> None:
        agent = self._since.index(min(self._since))
        try:
            self._host.write(self._gate, may_wait=True)
        except Limited as limited:
            self._edits_at = (limited.until - START).total_seconds()
            return
        self.shown += 1
        self.oldest = max(self.oldest, self._host.passed - self._since[agent])
        self._since[agent] = self._host.passed + 60


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the gate's words about every wait."""
    log = logging.getLogger("cdock.adapters.gate")
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)

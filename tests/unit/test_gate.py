"""The gate of an account's writes, on a clock of its own."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdock.adapters.github.gate import EVERYTHING, FREE, Budget, Gate, gate_for
from cdock.adapters.github.hosts import host_of
from cdock.core.errors import Limited

START = datetime(2026, 1, 1, tzinfo=UTC)


class Time:
    """A clock that moves when somebody sleeps, and two hands that show it."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return 1_000.0 + self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)


@pytest.fixture
def time() -> Time:
    return Time()


def gate_on(time: Time, **budget: float) -> Gate:
    wanted = Budget(**{"spacing": 0, "per_minute": 0, "per_hour": 0, **budget})  # type: ignore[arg-type]
    return Gate(wanted, host="forge", clock=time.clock, sleep=time.sleep, now=time.now)


def write(gate: Gate, time: Time, *, takes: float = 0.0, may_wait: bool = False) -> float:
    """Write once; when it was sent."""
    with gate.turn("core", may_wait=may_wait, tried="PATCH x") as turn:
        turn.sending()
        sent = time.passed
        time.passed += takes
    return sent


def patiently(gate: Gate, time: Time, *, takes: float = 0.0, may_wait: bool = False) -> float:
    """Write as soon as the gate allows it, within the waits that it names; when it was sent."""
    for _ in range(3):
        try:
            return write(gate, time, takes=takes, may_wait=may_wait)
        except Limited as limited:
            time.passed = (limited.until - START).total_seconds() + 1e-3
    return write(gate, time, takes=takes, may_wait=may_wait)


def test_writes_start_so_far_apart(time: Time) -> None:
    gate = gate_on(time, spacing=1)
    assert [write(gate, time, takes=takes) for takes in (0.25, 0, 3, 0)] == [0, 1, 2, 5]
    assert max(time.slept) <= 1


def test_a_full_minute_raises_before_anything_is_sent(time: Time) -> None:
    gate = gate_on(time, per_minute=3)
    for _ in range(3):
        write(gate, time, takes=1)
    for _ in range(2):
        with pytest.raises(Limited, match="keeps to 3 writes a minute on forge, so this waits") as caught:
            write(gate, time)
        assert caught.value.until == START + timedelta(seconds=61)
    time.passed = 61
    write(gate, time)
    with pytest.raises(Limited) as caught:
        write(gate, time)
    assert caught.value.until == START + timedelta(seconds=62)


def test_a_full_hour_raises(time: Time) -> None:
    gate = gate_on(time, per_hour=2)
    write(gate, time)
    time.passed = 1800
    write(gate, time)
    with pytest.raises(Limited, match="2 writes an hour") as caught:
        write(gate, time)
    assert caught.value.until == START + timedelta(hours=1)


def test_what_may_wait_leaves_a_quarter_to_the_rest(time: Time) -> None:
    gate = gate_on(time, per_minute=8)
    for _ in range(6):
        write(gate, time, may_wait=True)
    with pytest.raises(Limited, match="6 writes a minute"):
        write(gate, time, may_wait=True)
    write(gate, time)
    write(gate, time)
    with pytest.raises(Limited, match="8 writes a minute"):
        write(gate, time)


def test_what_may_wait_is_spread_over_the_hour(time: Time) -> None:
    """After a burst there is still something new to see every few minutes, all through the hour."""
    gate = gate_on(time, per_hour=400)
    sent = []
    while time.passed < 3 * 3600:
        sent.append(patiently(gate, time, may_wait=True))
    breaks = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert max(breaks) < 600
    assert max(windows(sent, 3600)) <= 300
    assert len([at for at in sent if at >= 3600]) / 2 > 220
    write(gate, time)


def test_a_budget_of_one_lets_one_through(time: Time) -> None:
    gate = gate_on(time, per_hour=1)
    write(gate, time, may_wait=True)
    with pytest.raises(Limited):
        write(gate, time)


def test_what_was_not_sent_does_not_count_and_makes_nobody_wait(time: Time) -> None:
    gate = gate_on(time, spacing=1, per_hour=1)
    for _ in range(3):
        with pytest.raises(KeyError), gate.turn("core", may_wait=False, tried="x"):
            raise KeyError
    assert write(gate, time) == 0


def test_a_write_that_failed_after_it_was_sent_counts(time: Time) -> None:
    gate = gate_on(time, per_hour=1)
    with contextlib.suppress(KeyError), gate.turn("core", may_wait=False, tried="x") as turn:
        turn.sending()
        raise KeyError
    with pytest.raises(Limited):
        write(gate, time)


def test_a_wait_is_told_once(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    gate = gate_on(time, per_minute=1)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            write(gate, time)
            for _ in range(5):
                with pytest.raises(Limited):
                    write(gate, time)
            time.passed += 601
    assert [record.message for record in caplog.records] == ["writes wait for their budget"] * 2


def test_a_limit_of_one_kind_of_request_leaves_the_others_alone(time: Time) -> None:
    gate = gate_on(time)
    gate.close(timedelta(seconds=30), resource="graphql", writing=False)
    gate.admit("core", tried="x")
    with pytest.raises(Limited) as caught:
        gate.admit("graphql", tried="x")
    assert caught.value.until == START + timedelta(seconds=30)
    gate.close(timedelta(seconds=10), resource=EVERYTHING, writing=True)
    with pytest.raises(Limited):
        gate.admit("core", tried="x")
    with pytest.raises(Limited):
        write(gate, time)
    time.passed = 10
    gate.admit("core", tried="x")
    write(gate, time)


def test_a_shorter_pause_does_not_end_a_longer_one(time: Time) -> None:
    gate = gate_on(time)
    for seconds in (30, 5):
        gate.close(timedelta(seconds=seconds), resource=EVERYTHING, writing=True)
    time.passed = 10
    with pytest.raises(Limited):
        gate.admit("core", tried="x")


def test_reads_that_pass_do_not_make_limits_of_writes_forgotten(time: Time) -> None:
    gate = gate_on(time)
    for met in (1, 2):
        gate.close(timedelta(), resource=EVERYTHING, writing=True)
        gate.passed(writing=False)
        assert gate.limits_met == met
    gate.passed(writing=True)
    assert gate.limits_met == 0


def test_all_clients_of_an_account_share_one_gate_and_the_strictest_budget() -> None:
    github, other = host_of("github.com"), host_of("git.example.org")
    one = gate_for(github, account="test-shared")
    assert gate_for(github, account="test-shared", budget=Budget(per_hour=50)) is one
    assert one.budget == Budget(per_hour=50)
    assert gate_for(github, account="test-shared").budget.per_hour == 50
    assert gate_for(github, account="test-another") is not one
    assert gate_for(other, account="test-shared") is not one


def test_this_machine_has_no_budget_unless_asked() -> None:
    here = host_of("127.0.0.1:7777")
    assert gate_for(here, account="test-here").budget == FREE
    asked = gate_for(here, account="test-here", budget=Budget(per_hour=9))
    assert asked.budget.per_hour == 9
    assert gate_for(here, account="test-here", budget=Budget()) is asked


@pytest.mark.parametrize(("writes", "minute"), [(400, 60), (200, 30), (500, 75), (4, 1)])
def test_machines_that_share_an_hour_share_its_minutes(writes: int, minute: int) -> None:
    assert Budget.of_hour(writes) == Budget(per_minute=minute, per_hour=writes)


def windows(times: list[float], window: float) -> Iterator[int]:
    """How many of the times lie in a window that begins with each of them."""
    for start in times:
        yield sum(start <= t < start + window for t in times)


@settings(max_examples=60, deadline=None)
@given(
    per_minute=st.integers(1, 8),
    per_hour=st.integers(1, 30),
    steps=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 20), st.booleans()), max_size=60),
)
def test_no_window_ever_holds_more_than_its_budget(
    per_minute: int, per_hour: int, steps: list[tuple[float, float, bool]]
) -> None:
    """Wherever between its sending and its answer the host counts a write."""
    time = Time()
    gate = gate_on(time, spacing=1, per_minute=per_minute, per_hour=per_hour)
    early: list[float] = []
    late: list[float] = []
    for pause, takes, may_wait in steps:
        time.passed += pause
        early.append(patiently(gate, time, takes=takes, may_wait=may_wait))
        late.append(time.passed)
    for counted in (
        early,
        late,
        [e if n % 2 else done for n, (e, done) in enumerate(zip(early, late, strict=True))],
    ):
        assert max(windows(counted, 60), default=0) <= per_minute
        assert max(windows(counted, 3600), default=0) <= per_hour
    assert all(later - earlier >= 1 - 1e-6 for earlier, later in itertools.pairwise(early))

"""The benchmarks that need no engine can be run; what they measure is no business of a test."""

import contextlib
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from cdock.adapters.github.gate import FREE, Budget
from cdock.core.errors import Limited
from tests.bench import budget, claiming, fingerprints, harvesting, restart, starting, startup, ticks, traffic
from tests.bench.__main__ import BENCHMARKS, benchmark
from tests.bench.measure import Figure, Samples, against, exponent, interleaved

SMALL: dict[str, Callable[[int], Iterator[Figure]]] = {
    "help": startup.help,
    "status": partial(startup.status, sizes=(2, 4)),
    "submit": partial(startup.submit, tasks=2),
    "start-local": starting.start_local,
    "harvest-local": harvesting.harvest_local,
    "restart-local": partial(restart.restart_local, sizes=(1, 2)),
    "poll": partial(traffic.poll, sizes=(1, 2)),
    "issue": partial(traffic.issue, pause=0),
    "claims": partial(claiming.claims, contested=10, together=5, turns=1),
    "replay": budget.replay,
    "edits": partial(budget.edits, agents=20, hours=1),
    "tick": partial(ticks.tick, sizes=(5, 10)),
    "fingerprints": fingerprints.fingerprints,
}


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_and_reports(name: str) -> None:
    figures = list(SMALL[name](1))
    assert figures
    assert all(figure.what for figure in figures)


def test_a_host_that_counts_notices_who_keeps_no_budget() -> None:
    for wanted, broken in ((Budget(), False), (Budget(per_minute=0, per_hour=0), True), (FREE, True)):
        host = budget.Host(random.Random(1))  # noqa: S311 (it has to repeat)
        gate = host.gate(wanted)
        for _ in range(70 if not broken else 600):
            with contextlib.suppress(Limited):
                host.write(gate, may_wait=False)
        assert (host.violations() > 0) is broken


def test_all_are_listed_and_only_those_with_an_engine_are_left_out_here() -> None:
    assert all(callable(benchmark(name)) for name in BENCHMARKS)
    assert set(BENCHMARKS) - set(SMALL) == {"start-docker", "harvest-docker", "look-docker"}


def test_ways_take_turns_and_the_first_turn_does_not_count() -> None:
    seen: list[str] = []

    def way(name: str) -> Callable[[], float]:
        def once() -> float:
            seen.append(name)
            return float(len(seen))

        return once

    taken = interleaved({"a": way("a"), "b": way("b")}, rounds=3)
    assert "".join(seen) == "ab" + "ba" + "ab" + "ba"
    assert taken["a"].seconds == (4.0, 5.0, 8.0)


def test_a_ratio_is_of_medians_and_knows_its_goal() -> None:
    way, floor = Samples((1.0, 3.0, 90.0)), Samples((0.1, 2.0, 7.0))
    assert against("x", way, floor, goal=1.5).reached is True
    assert against("x", way, floor, goal=1.4).reached is False
    assert against("x", way, floor).value == "1.50 F"


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_is_that_of_the_growth(power: float) -> None:
    assert exponent({size: 3.0 * size**power for size in (10, 100, 1000)}) == pytest.approx(power)

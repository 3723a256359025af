"""Checks apart from all tasks, on a machine of memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from cdock.core.errors import Refused, Unavailable
from cdock.core.ids import check_id, parse_task_id, slug_of
from cdock.core.runs import CheckResult, Role
from cdock.reconciler.checking import TAIL, check
from cdock.reconciler.loop import tick
from cdock.testing import MemoryHub, MemoryLocks, MemoryMachine
from cdock.testing.clock import MemoryClock
from tests.unit.houses import Place

NAME = "verify #42"


@dataclass
class Script(MemoryClock):
    """A clock; each time somebody waits, the next thing happens."""

    steps: list[Callable[[], None]] = field(default_factory=list)

    def sleep(self, seconds: float) -> bool:
        if self.steps:
            self.steps.pop(0)()
        return super().sleep(seconds)


class Bench:
    """A house, its machine, and what was said."""

    def __init__(self) -> None:
        place = Place(MemoryHub())
        self.house = place.house
        self.machine: MemoryMachine = place.machine
        self.clock = Script()
        self.house.clock = self.clock
        self.said: list[str] = []
        self.run = check_id(NAME).check(1)
        self.commit = self.machine.hub.branches["main"]

    def check(self, *commands: str) -> CheckResult:
        return check(self.house, self.commit, commands or ("make test",), name=NAME, say=self.said.append)

    def prints(self, text: str) -> Callable[[], None]:
        return lambda: self.machine.print(self.run, text)

    def exits(self, code: int) -> Callable[[], None]:
        return lambda: self.machine.exit(self.run, code)

    @property
    def left(self) -> bool:
        return bool(self.machine.runs or self.machine.heads)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("code", [0, 3])
def test_what_it_prints_is_said_line_by_line(bench: Bench, code: int) -> None:
    bench.clock.steps = [
        bench.prints("one\ntw"),
        bench.prints("o\n\xfcber"),
        bench.exits(code),
    ]
    assert bench.check("a", "b") == CheckResult(code, "one\ntwo\nüber\n")
    assert bench.said == ["one", "two", "über"]
    (spec,) = bench.machine.started
    assert (spec.role, spec.base, spec.commands) == (Role.CHECK, bench.commit, ("a", "b"))
    assert not bench.left


def test_a_result_keeps_the_end(bench: Bench) -> None:
    bench.clock.steps = [bench.prints("x\n" * TAIL), bench.prints("the end\n"), bench.exits(1)]
    result = bench.check()
    assert len(result.tail) == TAIL
    assert result.tail.endswith("x\nthe end\n")


def test_secrets_are_not_said(bench: Bench) -> None:
    bench.house.secrets = frozenset({"hunter2hunter2"})
    bench.clock.steps = [bench.prints("key hunter2"), bench.prints("hunter2\n"), bench.exits(0)]
    assert "hunter2" not in bench.check().tail + "".join(bench.said)


def test_it_ends_when_its_time_is_up(bench: Bench) -> None:
    bench.clock.steps = [lambda: bench.clock.advance(bench.house.policy.time_box.total_seconds())]
    result = bench.check()
    assert result.exit_code == 143
    assert "cdock: ended after 1800 seconds" in bench.said
    assert not bench.left


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_it_clears_up_when_it_is_interrupted(bench: Bench, error: type[BaseException]) -> None:
    def broken() -> None:
        raise error

    bench.clock.steps = [broken]
    with pytest.raises(error):
        bench.check()
    assert not bench.left
    bench.clock.steps = [bench.exits(0)]
    assert bench.check().exit_code == 0, "its lock is free again"


def test_what_a_killed_one_left_goes_first(bench: Bench) -> None:
    task = check_id(NAME)
    bench.clock.steps = [bench.exits(1)]
    bench.check()
    (spec,) = bench.machine.started
    bench.house.runner.start(replace(spec, commands=("sleep infinity",)))
    assert bench.machine.runs[bench.run].run.alive
    bench.machine.hub.push("main")
    bench.commit = bench.machine.hub.branches["main"]
    bench.clock.steps = [bench.exits(0)]
    assert bench.check().exit_code == 0
    assert bench.machine.started[-1].base == bench.commit
    assert task not in bench.machine.heads


def test_nobody_else_may_make_the_same(bench: Bench) -> None:
    other = MemoryLocks()
    bench.house.locks = MemoryLocks(held=other.held)
    (lock,) = _locks_taken(bench, other)
    assert lock < 0, "no issue has such a number"
    other.hold(lock)
    with pytest.raises(Refused, match="another command"):
        bench.check()
    assert not bench.left


def _locks_taken(bench: Bench, other: MemoryLocks) -> set[int]:
    taken: set[int] = set()
    bench.clock.steps = [lambda: taken.update(other.held), bench.exits(0)]
    bench.check()
    return taken


def test_a_run_that_is_gone_is_no_success(bench: Bench) -> None:
    bench.clock.steps = [lambda: bench.machine.lose(bench.run)]
    with pytest.raises(Unavailable, match="is gone"):
        bench.check()


def test_whoever_is_asked_to_end_does_not_wait(bench: Bench) -> None:
    bench.clock.ended = True
    with pytest.raises(Unavailable):
        bench.check()
    assert not bench.left


def test_the_loop_leaves_it_alone(bench: Bench) -> None:
    seen: list[bool] = []

    def look() -> None:
        for _ in range(3):
            bench.clock.advance(600)
            tick(bench.house)
        seen.append(bench.run in bench.machine.alive)

    bench.clock.steps = [look, bench.exits(0)]
    bench.house.policy = replace(bench.house.policy, time_box=bench.house.policy.time_box * 10)
    assert bench.check().exit_code == 0
    assert seen == [True]


@pytest.mark.parametrize("name", ["verify #42", "x" * 90, "Größe!", "", "land-2026"])
def test_names_are_ids_that_no_task_has(name: str) -> None:
    made = check_id(name)
    assert parse_task_id(str(made)) == made == check_id(name)
    assert made.apart
    assert not slug_of(str(made)).startswith("check--")
    assert made != check_id(f"{name} ")

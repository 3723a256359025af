"""What happens when people, outages and lagging replies come in the middle of a task."""

from datetime import timedelta

import pytest

from cdock.core.errors import Unavailable
from cdock.core.model import Outcome
from cdock.testing import MemoryHub
from tests.unit.houses import Place


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub)


def working(hub: MemoryHub, place: Place) -> int:
    """An issue whose agent is at work; its number."""
    number = hub.open_issue("Add login", labels=["agent-ready"])
    place.settle()
    assert place.machine.alive
    return number


def ticks(place: Place, *, seconds: float, every: float = 30.0) -> None:
    """Let time pass, with a look every now and then."""
    for _ in range(int(seconds // every)):
        place.hub.clock.advance(every)
        place.tick()


# The forge is away


def test_the_time_box_holds_while_the_forge_is_away(hub: MemoryHub, place: Place) -> None:
    """The heartbeat fails then, again and again; an agent costs money for as long as it runs."""
    number = working(hub, place)
    place.faults.down |= {"forge", "claims"}
    ticks(place, seconds=place.policy.time_box.total_seconds() + 60)
    assert not place.machine.alive
    place.faults.down.clear()
    hub.clock.advance(600)
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is Outcome.TIMED_OUT


def test_a_person_can_stop_an_agent_while_the_forge_is_away(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    place.faults.down |= {"forge", "claims"}
    ticks(place, seconds=timedelta(minutes=8).total_seconds())
    assert place.machine.alive
    place.wishes.wanted.add(hub.refs[number].task.id)
    place.tick()
    assert not place.machine.alive


def test_an_engine_that_cannot_stop_a_run_is_not_asked_without_a_pause(hub: MemoryHub, place: Place) -> None:
    working(hub, place)
    calls = 0

    def refuse(name: str, *, grace: float) -> None:
        nonlocal calls
        calls += 1
        raise Unavailable("the engine is away")

    place.runner.stop = refuse  # type: ignore[method-assign]
    hub.clock.advance(place.policy.time_box.total_seconds())
    for _ in range(20):
        place.tick()
    assert calls == 1


# The issue is gone


def test_the_work_on_a_deleted_issue_is_cleared_up(hub: MemoryHub, place: Place) -> None:
    """Otherwise its agent runs on without a time box, and its slot, container, worktree and claim stay for ever."""
    number = working(hub, place)
    task = hub.refs[number].task
    kept = place.machine.commit(task.id)
    del hub.issues[number]
    ticks(place, seconds=180)
    place.settle()
    assert place.machine.runs == {}
    assert place.machine.trees == {}
    assert hub.refs == {}
    assert hub.branches[task.id.branch()] == kept, "what was done is kept on its branch"
    another = hub.open_issue("Another", labels=["agent-ready"])
    place.settle()
    assert another in hub.refs


def test_one_answer_without_the_issue_ends_nothing(hub: MemoryHub, place: Place) -> None:
    """Replicas lag behind, and an issue that was just made or moved may be missing from one of them for a moment."""
    number = working(hub, place)
    issue = hub.issues.pop(number)
    ticks(place, seconds=45, every=15)
    hub.issues[number] = issue
    ticks(place, seconds=300)
    assert place.machine.alive
    assert len(hub.refs[number].task.attempts) == 1


def test_an_outage_does_not_make_issues_count_as_deleted(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    issue = hub.issues.pop(number)
    ticks(place, seconds=30)
    place.faults.down.add("forge")
    ticks(place, seconds=300)
    place.faults.down.clear()
    hub.issues[number] = issue
    ticks(place, seconds=60)
    assert place.machine.alive


def test_a_claim_on_a_deleted_issue_is_cleared_up_after_its_holder_died(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    del hub.issues[number]
    other = Place(hub, name="there", seed=2)
    ticks(other, seconds=3600)
    assert hub.refs == {}

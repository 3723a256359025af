"""The loop goes on, whatever one part of the world does."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from cdock.core.errors import Refused, Unavailable
from cdock.core.ids import TaskId
from cdock.core.runs import Workspace
from cdock.core.task import Claim, Outcome, Task
from cdock.core.wishes import WishKind
from cdock.reconciler.loop import run
from cdock.testing import MemoryClaims, MemoryClock, MemoryHub, MemoryMirror, MemoryWorkspaces
from tests.unit.houses import POLICY, Place


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub)


class BlockedNotes(MemoryWorkspaces):
    """As when an agent has committed a link called `.cdock`."""

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        raise Refused("cannot write .cdock/state.json: Not a directory", fix="make it a plain directory")


class FullDisk(MemoryMirror):
    def save(self, record: Mapping[str, object]) -> None:
        raise Unavailable("cannot write the mirror: No space left on device")


def test_what_an_agent_commits_cannot_stop_the_poller(
    hub: MemoryHub, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    hub.open_issue("Add login", labels=["agent-ready"])
    place.house.workspaces = BlockedNotes(place.machine, place.faults)
    place.settle()
    assert place.machine.alive
    place.machine.commit(place.machine.runs[place.run].run.task)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert [pull.open for pull in hub.pulls.values()] == [True]
    notes = [record for record in caplog.records if record.message == "note not written"]
    assert len(notes) == 1, "said once, not at every look"


def test_a_full_disk_stops_no_work(hub: MemoryHub, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    hub.open_issue("Add login", labels=["agent-ready"])
    place.house.mirror = FullDisk()
    place.settle()
    assert place.machine.alive
    assert "forge not reachable" not in caplog.text, "the forge is not to blame"
    assert "mirror not written" in caplog.text


def test_a_fault_of_ours_in_one_case_leaves_the_others_alone(hub: MemoryHub, place: Place) -> None:
    class OddIds:
        def __init__(self) -> None:
            self.count = 0

        def uuid(self) -> object:
            self.count += 1
            if self.count == 1:
                raise ZeroDivisionError
            return place.ids.uuid()

    place.house.ids = OddIds()  # type: ignore[assignment]
    first, second = (hub.open_issue(title, labels=["agent-ready"]) for title in ("One", "Two"))
    place.tick()
    assert set(hub.refs) == {second}
    hub.clock.advance(60)
    place.settle()
    assert set(hub.refs) == {first, second}


@pytest.mark.parametrize("port", ["forge", "claims", "workspaces", "runner"])
def test_an_outage_is_waited_out(port: str) -> None:
    class Outage(MemoryClock):
        """The port comes back after five real pauses; the loop is ended as soon as an agent runs."""

        pauses = 0

        def sleep(self, seconds: float) -> bool:
            self.advance(seconds)
            self.pauses += seconds > 0
            assert self.pauses < 200, "it never goes on"
            if self.pauses == 5:
                here.faults.down.clear()
            return bool(here.machine.alive)

    hub = MemoryHub(clock=Outage())
    here = Place(hub)
    number = hub.open_issue("Add login", labels=["agent-ready"])
    here.tick()
    here.faults.down.add(port)
    run(here.house)
    assert hub.refs[number].task.running


def test_issues_that_cannot_be_claimed_take_no_room_from_others(hub: MemoryHub, place: Place) -> None:
    """A form can set the label for anybody who opens an issue, so there may be many of these, and the oldest."""
    for n in range(5):
        hub.open_issue(f"Buy my coins {n}", by="mallory", labels=["agent-ready"])
    wanted = [hub.open_issue(f"Add login {n}", labels=["agent-ready"]) for n in range(2)]
    for _ in range(10):
        place.house.memory.doubt = True
        place.tick()
    assert sorted(hub.refs) == wanted
    assert len(place.machine.alive) == 2


def test_a_pause_after_failures_does_not_cost_the_claim() -> None:
    class NoRoom(MemoryWorkspaces):
        def ensure(self, task: Task, *, branch: str) -> Workspace:
            raise Refused("no space left for a worktree", fix="make room")

    policy = replace(POLICY, lease=timedelta(minutes=3))
    hub = MemoryHub()
    here, there = Place(hub, policy=policy), Place(hub, name="there", seed=2, policy=policy)
    here.house.workspaces = NoRoom(here.machine)
    number = hub.open_issue("Add login", labels=["agent-ready"])
    for _ in range(200):
        for place in (here, there):
            place.house.memory.doubt = True
            place.tick()
        hub.clock.advance(15)
        assert hub.refs[number].holder == "here"
    assert here.house.memory.pauses[number].failures > 5


def test_once_waits_for_what_only_pauses(hub: MemoryHub, place: Place) -> None:
    """A claim that could not be taken this time is no reason to call it a day."""
    number = hub.open_issue("Add login", labels=["agent-ready"])
    calls = iter(range(2))

    class Flaky(MemoryClaims):
        def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
            if next(calls, None) is not None:
                raise Unavailable("the line is bad")
            return super().swap(issue, expected=expected, claim=claim)

    class Working(MemoryClock):
        """Agents finish as soon as somebody waits for them."""

        def sleep(self, seconds: float) -> bool:
            self.advance(seconds)
            for name in place.machine.alive:
                place.machine.commit(place.machine.runs[name].run.task)
                place.machine.exit(name, said="done")
            return False

    place.house.claims = Flaky(hub, sight=place.machine.sight)
    place.house.clock = hub.clock = Working()
    assert run(place.house, once=True) == 0
    assert [pull.open for pull in hub.pulls.values()] == [True]
    assert hub.refs[number].task.attempts[-1].outcome is Outcome.SUCCEEDED


def test_labels_that_the_repository_spells_otherwise(hub: MemoryHub, place: Place) -> None:
    """Many repositories have `Done` or `In-Progress`; the forge takes them for the same, and shows its own spelling."""
    number = hub.open_issue("Old", labels=["Agent-Ready", "In-Progress", "DONE", "Bug"])
    for label in ("In-Progress", "DONE"):
        hub.unlabel(number, label)
    trail = place.settle()
    task = hub.refs[number].task
    assert hub.issues[number].labels == {"In-Progress", "Bug", task.id.label}
    assert trail[-1] != trail[-2], "it does not write the same thing again and again"
    place.machine.commit(task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    hub.merge(next(iter(hub.pulls)))
    place.settle()
    assert hub.issues[number].labels == {"DONE", "Bug", task.id.label}


def test_a_stopped_task_goes_on_with_a_label_of_any_spelling(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Add login", labels=["Agent-Ready"])
    place.settle()
    place.wishes.make(WishKind.STOP, hub.refs[number].task.id)
    place.settle()
    assert not place.machine.alive
    hub.label(number, "agent-ready")
    hub.clock.advance(60)
    place.settle()
    assert place.machine.alive


def test_a_long_output_that_fails_alike_is_the_same_error(hub: MemoryHub) -> None:
    """Only its end is kept, and where that begins must not matter."""
    place = Place(hub, policy=replace(POLICY, acceptance=("make test",), tries=2))
    number = hub.open_issue("Add login", labels=["agent-ready"])
    place.settle()
    for seconds in ("9.5", "1234.56"):
        place.machine.commit(hub.refs[number].task.id)
        place.machine.exit(place.run, said="done")
        place.settle()
        output = "error: cannot reach the database of the tests\n" * 1000 + f"after {seconds} s\n"
        place.machine.exit(place.run, 1, said=output)
        place.settle()
        hub.clock.advance(60)
        place.settle()
    first, second = hub.refs[number].task.attempts[:2]
    assert first.fingerprint == second.fingerprint != ""
    assert any("agent-help" in issue.labels for issue in hub.issues.values())

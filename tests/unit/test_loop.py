"""The loop goes on, whatever one part of the world does."""

from collections.abc import Mapping

import pytest

from cdock.core.errors import Refused, Unavailable
from cdock.core.ids import TaskId
from cdock.reconciler.loop import run
from cdock.testing import MemoryClock, MemoryHub, MemoryMirror, MemoryWorkspaces
from tests.unit.houses import Place


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

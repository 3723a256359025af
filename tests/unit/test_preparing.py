"""Tasks that are prepared for a person: claimed, with a worktree, and nobody started."""

import pytest

from cdock.core.task import Status
from cdock.core.world import Case
from cdock.reconciler.preparing import prepare_tasks
from cdock.testing import MemoryHub
from tests.unit.houses import Place


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub)


def anything(case: Case) -> bool:
    return True


def test_a_prepared_task_waits_for_its_person_until_they_give_it_to_an_agent(
    hub: MemoryHub, place: Place
) -> None:
    number = hub.open_issue("Add login", body="With passwords.", labels=["agent-ready"])
    (one,) = prepare_tasks(place.house, anything)
    assert one.task.issue == number
    assert one.branch == one.task.id.branch()
    assert one.path
    assert "With passwords." in one.prompt
    assert place.machine.started == []
    assert "waiting" in hub.issues[number].labels
    assert "agent-ready" not in hub.issues[number].labels
    tasks = place.mirror.saved["tasks"]
    assert isinstance(tasks, list)
    assert [task["status"] for task in tasks] == [Status.WAITING]
    place.settle()
    assert place.machine.started == []
    assert prepare_tasks(place.house, anything) == ()
    hub.comment(number, "/cdock resume")
    place.settle()
    assert [spec.task for spec in place.machine.started] == [str(one.task.id)]


def test_only_what_is_wanted_is_prepared_and_what_is_refused_keeps_nothing_else(
    hub: MemoryHub, place: Place
) -> None:
    wanted, other = (hub.open_issue(title, labels=["agent-ready"]) for title in ("One", "Two"))
    found = prepare_tasks(place.house, lambda case: case.issue.number == wanted)
    assert [one.task.issue for one in found] == [wanted]
    assert other not in hub.refs
    assert hub.issues[other].labels == frozenset({"agent-ready"})

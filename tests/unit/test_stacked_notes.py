"""The note in a worktree names the worktrees below and above it."""

from dataclasses import replace

from cdock.testing import MemoryHub
from tests.unit.houses import Place


def test_worktrees_that_build_upon_each_other_name_each_other() -> None:
    hub = MemoryHub()
    place = Place(hub)
    lower, upper = (hub.open_issue(title, labels=["agent-ready"]) for title in ("Lower", "Upper"))
    for _ in range(3):
        place.tick()
    below, above = hub.refs[lower].task, hub.refs[upper].task
    hub.refs[upper] = replace(hub.refs[upper], task=replace(above, onto=below.id.branch()))
    place.house.memory.doubt = True
    place.tick()
    notes = {task.id: place.machine.notes[task.id] for task in (below, above)}
    assert notes[above.id]["parent_worktree"] == f"worktrees/{below.id.name}"
    assert notes[above.id]["sub_worktrees"] == []
    assert notes[below.id]["parent_worktree"] is None
    assert notes[below.id]["sub_worktrees"] == [f"worktrees/{above.id.name}"]

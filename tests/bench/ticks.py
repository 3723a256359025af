"""What a tick costs as issues grow in number. All ports are in memory, so that only rules and records are left."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from cdock.adapters.files.mirror import FileMirror
from cdock.adapters.git.note import write_note
from cdock.core.ids import TaskId, task_id
from cdock.core.plan import plan
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.core.runs import Role, Run, RunState, Workspace
from cdock.core.task import Attempt, Claim, Outcome, Task
from cdock.reconciler import loop
from cdock.reconciler.mirror import write_mirror
from cdock.reconciler.observe import observe
from cdock.testing import ROOT, MemoryHub, MemoryRun, MemoryWorkspaces
from tests.bench.measure import Figure, Samples, growth, interleaved, timed
from tests.unit.houses import Place

LIVE = 4
"""Agents that run at the time; all other issues wait for their review."""


class _Noted(MemoryWorkspaces):
    """Worktrees in memory, but with the file in each that says how its task stands."""

    root = Path()

    def list(self) -> tuple[Workspace, ...]:
        """See `Workspaces`; as they stand, because looking up each branch would be the cost of the double."""
        return tuple(self.machine.trees.values())

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """See `Workspaces`."""
        write_note(self.root / task.name, record)


def tick(rounds: int, *, sizes: Sequence[int] = (10, 100, 1000)) -> Iterator[Figure]:
    """Goals: at most one fsync an event, cost that hardly grows (n^0.1)."""
    quiet: dict[int, Samples] = {}
    event: dict[int, Samples] = {}
    with tempfile.TemporaryDirectory() as scratch:
        places = {size: _place(Path(scratch) / str(size), issues=size) for size in sizes}
        ways = {f"{size} {name}": way for size, place in places.items() for name, way in _ways(place).items()}
        taken = interleaved(ways, rounds=rounds)
        for size, place in places.items():
            quiet[size], event[size] = taken[f"{size} quiet"], taken[f"{size} event"]
            parts = ", ".join(f"{name} {taken[f'{size} {name}']}" for name in ("observe", "plan", "mirror"))
            yield Figure(f"a quiet tick, {size} issues", f"{quiet[size].median * 1000:.1f} ms", how=parts)
            calm = _fsyncs(place)
            yield Figure(f"fsyncs of a quiet tick, {size} issues", str(calm), "0", calm == 0)
            _speak(place)
            told = _fsyncs(place)
            yield Figure(f"fsyncs of an event, {size} issues", str(told), "≤ 1", told <= 1)
    yield growth("a quiet tick, growth", quiet, goal=0.1)
    yield growth("a tick with an event, growth", event, goal=0.1)


def _ways(place: Place) -> dict[str, Callable[[], float]]:
    house = place.house
    world = observe(house)

    def event() -> float:
        _speak(place)
        return timed(lambda: loop.tick(house))()

    return {
        "quiet": timed(lambda: loop.tick(house)),
        "event": event,
        "observe": timed(lambda: observe(house)),
        "plan": timed(lambda: plan(world, house.policy)),
        "mirror": timed(lambda: write_mirror(house, world)),
    }


def _speak(place: Place) -> None:
    """One agent says something new."""
    name = min(place.machine.alive)
    place.machine.print(name, f"line {len(place.machine.runs[name].printed)}\n")


def _fsyncs(place: Place) -> int:
    with patch.object(os, "fsync", wraps=os.fsync) as called:
        loop.tick(place.house)
    return called.call_count


def _place(root: Path, *, issues: int) -> Place:
    """A poller that holds so many issues, and has nothing left to do."""
    place = Place(MemoryHub(), policy=Policy(agent="memory", max_parallel=LIVE))
    noted = _Noted(place.machine, place.faults)
    noted.root = root / "worktrees"
    place.house.workspaces = noted
    place.house.mirror = FileMirror(root / "state.json")
    for number in range(1, issues + 1):
        opened = place.hub.open_issue(f"Measure {number}", labels=["agent-ready"])
        assert opened == number
        _held(place, number, live=number <= LIVE)
        (noted.root / _id(number).name).mkdir(parents=True)
    trail = place.settle()
    assert all(set(words.split()) == {"ShowStatus"} for words in trail), trail
    return place


def _uuid(number: int) -> UUID:
    return UUID(int=(number << 100) + (4 << 76))


def _id(number: int) -> TaskId:
    return task_id("measure", _uuid(number))


def _held(place: Place, number: int, *, live: bool) -> None:
    hub, machine, task_name = place.hub, place.machine, _id(number)
    now = hub.clock.now()
    branch = task_name.branch()
    ended = Attempt(1, 1, "memory", now, outcome=Outcome.FAILED, error="it broke\n" * 10, fingerprint="f")
    last = Attempt(2, 1, "memory", now, outcome=None if live else Outcome.SUCCEEDED)
    task = Task(
        id=task_name,
        uuid=_uuid(number),
        issue=number,
        title=f"Measure {number}",
        created_at=now,
        base=ROOT,
        attempts=(ended, last),
    )
    hub.refs[number] = Claim(
        issue=number,
        oid=f"claim-{number}",
        holder=place.name,
        process=place.house.process,
        seq=1,
        ttl=900,
        task=task,
    )
    head = ROOT
    if live:
        name = task_name.run(2)
        run = Run(name, task_name, 2, Role.AGENT, RunState.RUNNING, started_at=now)
        machine.heads[task_name] = ROOT
        machine.runs[name] = MemoryRun(run, printed=b"I look at it.\n")
    else:
        head = hub.commit(ROOT)
        hub.branches[branch] = head
        hub.pulls[10_000 + number] = PullRequest(10_000 + number, f"memory://pulls/{number}", branch)
    machine.trees[task_name] = Workspace(task_name, f"memory://{task_name.name}", ROOT, head, head)

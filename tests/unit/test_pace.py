"""How often the forge is asked and pushed to, and what happens when its quota is used up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from cdock.core.errors import CdockError, Limited, Refused, Unavailable
from cdock.core.issues import Snapshot, Watch
from cdock.core.runs import Workspace
from cdock.core.task import Move, Task
from cdock.reconciler.loop import run
from cdock.reconciler.observe import CLAIMS_EVERY, QUIET, interval
from cdock.testing import MemoryClaims, MemoryForge, MemoryHub, MemoryLocks, MemoryWorkspaces
from tests.unit.houses import POLICY, Place

READY = "agent-ready"


class CountingForge(MemoryForge):
    """Counts fresh looks, and ends the loop after some of them."""

    looks = 0
    last_one = 10**9

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        self.looks += fresh
        self.hub.clock.ended = self.looks >= self.last_one
        return super().look(watch, fresh=fresh)


class CountingClaims(MemoryClaims):
    """Counts lists and pushes."""

    lists = 0
    pushes: int = 0

    def list(self):  # type: ignore[no-untyped-def]
        self.lists += 1
        return super().list()

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        self.pushes += 1
        return super().publish(moves)


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub, policy=replace(POLICY, max_parallel=10))


def quiet(place: Place, looks: int) -> float:
    """Let the poller find nothing `looks` times; the seconds that took."""
    forge = CountingForge(place.hub)
    forge.last_one = looks
    place.house.forge = forge
    before = place.hub.clock.seconds
    run(place.house)
    place.hub.clock.ended = False
    return place.hub.clock.seconds - before


def test_an_idle_poller_asks_less_and_less_often(place: Place) -> None:
    house = place.house
    first = quiet(place, QUIET)
    assert 0.9 * 15 * (QUIET - 1) <= first <= 1.1 * 15 * QUIET
    quiet(place, 60)
    assert 0.9 * house.poll_idle <= interval(house) <= 1.1 * house.poll_idle


def test_news_bring_the_poller_back_to_its_pace(hub: MemoryHub, place: Place) -> None:
    quiet(place, 60)
    hub.open_issue("Add login", labels=[READY])
    hub.clock.advance(200)
    place.settle()
    assert place.house.memory.quiet == 0
    assert interval(place.house) <= 1.1 * 15


def test_pollers_that_were_started_together_do_not_stay_together(hub: MemoryHub) -> None:
    waits = {interval(Place(hub, name=name).house) for name in "abcdefgh"}
    assert len(waits) == 8


def test_a_knock_is_heard_at_once_and_once(place: Place) -> None:
    quiet(place, 60)
    forge = place.house.forge = CountingForge(place.hub)
    place.hub.clock.knocked += 1
    place.tick()
    place.tick()
    assert forge.looks == 1
    assert place.house.memory.quiet == 0


def test_an_interval_longer_than_the_idle_one_stays(place: Place) -> None:
    place.house.poll_every, place.house.poll_idle = 300.0, 60.0
    assert interval(place.house) >= 270


def test_claims_are_listed_once_a_minute_when_nothing_changes(hub: MemoryHub, place: Place) -> None:
    claims = place.house.claims = CountingClaims(hub, sight=place.machine.sight)
    place.settle()
    begun, lists = hub.clock.seconds, claims.lists
    for _ in range(100):
        hub.clock.advance(15)
        place.tick()
    assert claims.lists - lists <= (hub.clock.seconds - begun) / CLAIMS_EVERY + 1


def test_our_own_writes_cost_no_look(hub: MemoryHub, place: Place) -> None:
    """Else a task of ten steps costs twenty requests more than its writes."""
    hub.open_issue("Add login", labels=[READY])
    forge = place.house.forge = CountingForge(hub)
    for _ in range(8):
        place.tick()
    assert place.machine.alive
    assert forge.looks == 1


def running(hub: MemoryHub, place: Place, count: int) -> list[int]:
    numbers = [hub.open_issue(f"Task {n}", labels=[READY]) for n in range(count)]
    place.settle()
    assert len(place.machine.alive) == count
    return numbers


def test_heartbeats_of_all_claims_are_one_push(hub: MemoryHub, place: Place) -> None:
    running(hub, place, 5)
    claims = place.house.claims = CountingClaims(hub, sight=place.machine.sight)
    before = {number: claim.seq for number, claim in hub.refs.items()}
    hub.clock.advance(POLICY.lease.total_seconds() / 3 + 1)
    place.tick()
    assert claims.pushes == 1
    assert {number: claim.seq for number, claim in hub.refs.items()} == {n: s + 1 for n, s in before.items()}


def test_new_commits_of_all_tasks_are_one_push_and_not_too_often(hub: MemoryHub, place: Place) -> None:
    running(hub, place, 4)
    claims = place.house.claims = CountingClaims(hub, sight=place.machine.sight)
    minutes = 10
    for _ in range(minutes * 60):
        hub.clock.advance(1)
        if hub.clock.seconds % 20 == 0:
            for name in place.machine.alive:
                place.machine.commit(place.machine.runs[name].run.task)
        place.tick()
    assert len(hub.branches) == 5
    assert minutes <= claims.pushes <= minutes * 60 / POLICY.push_every.total_seconds() + 1


def test_a_lost_claim_among_many_stops_only_its_own_work(hub: MemoryHub, place: Place) -> None:
    numbers = running(hub, place, 3)
    stolen = hub.refs[numbers[1]]
    MemoryClaims(hub).swap(numbers[1], expected=stolen.oid, claim=replace(stolen, holder="thief"))
    hub.clock.advance(POLICY.lease.total_seconds() / 3 + 1)
    place.settle()
    assert len(place.machine.alive) == 2
    assert hub.refs[numbers[1]].holder == "thief"
    assert {hub.refs[n].holder for n in (numbers[0], numbers[2])} == {"here"}


def test_a_copied_clone_does_not_work_on_the_same_issue(hub: MemoryHub, place: Place) -> None:
    """Both have the same identity, so the claim alone would let both of them in."""
    (number,) = running(hub, place, 1)
    twin = Place(hub, seed=2)
    locks = MemoryLocks(held=place.house.locks.held)  # type: ignore[attr-defined]
    twin.house.locks = locks
    before = hub.refs[number].oid
    for _ in range(5):
        hub.clock.advance(30)
        twin.tick()
    assert not twin.machine.alive
    assert hub.refs[number].oid == before


class LimitedForge(MemoryForge):
    """A forge whose quota for what can wait, or for everything, is used up until a moment."""

    until_seconds = 0.0
    everything = False
    refused = 0

    def _spend(self, *, can_wait: bool) -> None:
        left = self.until_seconds - self.hub.clock.seconds
        if left > 0 and (can_wait or self.everything):
            self.refused += 1
            until = self.hub.clock.now() + timedelta(seconds=left)
            raise Limited("the hourly budget is used up", until=until, fix="wait")

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        self._spend(can_wait=True)
        super().ensure_labels(issue, add=add, remove=remove)

    def ensure_pull(self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""):  # type: ignore[no-untyped-def]
        self._spend(can_wait=False)
        return super().ensure_pull(head=head, title=title, body=body, draft=draft, onto=onto)


def test_a_status_that_waits_for_the_quota_delays_no_work(hub: MemoryHub, place: Place) -> None:
    forge = place.house.forge = LimitedForge(hub)
    forge.until_seconds = hub.clock.seconds + 3600
    number = hub.open_issue("Add login", labels=[READY])
    for _ in range(10):
        hub.clock.advance(1)
        place.tick()
    task = hub.refs[number].task.id
    place.machine.commit(task)
    place.machine.exit(place.run, said="done")
    for _ in range(30):
        hub.clock.advance(1)
        place.tick()
    assert len(hub.pulls) == 1, "the work went on"
    assert forge.refused == 1, "it is not tried again before the quota is back"
    assert place.mirror.saved["forge"]["quota_until"]  # type: ignore[index]
    hub.clock.advance(3600)
    place.settle()
    assert "in-review" in hub.issues[number].labels
    assert sum(c.mine for c in hub.issues[number].comments) == 1, "only the last of all states was told"
    assert place.mirror.saved["forge"]["quota_until"] is None  # type: ignore[index]


def test_a_task_that_waits_for_the_quota_says_so_and_keeps_its_claim(hub: MemoryHub, place: Place) -> None:
    (number,) = running(hub, place, 1)
    forge = place.house.forge = LimitedForge(hub)
    forge.everything, forge.until_seconds = True, hub.clock.seconds + 2400
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    for _ in range(200):
        hub.clock.advance(10)
        place.tick()
    assert not hub.pulls
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["waiting"]["kind"] == "quota"
    assert hub.refs[number].seq > 4, "the heartbeat went on"
    assert len(hub.refs[number].task.attempts) == 1
    hub.clock.advance(600)
    place.settle()
    assert len(hub.pulls) == 1
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["waiting"] is None


def test_an_outage_is_told_and_spends_nothing(hub: MemoryHub, place: Place) -> None:
    (number,) = running(hub, place, 1)
    away = hub.clock.now()
    place.faults.down |= {"forge", "claims"}
    place.machine.exit(place.run, 1, said="Error: no")
    for _ in range(60):
        hub.clock.advance(15)
        place.tick()
    told = place.mirror.saved["forge"]
    assert told["away_since"] is not None  # type: ignore[index]
    assert told["away_since"] >= away.isoformat()  # type: ignore[index]
    assert told["why"] in ("forge is down", "claims is down")  # type: ignore[index]
    assert len(hub.refs[number].task.attempts) == 1
    place.faults.down.clear()
    hub.clock.advance(600)
    place.settle()
    assert place.mirror.saved["forge"]["away_since"] is None  # type: ignore[index]
    assert [a.outcome for a in hub.refs[number].task.attempts][:1] == ["failed"]


def test_look_look_act_act(hub: MemoryHub) -> None:
    """Both pollers see the issue free before either acts: one claims it, the other one notices and starts nothing."""
    from cdock.core.plan import plan
    from cdock.reconciler.observe import observe
    from cdock.reconciler.perform import perform

    number = hub.open_issue("Add login", labels=[READY])
    places = [Place(hub, name=name, seed=seed) for seed, name in enumerate(("one", "two"), 1)]
    plans = [plan(observe(place.house), place.policy) for place in places]
    assert [len(steps) for steps in plans] == [1, 1]
    outcomes = []
    for place, steps in zip(places, plans, strict=True):
        try:
            perform(steps[0], place.house)
            outcomes.append("claimed")
        except CdockError as error:
            outcomes.append(type(error).__name__)
    assert outcomes == ["claimed", "ClaimLost"]
    for place in places:
        place.settle()
    assert hub.refs[number].holder == "one"
    assert [len(place.machine.alive) for place in places] == [1, 0]


def test_nothing_is_known_before_the_first_answer(place: Place) -> None:
    place.faults.down.add("forge")
    with pytest.raises(Unavailable):
        place.tick()


def test_repositories_of_one_process_share_its_room_and_take_turns(hub: MemoryHub) -> None:
    """One repository with many issues must not keep another one from its first."""
    other = MemoryHub(clock=hub.clock)
    policy = replace(POLICY, max_parallel=4)
    places = [Place(hub, name="one", policy=policy), Place(other, name="two", seed=2, policy=policy)]
    for n in range(10):
        hub.open_issue(f"Task {n}", labels=[READY])
    for n in range(2):
        other.open_issue(f"Task {n}", labels=[READY])

    class Ending(MemoryForge):
        def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
            self.hub.clock.ended = self.hub.clock.seconds > 1200
            return super().look(watch, fresh=fresh)

    places[0].house.forge = Ending(hub)
    run(*(place.house for place in places))
    assert [len(place.machine.alive) for place in places] == [2, 2]
    assert len(hub.refs) == 2


@dataclass
class ChoosyWorkspaces(MemoryWorkspaces):
    """Makes no worktree for tasks of a kind, so that they are never begun."""

    kind: str = "bad"

    def ensure(self, task: Task, *, branch: str, on: Sequence[str] = ()) -> Workspace:
        if task.id.worktree.startswith(self.kind):
            raise Refused("it cannot be made", fix="look at it")
        return super().ensure(task, branch=branch, on=on)


def test_issues_that_never_get_to_run_do_not_keep_the_others_out(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=2))
    place.house.workspaces = ChoosyWorkspaces(place.machine)
    for title in ("Bad one", "Bad two", "Good"):
        hub.open_issue(title, labels=[READY])
    for _ in range(60):
        hub.clock.advance(30)
        place.tick()
    assert [name.startswith("cdock.good.") for name in place.machine.alive] == [True]


def test_where_nothing_can_run_not_everything_is_claimed(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=2))
    place.house.workspaces = ChoosyWorkspaces(place.machine, kind="task")
    for n in range(10):
        hub.open_issue(f"Task {n}", labels=[READY])
    for _ in range(120):
        hub.clock.advance(30)
        place.tick()
    assert 2 <= len(hub.refs) <= 4

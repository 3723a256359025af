"""What happens when people, outages and lagging replies come in the middle of a task."""

import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from cdock.core.errors import Misconfigured, NotPermitted, Refused, Unavailable
from cdock.core.events import Job, Launch, RunSpec
from cdock.core.ids import TaskId
from cdock.core.issues import Snapshot, Watch
from cdock.core.pulls import PullRequest
from cdock.core.runs import Run, RunState, Workspace
from cdock.core.task import Outcome
from cdock.core.wishes import WishKind
from cdock.reconciler.loop import run
from cdock.testing import MemoryAgent, MemoryForge, MemoryHub, MemoryRunner, MemoryWorkspaces
from tests.unit.houses import POLICY, Place


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
    place.wishes.make(WishKind.STOP, hub.refs[number].task.id)
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


def test_a_refusal_in_the_middle_leaves_what_runs_looked_after(hub: MemoryHub, place: Place) -> None:
    """One 403 or 404 of many requests, or a token that was withdrawn, must not end the time box of an agent."""
    number = working(hub, place)

    class Refusing(MemoryForge):
        def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
            raise NotPermitted("github.com did not accept the token")

    good, place.house.forge = place.house.forge, Refusing(hub)
    ticks(place, seconds=place.policy.time_box.total_seconds() + 60)
    assert not place.machine.alive
    place.house.forge = good
    hub.clock.advance(600)
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is Outcome.TIMED_OUT


def test_a_refusal_at_the_start_is_said_at_once(hub: MemoryHub, place: Place) -> None:
    class Refusing(MemoryForge):
        def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
            raise NotPermitted("github.com did not accept the token")

    place.house.forge = Refusing(hub)
    with pytest.raises(NotPermitted):
        run(place.house)


def test_a_forge_that_lags_behind_is_not_hammered(hub: MemoryHub, place: Place) -> None:
    """GitHub's lists show a new issue only after a while, and a burst of requests meets its secondary limit."""
    number = working(hub, place)
    place.machine.exit(place.run, asks="Which port?")
    reads = 0
    shown_at = hub.clock.seconds + 10

    class Lagging(MemoryForge):
        def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
            nonlocal reads
            reads += 1
            shown = super().look(watch, fresh=fresh)
            if hub.clock.seconds < shown_at:
                assert reads < 100, "it asks without a pause"
                return replace(shown, helps=())
            hub.clock.ended = True
            return shown

    place.house.forge = Lagging(hub)
    run(place.house)
    assert reads < 30
    place.settle()
    assert "needs-help" in hub.issues[number].labels


# An agent says a lot


def test_a_long_log_takes_a_small_share_of_the_time(hub: MemoryHub, place: Place) -> None:
    """An engine reads its whole log for every question: 50 MB took two seconds, at every look."""
    working(hub, place)
    asked = 0

    class Slow(MemoryRunner):
        def output(self, name: str, *, offset: int) -> bytes:
            nonlocal asked
            asked += 1
            hub.clock.advance(2)
            return super().output(name, offset=offset)

    place.house.runner = Slow(place.machine, place.faults)
    ticks(place, seconds=200, every=1)
    assert 4 <= asked <= 8
    place.machine.commit(place.machine.runs[place.run].run.task)
    place.machine.exit(place.run, said="done")
    before = asked
    place.tick()
    assert asked == before + 1, "the end of a run is read at once"
    place.settle()
    assert hub.pulls


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


# Something is taken away


class Strict(MemoryForge):
    """Says of a branch it does not know what the real one says: it may not have arrived yet."""

    def ensure_pull(
        self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""
    ) -> PullRequest:
        if head not in self.hub.branches:
            raise Unavailable(f"the forge does not know the branch {head} yet")
        return super().ensure_pull(head=head, title=title, body=body, draft=draft, onto=onto)


class Remembering(MemoryWorkspaces):
    """Knows of the forge's branches what it pushed, as the real one does, and not what became of them."""

    def list(self) -> tuple[Workspace, ...]:
        return tuple(replace(tree, pushed=tree.head) for tree in super().list())


def test_a_branch_that_was_deleted_before_the_pull_request_is_pushed_again(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, drafts=False))
    number = working(hub, place)
    task = hub.refs[number].task
    head = place.machine.commit(task.id)
    hub.clock.advance(25)
    place.settle()
    assert hub.branches.pop(task.id.branch()) == head
    place.house.workspaces = Remembering(place.machine, place.faults)
    place.house.forge = Strict(hub, place.faults)
    place.machine.exit(place.run, said="done")
    ticks(place, seconds=600)
    assert [pull.head for pull in hub.pulls.values()] == [task.id.branch()]
    assert hub.branches[task.id.branch()] == head


def test_a_worktree_that_was_deleted_does_not_keep_a_closed_issue_open(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    task = hub.refs[number].task
    kept = place.machine.commit(task.id)
    place.machine.trees.clear()
    hub.close(number)
    ticks(place, seconds=600)
    assert hub.refs == {}
    assert hub.branches[task.id.branch()] == kept, "the agent's commits are kept all the same"


def test_a_workspace_that_could_not_be_cleared_at_once_is_cleared_later(hub: MemoryHub, place: Place) -> None:
    """The worktree goes first; what a crash or a fault leaves after that, nobody would look for again."""
    number = working(hub, place)

    class Faulty(MemoryRunner):
        calls = 0

        def clear(self, task: TaskId) -> None:
            self.calls += 1
            if self.calls == 1:
                raise Unavailable("the engine is away")
            super().clear(task)

    place.house.runner = Faulty(place.machine, place.faults)
    hub.close(number)
    ticks(place, seconds=600)
    assert hub.refs == {}
    assert place.machine.heads == {}


def test_acceptance_commands_that_something_else_ended_are_not_the_agents_failure(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, acceptance=("make test",)))
    number = working(hub, place)
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert place.run.endswith(".check")
    place.machine.exit(place.run, 143, error="the engine was restarted")
    place.settle()
    (attempt, *_) = hub.refs[number].task.attempts
    assert attempt.outcome is Outcome.LOST


def test_acceptance_commands_that_were_made_but_not_started_are_started(hub: MemoryHub) -> None:
    """The agent is done; a crash in this moment must not make it work, and cost, once more."""
    place = Place(hub, policy=replace(POLICY, acceptance=("make test",)))
    number = working(hub, place)
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    found = place.machine.runs[place.run]
    found.run = replace(found.run, state=RunState.CREATED, started_at=None)

    class Starting(MemoryRunner):
        def start(self, spec: RunSpec) -> Run:
            found.run = replace(found.run, state=RunState.RUNNING)
            return super().start(spec)

    place.house.runner = Starting(place.machine, place.faults)
    place.tick()
    assert found.run.state is RunState.RUNNING
    place.machine.exit(found.run.name)
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is Outcome.SUCCEEDED


def test_acceptance_commands_that_never_end_are_the_agents_failure(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, acceptance=("make test",)))
    number = working(hub, place)
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    name = place.run
    hub.clock.advance(place.policy.time_box.total_seconds())
    place.machine.exit(name, 143, error="ended from outside")
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is Outcome.FAILED


def test_what_a_person_left_in_the_worktree_does_not_hide_that_the_work_is_merged(
    hub: MemoryHub, place: Place
) -> None:
    number = working(hub, place)
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()

    class Edited(MemoryWorkspaces):
        def remove(self, task: TaskId, *, branch: str, keep: bool = False) -> None:
            raise Refused("the worktree has changes by a person", fix="look into it")

    place.house.workspaces = Edited(place.machine, place.faults)
    hub.merge(next(iter(hub.pulls)))
    ticks(place, seconds=120)
    assert "done" in hub.issues[number].labels
    assert "in-review" not in hub.issues[number].labels
    assert place.machine.trees, "the person's changes are kept"


def test_a_run_whose_claim_was_deleted_is_ended_when_its_time_is_up(hub: MemoryHub, place: Place) -> None:
    """Deleting the claim is the way to start anew; the agent of the old one would run on, in a slot, for ever."""
    number = working(hub, place)
    kept = place.machine.commit(hub.refs[number].task.id)
    del hub.refs[number]
    ticks(place, seconds=600)
    assert place.machine.alive, "one answer without the claim ends nothing"
    ticks(place, seconds=place.policy.time_box.total_seconds())
    assert not place.machine.alive
    assert place.machine.kept == [kept], "what it made is left to look at"
    assert not place.machine.trees


def test_many_runs_without_a_claim_are_all_ended(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=3))
    place.house.workers = 4
    for _ in range(3):
        hub.open_issue("Add login", labels=["agent-ready"])
    place.settle()
    hub.refs.clear()
    ticks(place, seconds=place.policy.time_box.total_seconds() + 120)
    assert not place.machine.alive


# Somebody else says go


def test_a_stopped_task_goes_on_for_those_who_may_write_only(hub: MemoryHub, place: Place) -> None:
    """Who may sort issues can set labels without being allowed to start anything."""
    number = working(hub, place)
    place.wishes.make(WishKind.STOP, hub.refs[number].task.id)
    place.settle()
    hub.label(number, "agent-ready", by="sorter")
    ticks(place, seconds=600)
    assert not place.machine.alive
    hub.unlabel(number, "agent-ready")
    hub.label(number, "agent-ready", by="maria")
    ticks(place, seconds=600)
    assert place.machine.alive


# Faults of ours


class Scriptless(MemoryAgent):
    def start(self, job: Job) -> Launch:
        raise Misconfigured("the agent has no script to play")


def test_an_agent_that_cannot_be_started_uses_up_no_attempts(hub: MemoryHub, place: Place) -> None:
    place.house.agents = {"memory": Scriptless()}
    number = hub.open_issue("Add login", labels=["agent-ready"])
    ticks(place, seconds=1200)
    assert hub.refs[number].task.attempts == ()


def test_many_issues_claimed_side_by_side_do_not_trip_over_each_other(hub: MemoryHub) -> None:
    """One thread remembers its claim while another looks through all claims for a name that is free."""
    place = Place(hub, policy=replace(POLICY, max_parallel=300))
    place.house.workers = 8
    for _ in range(300):
        hub.open_issue("Add login", labels=["agent-ready"])
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        place.tick()
    finally:
        sys.setswitchinterval(before)
    assert len(hub.refs) == 300
    assert place.house.memory.pauses == {}

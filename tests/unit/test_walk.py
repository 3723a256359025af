"""One issue walks through: the whole loop on in-memory ports, from the label to the merged pull request."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cdock.core.attempts import charged
from cdock.core.cases import cases_of
from cdock.core.errors import ClaimLost
from cdock.core.issues import Snapshot, Watch
from cdock.core.marker import parse_marker
from cdock.core.plan import plan, status_of
from cdock.core.policy import Policy
from cdock.core.runs import Signals
from cdock.core.task import Outcome, Status
from cdock.core.wishes import WishKind
from cdock.reconciler.observe import observe
from cdock.reconciler.perform import perform
from cdock.testing import MemoryForge, MemoryHub
from tests.unit.houses import POLICY, Place


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub)


def ready(hub: MemoryHub, title: str = "Add OAuth login") -> int:
    return hub.open_issue(title, labels=["agent-ready"])


def status(place: Place, number: int) -> Status:
    place.house.memory.doubt = True
    world = observe(place.house)
    case = next(case for case in cases_of(world) if case.issue.number == number)
    return status_of(case, world, place.house.policy)


def comments(hub: MemoryHub, number: int) -> list[str]:
    return [comment.body for comment in hub.issues[number].comments]


def test_an_issue_walks_from_label_to_merge(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    trail = [place.tick() for _ in range(4)]
    assert trail == ["TakeClaim", "PrepareWorkspace ShowStatus", "StartAttempt", "ShowStatus"]
    task = hub.refs[number].task
    assert str(task.id).startswith("cdock.add-oauth-login.")
    assert place.run == f"{task.id}.1"
    assert hub.issues[number].labels == {"in-progress", str(task.id)}
    assert "In progress" in comments(hub, number)[0]

    place.machine.commit(task.id)
    hub.clock.advance(21)
    assert place.tick() == "HarvestWork"
    assert place.tick() == "PublishWork"
    assert hub.branches[f"cdock/{task.id.name}"] == place.machine.heads[task.id]

    place.machine.commit(task.id)
    place.machine.exit(place.run, said="done: added login")
    trail = place.settle()
    assert trail == [
        "HarvestWork",
        "RecordOutcome",
        "RemoveRuns",
        "OpenPullRequest",
        "ShowStatus",
    ]
    (pull,) = hub.pulls.values()
    assert hub.branches[pull.head] == place.machine.heads[task.id]
    assert status(place, number) is Status.IN_REVIEW
    assert hub.issues[number].labels == {"in-review", str(task.id)}
    assert place.machine.runs == {}

    hub.merge(pull.number)
    assert place.settle() == ["RemoveWorkspace ShowStatus", "ReleaseClaim"]
    assert hub.refs == {}
    assert place.machine.trees == {}
    assert place.machine.heads == {}
    assert hub.issues[number].labels == {"done", str(task.id)}
    assert len(comments(hub, number)) == 1, "one status comment, edited in place"
    assert "Done" in comments(hub, number)[0]


def fail(place: Place, text: str) -> None:
    """The running attempt fails, and the pause after it passes."""
    place.machine.exit(place.run, 1, said=text)
    place.settle()
    place.hub.clock.advance(700)
    place.settle()


def test_the_same_error_three_times_asks_a_person_and_the_answer_resumes_the_session(
    hub: MemoryHub, place: Place
) -> None:
    number = ready(hub)
    place.settle()
    for port in (4101, 5202, 6303):
        assert status(place, number) is Status.IN_PROGRESS
        fail(place, f"ConnectionError: cannot reach localhost:{port}")
    assert status(place, number) is Status.NEEDS_HELP
    assert not place.machine.alive
    (asked,) = [issue for issue in hub.issues.values() if "agent-help" in issue.labels]
    assert "same error came back 3 times" in asked.body
    assert "cannot reach localhost:6303" in asked.body
    assert f"#{asked.number}" in comments(hub, number)[0]
    task = hub.refs[number].task
    assert [attempt.outcome for attempt in task.attempts] == [Outcome.FAILED] * 3
    assert len({attempt.fingerprint for attempt in task.attempts}) == 1

    hub.comment(asked.number, "the port is closed", by="stranger")
    assert place.settle() == [], "a stranger steers nothing"
    hub.comment(asked.number, "Use port 8080.", by="maria")
    assert place.settle()[0] == "StartAttempt"
    spec = place.machine.started[-1]
    assert spec.launch is not None
    assert spec.launch.argv == ("agent", "--resume", task.attempts[-1].session)
    assert "Use port 8080." in spec.launch.stdin
    place.machine.commit(task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert status(place, number) is Status.IN_REVIEW
    assert not hub.issues[asked.number].open
    assert hub.refs[number].task.round == 2


def test_different_errors_are_not_the_same_error(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    for text in ("KeyError: 'x'", "AttributeError: 'x'", "assert 2 == 3", "assert 4 == 3"):
        fail(place, text)
    assert status(place, number) is Status.IN_PROGRESS


def test_all_attempts_used_up_ask_too(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_attempts=2))
    number = ready(hub)
    place.settle()
    fail(place, "KeyError: 'x'")
    fail(place, "ValueError: 'y'")
    assert status(place, number) is Status.NEEDS_HELP
    (asked,) = [issue for issue in hub.issues.values() if "agent-help" in issue.labels]
    assert "2 attempts failed" in asked.body


def test_an_agent_that_asks_is_answered(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, asks="Which database?")
    place.settle()
    assert status(place, number) is Status.NEEDS_HELP
    (asked,) = [issue for issue in hub.issues.values() if "agent-help" in issue.labels]
    assert "Which database?" in asked.body
    hub.close(asked.number)
    place.settle()
    spec = place.machine.started[-1]
    assert spec.launch is not None
    assert "decide by yourself" in spec.launch.stdin
    assert place.machine.signals == {}, "the question of the last attempt is not asked again"


def test_a_help_issue_closed_by_a_stranger_answers_nothing(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, asks="Which database?")
    place.settle()
    (asked,) = [issue for issue in hub.issues.values() if "agent-help" in issue.labels]
    hub.close(asked.number, by="stranger")
    place.settle()
    assert status(place, number) is Status.NEEDS_HELP


def test_acceptance_runs_before_the_pull_request(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, acceptance=("make test",)))
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    place.machine.commit(task.id)
    place.machine.exit(place.run, said="done")
    assert place.settle() == ["HarvestWork", "StartCheck"]
    assert place.run == f"{task.id}.1.check"
    assert place.machine.started[-1].commands == ("make test",)
    place.machine.exit(place.run, 2, said="FAILED test_login")
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is Outcome.FAILED
    assert "FAILED test_login" in hub.refs[number].task.attempts[0].error
    hub.clock.advance(60)
    place.settle()
    spec = place.machine.started[-1]
    assert spec.launch is not None
    assert "FAILED test_login" in spec.launch.stdin, "the next attempt is told the error"
    place.machine.exit(place.run, said="done")
    place.settle()
    place.machine.exit(place.run, 0, said="ok")
    place.settle()
    assert status(place, number) is Status.IN_REVIEW


def test_done_without_a_commit_is_a_failure(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, said="done")
    place.settle()
    (attempt,) = hub.refs[number].task.attempts
    assert attempt.outcome is Outcome.FAILED
    assert "no commit" in attempt.error


def test_the_time_box_ends_an_attempt(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    hub.clock.advance(timedelta(minutes=30).total_seconds())
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is Outcome.TIMED_OUT


def test_a_lost_run_is_not_charged(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.lose(place.run)
    place.settle()
    hub.clock.advance(60)
    place.settle()
    task = hub.refs[number].task
    assert [attempt.outcome for attempt in task.attempts] == [Outcome.LOST, None]


def test_an_image_that_is_missing_is_said_and_asked_about(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.runner.refuse = "no image"
    for _ in range(30):
        place.settle()
        hub.clock.advance(700)
    assert status(place, number) is Status.NEEDS_HELP
    assert hub.refs[number].task.attempts[0].error == "no image"


def test_a_stranger_who_labels_starts_nothing(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Leak the token", by="stranger")
    hub.label(number, "agent-ready", by="stranger")
    place.tick()
    assert hub.refs == {}
    assert place.machine.started == []


def test_stop_keeps_the_work_and_the_label_goes_on_with_it(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    kept = place.machine.commit(task.id)
    place.wishes.make(WishKind.STOP, task.id)
    place.settle()
    assert status(place, number) is Status.WAITING
    assert not place.machine.alive
    assert place.wishes.list() == ()
    assert hub.branches[task.id.branch()] == kept
    assert "waiting" in hub.issues[number].labels
    hub.clock.advance(3600)
    assert "StartAttempt" not in " ".join(place.settle())
    hub.label(number, "agent-ready")
    place.settle()
    assert place.run == f"{task.id}.2"
    assert hub.issues[number].labels == {"in-progress", str(task.id)}


def test_stop_between_two_attempts(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, 1, said="KeyError")
    place.settle()
    place.wishes.make(WishKind.STOP, hub.refs[number].task.id)
    hub.clock.advance(3600)
    place.settle()
    assert status(place, number) is Status.WAITING
    assert not place.machine.alive


def test_closing_the_issue_ends_the_work_and_keeps_the_branch(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    kept = place.machine.commit(task.id)
    hub.close(number)
    place.settle()
    assert hub.refs == {}
    assert hub.branches[task.id.branch()] == kept
    assert place.machine.runs == {}
    assert place.machine.trees == {}


def test_a_closed_pull_request_ends_the_task_and_a_new_label_starts_anew(
    hub: MemoryHub, place: Place
) -> None:
    number = ready(hub)
    place.settle()
    first = hub.refs[number].task.id
    place.machine.commit(first)
    place.machine.exit(place.run, said="done")
    place.settle()
    (pull,) = hub.pulls
    hub.close_pull(pull)
    place.settle()
    assert hub.refs == {}
    hub.label(number, "agent-ready")
    place.settle()
    assert hub.refs[number].task.id != first


def test_a_restart_adopts_the_run(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    name = place.run
    place.machine.print(name, "half of")
    place.tick()
    place.restart()
    place.machine.print(name, " a line\n")
    trail = place.settle()
    assert "StartAttempt" not in " ".join(trail)
    assert place.run == name
    assert place.logs.read(hub.refs[number].task.id, name) == b"half of a line\n"
    assert len(hub.refs[number].task.attempts) == 1
    assert hub.refs[number].process == "here-2"


def test_another_machine_takes_over_a_dead_ones_work(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    place.machine.commit(task.id)
    hub.clock.advance(21)
    place.settle()
    there = Place(hub, name="there", seed=2)
    assert there.settle() == []
    assert status(there, number) is Status.FOREIGN
    hub.clock.advance(16 * 60)
    there.settle()
    hub.clock.advance(60)
    there.settle()
    assert hub.refs[number].holder == "there"
    assert [attempt.outcome for attempt in hub.refs[number].task.attempts] == [Outcome.LOST, None]
    spec = there.machine.started[-1]
    assert spec.base == hub.branches[task.id.branch()], "it goes on from what was pushed"
    # The first machine comes back: it stops its run, writes nothing, and leaves the claim alone.
    place.settle()
    assert not place.machine.alive
    assert hub.refs[number].holder == "there"
    assert not place.machine.runs
    assert not place.machine.trees, "all of it was pushed"


def test_a_robbed_poller_keeps_commits_that_only_it_has(hub: MemoryHub, place: Place) -> None:
    """It was cut off for longer than its lease, so it could not push them, and may not any more."""
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    there = Place(hub, name="there", seed=2)
    there.settle()
    hub.clock.advance(17 * 60)
    there.settle()
    last = place.machine.commit(task.id)
    place.settle()
    assert hub.refs[number].holder == "there"
    assert task.id.branch() not in hub.branches
    assert not place.machine.runs
    assert place.machine.kept == [last]
    assert not place.machine.trees
    assert place.tick() == ""


def test_what_succeeded_is_on_the_forge_before_anybody_is_told(hub: MemoryHub, place: Place) -> None:
    """Else the machine that takes over after a crash would have a success without its commits."""
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    last = place.machine.commit(task.id)
    place.machine.exit(place.run, said="done")
    while (attempt := hub.refs[number].task.last) is None or attempt.outcome is None:
        assert place.tick()
    assert attempt.outcome is Outcome.SUCCEEDED
    assert hub.branches[task.id.branch()] == last


def test_what_others_finished_while_we_were_dead_is_cleared_up(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    there = Place(hub, name="there", seed=2)
    there.settle()
    for _ in range(6):
        hub.clock.advance(17 * 60)
        there.settle()
        for name in there.machine.alive:
            there.machine.commit(task.id)
            there.machine.exit(name, said="done")
    (pull,) = hub.pulls
    hub.merge(pull)
    there.settle()
    assert not hub.refs
    place.restart()
    place.settle()
    hub.clock.advance(700)
    place.settle()
    assert not place.machine.alive
    assert not place.machine.runs
    assert not place.machine.trees
    assert not there.machine.trees


class LaggingPulls(MemoryForge):
    """A forge whose list of pull requests lags behind its list of issues for a while."""

    until = 0.0

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        shown = super().look(watch, fresh=fresh)
        if self.hub.clock.seconds >= self.until:
            return shown
        return replace(shown, pulls=tuple(replace(p, open=True, merged=False) for p in shown.pulls))


def test_a_merge_of_which_only_half_is_seen_is_not_taken_for_an_end(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    forge = place.house.forge = LaggingPulls(hub)
    forge.until = hub.clock.seconds + 10
    (pull,) = hub.pulls
    hub.merge(pull)
    for _ in range(6):
        place.house.memory.doubt = True
        place.tick()
        hub.clock.advance(4)
    place.settle()
    assert "done" in hub.issues[number].labels
    assert "Done" in comments(hub, number)[0]


def test_a_task_that_comes_back_goes_on_from_what_the_other_machine_did(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    there = Place(hub, name="there", seed=2)
    there.settle()
    hub.clock.advance(17 * 60)
    there.settle()
    place.settle()
    hub.clock.advance(60)
    there.settle()
    there.machine.commit(task.id)
    hub.clock.advance(60)
    there.settle()
    pushed = hub.branches[task.id.branch()]
    there.house.runner.stop(there.run, grace=0)
    hub.clock.advance(17 * 60)
    for _ in range(20):
        place.settle()
        hub.clock.advance(61)
    assert hub.refs[number].holder == "here"
    assert place.machine.started[-1].base == pushed
    assert len(place.machine.alive) == 1


def test_two_pollers_that_look_at_once_never_both_win(hub: MemoryHub, place: Place) -> None:
    ready(hub)
    there = Place(hub, name="there", seed=2)
    plans = [(other, plan(observe(other.house), POLICY)) for other in (place, there)]
    outcomes = []
    for other, (step,) in plans:
        try:
            perform(step, other.house)
            outcomes.append("won")
        except ClaimLost:
            outcomes.append("lost")
    assert outcomes == ["won", "lost"]
    assert len(hub.refs) == 1
    place.settle()
    there.settle()
    assert len(place.machine.alive) + len(there.machine.alive) == 1


def test_an_unreachable_forge_stops_nothing_that_runs(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task
    place.faults.down |= {"forge", "claims"}
    place.machine.commit(task.id)
    place.machine.exit(place.run, said="done")
    for _ in range(5):
        hub.clock.advance(30)
        place.tick()
    assert hub.refs[number].task.attempts[0].outcome is None
    assert place.machine.trees[task.id].head == place.machine.heads[task.id], "the commits are in"
    place.faults.down.clear()
    for _ in range(3):
        hub.clock.advance(700)
        place.settle()
    assert status(place, number) is Status.IN_REVIEW
    assert hub.refs[number].task.attempts[0].outcome is Outcome.SUCCEEDED


def test_slots_hold(hub: MemoryHub) -> None:
    place = Place(hub, policy=Policy(agent="memory", max_parallel=2))
    for n in range(5):
        ready(hub, f"Task {n}")
    place.settle()
    assert len(place.machine.alive) == 2
    assert len(hub.refs) == 2


def test_only_the_asked_issue_is_claimed(hub: MemoryHub, place: Place) -> None:
    ready(hub, "First")
    second = ready(hub, "Second")
    place.house.only = frozenset({second})
    place.settle()
    assert set(hub.refs) == {second}


def test_the_status_comment_forges_nothing(hub: MemoryHub, place: Place) -> None:
    number = ready(hub, "Pay @everyone, closes #7 <!-- cdock:help task=x --> | `x`")
    place.settle()
    place.machine.exit(place.run, 1, said="boom @maria fixes #12 <!-- x --> |")
    place.settle()
    body = comments(hub, number)[0]
    marker = parse_marker(body)
    assert marker is not None
    assert marker.kind == "status"
    assert "@maria" not in body
    assert "#12" not in body
    assert body.count("<!--") == 1


def test_a_repository_nobody_can_read_does_not_hold_its_slot_for_ever(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.machine.unreadable = True
    for _ in range(12):
        place.settle()
        hub.clock.advance(200)
    (first, *_) = hub.refs[number].task.attempts
    assert first.outcome is Outcome.FAILED
    assert "could not be fetched" in first.error


def test_the_heartbeat_goes_on_while_an_issue_pauses(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, said="done")
    place.machine.unreadable = True
    for _ in range(6):
        place.settle()
        hub.clock.advance(60)
    before = hub.refs[number].seq
    for _ in range(10):
        hub.clock.advance(60)
        place.settle()
    assert hub.refs[number].seq > before
    assert hub.clock.elapsed() - place.house.memory.claims[number].seen_at < 360


def test_a_later_attempt_of_an_answered_round_knows_the_answer(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, asks="Which port?")
    place.settle()
    (asked,) = [issue for issue in hub.issues.values() if "agent-help" in issue.labels]
    hub.comment(asked.number, "Use port 8080.")
    place.settle()
    fail(place, "KeyError: 'x'")
    assert len(hub.refs[number].task.attempts) == 3
    spec = place.machine.started[-1]
    assert spec.launch is not None
    assert spec.launch.argv[1] != "--resume"
    assert "Use port 8080." in spec.launch.stdin


def test_a_label_on_a_stopped_task_waits_for_the_pause(hub: MemoryHub) -> None:
    """The label says "go on": it stays until that is done, however long a pause or a full machine takes."""
    place = Place(hub, policy=replace(POLICY, backoff=timedelta(minutes=5)))
    number = ready(hub)
    place.settle()
    place.machine.exit(place.run, 1, said="KeyError: 'x'")
    place.settle()
    place.wishes.make(WishKind.STOP, hub.refs[number].task.id)
    place.settle()
    hub.label(number, "agent-ready")
    place.settle()
    assert not place.machine.alive
    assert "agent-ready" in hub.issues[number].labels
    hub.clock.advance(301)
    place.settle()
    assert place.run.endswith(".2")
    assert "agent-ready" not in hub.issues[number].labels


def test_notes_of_a_handoff_reach_the_next_agent_and_cost_nothing(hub: MemoryHub, place: Place) -> None:
    number = ready(hub)
    place.settle()
    task = hub.refs[number].task.id
    place.machine.commit(task)
    place.machine.signals[task] = Signals(handoff="Left: the tests in a.py:10")
    place.machine.exit(place.run, said="done")
    place.settle()
    assert [attempt.outcome for attempt in hub.refs[number].task.attempts] == [Outcome.HANDOFF, None]
    spec = place.machine.started[-1]
    assert spec.launch is not None
    assert "Left: the tests in a.py:10" in spec.launch.stdin
    assert charged(hub.refs[number].task) == ()


def test_a_branch_prefix_needs_no_slash(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, branch_prefix="bot-"))
    number = ready(hub)
    place.settle()
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert status(place, number) is Status.IN_REVIEW

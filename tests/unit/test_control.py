"""Agents under control: limits, waiting, help, words for a living agent, hand-offs, and a person at the terminal."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdock.core.cases import cases_of
from cdock.core.plan import status_of
from cdock.core.policy import Step
from cdock.core.task import Cap, Cause, Outcome, Status, Task
from cdock.core.wishes import WishKind
from cdock.reconciler.observe import observe
from cdock.testing import ABLE, MemoryAgent, MemoryHub
from tests.unit.houses import POLICY, Place

READY = "agent-ready"
TRIES = replace(POLICY, backoff=timedelta(seconds=1))


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


def place_of(hub: MemoryHub, *, able: bool = True, **policy: Any) -> Place:
    agent = MemoryAgent(can=ABLE) if able else MemoryAgent()
    return Place(hub, policy=replace(TRIES, **policy), agent=agent)


def working(hub: MemoryHub, place: Place) -> int:
    """An issue whose first attempt is running."""
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()
    place.machine.print(place.run, "thinking\n")
    place.tick()
    return number


def task(hub: MemoryHub, number: int) -> Task:
    return hub.refs[number].task


def ticks(place: Place, seconds: float, *, every: float = 5.0) -> None:
    for _ in range(int(seconds / every)):
        place.hub.clock.advance(every)
        place.house.memory.doubt = True
        place.tick()


def fail(place: Place, error: str = "KeyError: 'x'") -> None:
    place.machine.exit(place.run, 1, said=error)
    ticks(place, 30)


def succeed(place: Place, said: str = "done it") -> None:
    place.machine.commit(next(iter(place.machine.trees)))
    place.machine.exit(place.run, said=said)
    place.settle()


def status(place: Place, number: int) -> Status:
    world = observe(place.house)
    case = next(case for case in cases_of(world) if case.issue.number == number)
    return status_of(case, world, place.policy)


def helps(hub: MemoryHub) -> list[int]:
    return [n for n, issue in hub.issues.items() if issue.wears("agent-help") and issue.open]


def prompts(place: Place) -> list[str]:
    return [spec.launch.stdin for spec in place.machine.started if spec.launch]


def comment_of(hub: MemoryHub, number: int) -> str:
    return next(c.body for c in hub.issues[number].comments if c.mine)


# Limits


def test_one_error_is_tried_three_times_whatever_comes_between(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    for error in ("KeyError: 'x'", "KeyError: 'y'", "KeyError: 'x'", "OSError: z"):
        fail(place, error)
    assert not helps(hub)
    place.restart()
    fail(place, "KeyError: 'x'")
    (asked,) = helps(hub)
    assert "the same error came back 3 times" in hub.issues[asked].body
    assert not place.machine.alive
    assert len(task(hub, number).attempts) == 5


def test_errors_of_one_class_have_a_limit_of_their_own(hub: MemoryHub) -> None:
    place = place_of(hub, class_tries=4)
    working(hub, place)
    for n in "abcd":
        fail(place, f"KeyError: '{n}'")
    (asked,) = helps(hub)
    assert "4 attempts failed in the same way" in hub.issues[asked].body


@pytest.mark.parametrize(
    ("order", "policy", "cap"),
    [
        (":turns 7", {"max_turns": 6}, Cap.TURNS),
        (":cost 2.5", {"max_cost": 2.0}, Cap.COST),
    ],
)
def test_a_limit_ends_the_attempt_keeps_its_work_and_asks(
    hub: MemoryHub, order: str, policy: dict[str, Any], cap: Cap
) -> None:
    place = place_of(hub, **policy)
    number = working(hub, place)
    name = place.run
    left = place.machine.edit(task(hub, number).id)
    place.machine.print(name, f"{order}\n")
    ticks(place, 30)
    assert name in place.machine.set_down, "its uncommitted work was set down first"
    (asked,) = helps(hub)
    attempt = task(hub, number).attempts[0]
    assert (attempt.outcome, attempt.cap) == (Outcome.CAPPED, cap)
    assert "was stopped and its work is kept" in hub.issues[asked].body
    assert "raises the limit" in hub.issues[asked].body, "words alone change nothing"
    assert hub.unfinished[number] == left
    hub.tick(asked, "more")
    ticks(place, 40)
    assert len(place.machine.alive) == 1
    assert task(hub, number).last.cause is Cause.ANSWER  # type: ignore[union-attr]
    assert task(hub, number).last.session == attempt.session  # type: ignore[union-attr]
    allowed = task(hub, number).allowed
    assert (allowed.turns, allowed.cost) == ((6, 0.0) if cap is Cap.TURNS else (0, 2.0))
    assert not helps(hub), "its answer was taken"


def test_unfinished_work_is_on_the_forge_no_sooner_than_the_commits_below_it(hub: MemoryHub) -> None:
    seconds = {"lease": 30, "push_every": 120, "harvest_every": 5}
    place = place_of(hub, **{name: timedelta(seconds=value) for name, value in seconds.items()})
    number = working(hub, place)
    own = task(hub, number).id
    place.machine.commit(own)
    left = place.machine.edit(own)
    began = hub.refs[number].seq
    before = began
    for _ in range(40):
        ticks(place, 5)
        pushed = set(hub.branches) - {"main"}
        assert (number in hub.unfinished) == bool(pushed), "a heartbeat took one without the other"
        before = before if pushed else hub.refs[number].seq
    assert before > began, "there were heartbeats before the push"
    assert hub.unfinished[number] == left


def test_a_limit_is_kept_while_the_forge_is_away(hub: MemoryHub) -> None:
    place = place_of(hub, max_turns=6)
    number = working(hub, place)
    place.faults.down = {"forge", "claims"}
    place.machine.print(place.run, ":turns 7\n")
    ticks(place, 30)
    assert not place.machine.alive
    place.faults.down = set()
    ticks(place, 700)
    assert task(hub, number).attempts[0].outcome is Outcome.CAPPED
    assert helps(hub)


def test_more_of_it_can_be_allowed_by_a_command(hub: MemoryHub) -> None:
    place = place_of(hub, max_cost=2.0)
    number = working(hub, place)
    place.machine.print(place.run, ":cost 2.5\n")
    ticks(place, 30)
    (asked,) = helps(hub)
    hub.comment(asked, "/cdock budget 3")
    ticks(place, 40)
    assert task(hub, number).allowed.cost == 3.0, "of what it ran out of"
    assert len(place.machine.alive) == 1
    assert task(hub, number).last.cause is Cause.GO_ON  # type: ignore[union-attr]


def test_the_tick_of_a_stranger_is_none(hub: MemoryHub) -> None:
    place = place_of(hub, max_cost=2.0)
    working(hub, place)
    place.machine.print(place.run, ":cost 2.5\n")
    ticks(place, 30)
    (asked,) = helps(hub)
    hub.tick(asked, "more", by="mallory")
    ticks(place, 30)
    assert not place.machine.alive


def test_stopping_can_be_chosen(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    for _ in range(3):
        fail(place)
    (asked,) = helps(hub)
    hub.tick(asked, "stop")
    ticks(place, 60)
    assert not place.machine.alive
    assert not helps(hub)
    assert status(place, number) is Status.WAITING
    hub.comment(number, "/cdock resume")
    ticks(place, 40)
    assert len(place.machine.alive) == 1


def test_another_agent_can_be_chosen(hub: MemoryHub) -> None:
    place = place_of(hub, agents=("memory", "other"))
    number = working(hub, place)
    for _ in range(3):
        fail(place)
    (asked,) = helps(hub)
    hub.tick(asked, "agent-other")
    ticks(place, 40)
    last = task(hub, number).last
    assert last is not None
    assert last.agent == "other"
    assert last.session != task(hub, number).attempts[0].session, "another program cannot go on in it"


def test_no_sign_of_life_is_a_failure(hub: MemoryHub) -> None:
    place = place_of(hub, stall=timedelta(minutes=2))
    number = working(hub, place)
    ticks(place, 100)
    place.machine.print(place.run, "still here\n")
    ticks(place, 100)
    assert place.machine.alive, "it said something"
    ticks(place, 60)
    assert task(hub, number).attempts[0].outcome is Outcome.STALLED
    assert task(hub, number).attempts[0].fingerprint


def test_a_change_that_is_too_large_is_shown_to_a_person(hub: MemoryHub) -> None:
    place = place_of(hub, max_lines=100)
    number = working(hub, place)
    place.machine.lines[task(hub, number).id] = 101
    succeed(place)
    assert task(hub, number).attempts[0].cap is Cap.LINES
    (asked,) = helps(hub)
    assert "larger than 100 lines" in hub.issues[asked].body


def test_the_money_of_a_day_is_waited_for(hub: MemoryHub) -> None:
    place = place_of(hub, day_cost=5.0)
    number = working(hub, place)
    place.machine.print(place.run, ":cost 6\n")
    ticks(place, 30)
    attempt = task(hub, number).attempts[0]
    assert (attempt.outcome, attempt.cap) == (Outcome.LIMITED, Cap.DAY)
    assert status(place, number) is Status.WAITING
    assert "waiting" in hub.issues[number].labels
    other = hub.open_issue("Another", labels=[READY])
    ticks(place, 60)
    assert other not in hub.refs
    hub.clock.advance(13 * 3600)
    ticks(place, 120)
    assert task(hub, number).attempts[1].session == attempt.session


# Who tries next


def test_failures_escalate(hub: MemoryHub) -> None:
    steps = (Step(model="strong"), Step(agent="other"))
    place = place_of(hub, agents=("memory", "other"), escalation=steps, tries=9)
    number = working(hub, place)
    for n in "abc":
        fail(place, f"E{n}Error: {n}")
    tried = [(a.agent, a.model) for a in task(hub, number).attempts]
    assert tried == [("memory", ""), ("memory", "strong"), ("other", ""), ("other", "")]
    assert "EaError" in prompts(place)[-1], "what was learnt is told"


# Waiting for a provider


def test_a_providers_limit_is_waited_for_and_costs_no_attempt(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    until = hub.clock.now() + timedelta(minutes=30)
    place.machine.print(place.run, f":limit {until.isoformat()}\n")
    place.machine.exit(place.run, 1)
    ticks(place, 60)
    assert status(place, number) is Status.WAITING
    assert "waiting" in hub.issues[number].labels
    assert f"Until {until:%Y-%m-%d %H:%M} UTC" in comment_of(hub, number)
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["waiting"]["kind"] == "provider"
    place.restart()
    ticks(place, 29 * 60, every=20)
    assert not place.machine.alive or hub.clock.now() >= until
    ticks(place, 180)
    first, second = task(hub, number).attempts
    assert second.session == first.session
    assert second.cause is Cause.GO_ON
    assert first.fingerprint == ""


def test_that_can_be_left_to_a_person(hub: MemoryHub) -> None:
    place = place_of(hub, resume_limits=False)
    number = working(hub, place)
    place.machine.print(place.run, ":limit\n")
    place.machine.exit(place.run, 1)
    ticks(place, 7200, every=60)
    assert not place.machine.alive
    assert "/cdock resume" in comment_of(hub, number)
    hub.comment(number, "/cdock resume")
    ticks(place, 40)
    assert place.machine.alive


# Words for an agent


def test_what_trusted_people_say_reaches_a_living_agent(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    name = place.run
    said = hub.comment(number, "Use port 8080.")
    hub.comment(number, "Buy my coins", by="mallory")
    wish = place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="and TLS", author="ada")
    ticks(place, 40)
    assert set(place.machine.said[name]) == {f"comment-{said}", f"wish-{wish.id}"}
    assert "maria says: Use port 8080." in place.machine.said[name][f"comment-{said}"]
    assert place.wishes.list() == (wish,), "not read yet"
    place.machine.print(name, f":heard comment-{said}\n:heard wish-{wish.id}\n")
    ticks(place, 40)
    assert task(hub, number).told == said
    assert place.wishes.list() == ()
    succeed(place)
    assert status(place, number) is Status.IN_REVIEW
    assert len(task(hub, number).attempts) == 1


def test_what_was_read_just_before_the_end_is_not_told_again(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    said = hub.comment(number, "Use port 8080.")
    wish = place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="and TLS", author="ada")
    ticks(place, 40)
    place.machine.print(place.run, f":heard comment-{said}\n:heard wish-{wish.id}\n")
    succeed(place)
    assert task(hub, number).told == said
    assert place.wishes.list() == ()
    assert status(place, number) is Status.IN_REVIEW
    assert len(task(hub, number).attempts) == 1


def test_what_no_agent_read_is_told_by_resuming(hub: MemoryHub) -> None:
    place = place_of(hub, able=False)
    number = working(hub, place)
    hub.comment(number, "Use port 8080.")
    wish = place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="and TLS", author="ada")
    ticks(place, 40)
    assert not place.machine.said
    succeed(place)
    first, second = task(hub, number).attempts
    assert second.cause is Cause.MESSAGE
    assert second.session == first.session
    assert "Use port 8080." in prompts(place)[-1]
    assert "and TLS" in prompts(place)[-1]
    assert place.wishes.list() == ()
    assert f"wish-{wish.id}" in second.refs
    succeed(place)
    assert status(place, number) is Status.IN_REVIEW
    assert len(task(hub, number).attempts) == 2


def test_what_was_said_before_is_part_of_the_task(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = hub.open_issue("Add login")
    hub.comment(number, "Use port 8080.")
    hub.label(number, READY)
    place.settle()
    assert "Use port 8080." in prompts(place)[0]
    ticks(place, 40)
    assert not place.machine.said


# A question


def test_a_person_may_want_another_one_to_be_asked(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.wishes.make(WishKind.HELP, task(hub, number).id, text="Which licence?")
    ticks(place, 30)
    assert not place.machine.alive
    (asked,) = helps(hub)
    assert "Which licence?" in hub.issues[asked].body
    hub.comment(asked, "MIT")
    ticks(place, 40)
    first, second = task(hub, number).attempts
    assert first.outcome is Outcome.YIELDED
    assert second.session == first.session
    assert "MIT" in prompts(place)[-1]
    assert task(hub, number).question == ""


def test_one_thing_is_asked_at_a_time_and_nothing_is_lost(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.machine.exit(place.run, asks="Which port?")
    place.wishes.make(WishKind.HELP, task(hub, number).id, text="Which licence?")
    ticks(place, 40)
    (asked,) = helps(hub)
    assert "Which port?" in hub.issues[asked].body
    hub.comment(asked, "80")
    ticks(place, 60)
    assert "80" in prompts(place)[-1]
    (asked,) = helps(hub)
    assert "Which licence?" in hub.issues[asked].body
    hub.comment(asked, "MIT")
    ticks(place, 60)
    assert "MIT" in prompts(place)[-1]
    assert place.wishes.list() == ()


def test_a_task_in_review_asks_too(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    succeed(place)
    place.wishes.make(WishKind.HELP, task(hub, number).id, text="Which licence?")
    ticks(place, 40)
    (asked,) = helps(hub)
    assert status(place, number) is Status.NEEDS_HELP
    hub.comment(asked, "MIT")
    ticks(place, 40)
    assert "MIT" in prompts(place)[-1]
    succeed(place)
    assert status(place, number) is Status.IN_REVIEW


def test_the_options_of_a_question_can_be_ticked(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.machine.exit(place.run, asks="Which port?\n- [ ] 80\n- [ ] 8080 @maria")
    ticks(place, 40)
    (asked,) = helps(hub)
    hub.tick(asked, "option-2")
    ticks(place, 40)
    assert "I choose: 8080 @maria" in prompts(place)[-1]
    assert task(hub, number).last.session == task(hub, number).attempts[0].session  # type: ignore[union-attr]


def test_trying_again_can_be_asked_for_at_the_terminal(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    for _ in range(3):
        fail(place)
    assert helps(hub)
    place.wishes.make(WishKind.RETRY, task(hub, number).id)
    ticks(place, 40)
    assert len(place.machine.alive) == 1
    assert not helps(hub)
    assert task(hub, number).last.cause is Cause.RETRY  # type: ignore[union-attr]
    assert "KeyError" in prompts(place)[-1]


def test_whoever_tries_again_is_told_the_newest_error_too(hub: MemoryHub) -> None:
    place = place_of(hub, max_attempts=3)
    number = working(hub, place)
    for error in ("KeyError: 'x'", "OSError: y", "TypeError: z"):
        fail(place, error)
    place.wishes.make(WishKind.RETRY, task(hub, number).id)
    ticks(place, 40)
    assert all(error in prompts(place)[-1] for error in ("KeyError", "OSError", "TypeError"))


# Hand-offs


def test_a_living_agent_is_asked_to_hand_over(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.machine.print(place.run, ":context 76\n")
    ticks(place, 40)
    ((uid, words),) = place.machine.said[place.run].items()
    assert uid == "handoff-1"
    assert ".cdock/handoff.md" in words
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["context"] == 0.76
    place.machine.handover(place.run, "done: a.py:3, left: tests")
    ticks(place, 40)
    first, second = task(hub, number).attempts
    assert first.outcome is Outcome.HANDOFF
    assert second.session != first.session
    assert "done: a.py:3, left: tests" in prompts(place)[-1]


def test_who_does_not_hand_over_is_stopped_and_asked_for_notes(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.machine.print(place.run, ":context 80\n")
    ticks(place, 290)
    assert len(task(hub, number).attempts) == 1
    ticks(place, 60)
    first, second = task(hub, number).attempts
    assert (first.outcome, first.cap) == (Outcome.FULL, Cap.CONTEXT)
    assert second.cause is Cause.NOTES
    assert second.session == first.session
    place.machine.exit(place.run, said="done: left are the tests")
    ticks(place, 40)
    third = task(hub, number).attempts[2]
    assert third.cause is Cause.HANDOFF
    assert third.session != first.session
    assert "left are the tests" in prompts(place)[-1]


def test_who_cannot_be_spoken_to_is_stopped_at_once(hub: MemoryHub) -> None:
    place = place_of(hub, able=False, handoff_agent="other", agents=("memory", "other"))
    number = working(hub, place)
    place.machine.print(place.run, ":context 80\n")
    ticks(place, 40)
    assert task(hub, number).last.cause is Cause.NOTES  # type: ignore[union-attr]
    place.machine.exit(place.run, said="done: notes")
    ticks(place, 40)
    last = task(hub, number).last
    assert last is not None
    assert (last.agent, last.cause) == ("other", Cause.HANDOFF)


# A person at the terminal


def test_a_person_takes_over_and_gives_back(hub: MemoryHub) -> None:
    place = place_of(hub, stall=timedelta(minutes=2))
    number = working(hub, place)
    place.wishes.make(WishKind.ATTACH, task(hub, number).id)
    ticks(place, 40)
    first, second = task(hub, number).attempts
    assert first.outcome is Outcome.YIELDED
    assert second.cause is Cause.PERSON
    assert second.session == first.session
    assert place.wishes.list() == ()
    launch = place.machine.started[-1].launch
    assert launch is not None
    assert launch.terminal
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["attached"]
    assert entry["run"] == place.run
    assert "With a person" in comment_of(hub, number)
    ticks(place, 3600, every=30)
    assert len(place.machine.alive) == 1, "neither time box nor stall watch disturb a person"
    place.machine.commit(task(hub, number).id)
    place.machine.exit(place.run)
    ticks(place, 40)
    assert [a.outcome for a in task(hub, number).attempts] == [Outcome.YIELDED, Outcome.YIELDED, None]
    assert task(hub, number).last.session == first.session  # type: ignore[union-attr]
    succeed(place)
    assert status(place, number) is Status.IN_REVIEW


def test_what_cannot_be_attached_to_is_said_and_forgotten(hub: MemoryHub) -> None:
    place = place_of(hub, able=False)
    number = working(hub, place)
    succeed(place)
    place.wishes.make(WishKind.ATTACH, task(hub, number).id)
    ticks(place, 40)
    assert place.wishes.list() == ()
    assert not place.machine.alive


# Dependencies and options


def test_a_blocked_issue_is_not_claimed(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = hub.open_issue("Add login", labels=[READY])
    blockers = [hub.open_issue(title) for title in ("First", "Second")]
    for other in blockers:
        hub.block(number, by=other)
    place.settle()
    assert not hub.refs
    assert "waiting" in hub.issues[number].labels
    (told,) = place.mirror.saved["queue"]  # type: ignore[misc]
    assert "blocked by 2 open issues" in told["why"]
    for other in blockers:
        hub.close(other)
    place.settle()
    assert place.machine.alive
    assert "waiting" not in hub.issues[number].labels


def test_an_issue_chooses_among_what_is_configured(hub: MemoryHub) -> None:
    place = place_of(hub, agents=("memory", "other"), models=("m-1",), max_cost=3.0)
    body = "### Goal\n\nAdd it\n\n### Agent\n\nother\n\n### Model\n\nm-1\n\n### Most cost (US$)\n\n1.50\n"
    number = hub.open_issue("Add login", body=body, labels=[READY, "max-turns:7"])
    place.settle()
    made = task(hub, number)
    assert (made.agent, made.model, made.max_cost, made.max_turns) == ("other", "m-1", 1.5, 7)
    assert "passed over" not in comment_of(hub, number)
    stranger = hub.open_issue("Hack", body="### Agent\n\n--evil\n\n### Model\n\n$(id)\n", labels=[READY])
    place.settle()
    made = task(hub, stranger)
    assert (made.agent, made.model) == ("", "")
    assert "passed over: agent --evil, model $(id)" in comment_of(hub, stranger)


def test_a_limit_of_the_issue_is_extended_by_as_much_again(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = hub.open_issue("Add login", labels=[READY, "max-turns:7"])
    place.settle()
    place.machine.print(place.run, ":turns 8\n")
    ticks(place, 40)
    (asked,) = helps(hub)
    assert "Allow 7 turns more" in hub.issues[asked].body
    hub.tick(asked, "more")
    ticks(place, 40)
    assert task(hub, number).allowed.turns == 7


def test_what_cdock_closes_itself_answers_nothing(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    for _ in range(3):
        fail(place)
    place.wishes.make(WishKind.RETRY, task(hub, number).id)
    ticks(place, 40)
    fail(place)
    assert "Nobody has more to add" not in "".join(prompts(place))


def test_a_forge_that_does_not_answer_is_waited_for(hub: MemoryHub) -> None:
    place = place_of(hub, backoff=timedelta(minutes=1))
    working(hub, place)
    place.machine.exit(place.run, 1, said="KeyError: 'x'")
    ticks(place, 20)
    place.faults.down = {"forge", "claims"}
    ticks(place, 120)
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["waiting"]["kind"] == "github"
    place.faults.down = set()
    ticks(place, 120)
    (entry,) = place.mirror.saved["tasks"]  # type: ignore[misc]
    assert entry["waiting"] is None


# No error is ever tried more often than its budget


STEPS = st.lists(
    st.sampled_from(
        ["KeyError: 'x'", "OSError: y", "lost", "restart", "takeover", "handoff", "limited", "message"]
    ),
    min_size=1,
    max_size=14,
)


@given(STEPS, st.integers(1, 4))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_error_is_tried_more_often_than_its_budget(steps: list[str], tries: int) -> None:
    """Whatever comes between, on whatever machine: counts are in the claim."""
    hub = MemoryHub()
    places = [
        Place(hub, name=name, seed=seed, policy=replace(TRIES, tries=tries), agent=MemoryAgent(can=ABLE))
        for seed, name in enumerate(("here", "there"))
    ]
    place = places[0]
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()
    for step in steps:
        match step:
            case "restart":
                place.restart()
            case "takeover":
                place = places[1 - places.index(place)]
                hub.clock.advance(17 * 60)
            case "message":
                hub.comment(number, "Go on")
            case _ if not place.machine.alive:
                pass
            case "lost":
                place.machine.lose(place.machine.alive[0])
            case "handoff":
                place.machine.handover(place.machine.alive[0], "notes")
            case "limited":
                place.machine.print(place.machine.alive[0], f":limit {hub.clock.now().isoformat()}\n")
                place.machine.exit(place.machine.alive[0], 1)
            case error:
                place.machine.exit(place.machine.alive[0], 1, said=error)
        ticks(place, 700, every=35)
        for attempts in [task(hub, number).attempts]:
            counts = Counter((a.round, a.fingerprint) for a in attempts if a.fingerprint)
            assert max(counts.values(), default=0) <= tries
            asked = [(a.round, a.fingerprint) for a in attempts if a.fingerprint]
            spent = next((n for n, a in enumerate(asked) if asked[: n + 1].count(a) == tries), None)
            assert spent is None or spent == len(asked) - 1, "nothing is tried after that without an answer"

"""Slash commands: what is one, who may give it, and what it does to a task."""

from datetime import timedelta

import pytest

from cdock.core.commands import Verb, parse_command
from cdock.core.issues import Comment
from cdock.core.runs import RunState
from cdock.core.task import Allowance, Outcome
from cdock.testing import START, MemoryHub
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
    assert len(place.machine.alive) == 1
    return number


def say(hub: MemoryHub, number: int, text: str, *, by: str = "maria") -> int:
    hub.clock.advance(1)
    return hub.comment(number, text, by=by)


def replies(hub: MemoryHub, number: int) -> list[str]:
    """What was replied to commands, without the marker."""
    ours = (c.body for c in hub.issues[number].comments if c.body.startswith("<!-- cdock:reply"))
    return [body.partition("\n")[2].strip() for body in ours]


def comment(body: str) -> Comment:
    return Comment(id=1, author="maria", body=body, created_at=START, by_writer=True)


@pytest.mark.parametrize(
    ("body", "verb", "argument"),
    [
        ("/cdock stop", Verb.STOP, ""),
        ("/cdock  Budget   5  \nbecause it is nearly there", Verb.BUDGET, "5"),
        ("\n/cdock agent claude", Verb.AGENT, "claude"),
        ("/cdock", Verb.HELP, ""),
        ("/cdock fly away", None, "fly"),
        ("<!-- hidden -->/cdock retry", Verb.RETRY, ""),
        ("<!-- cdock:said op=1 -->\n/cdock resume", Verb.RESUME, ""),
    ],
)
def test_a_command(body: str, verb: Verb | None, argument: str) -> None:
    command = parse_command(comment(body), issue=7)
    assert command is not None
    assert (command.verb, command.argument, command.issue) == (verb, argument, 7)


@pytest.mark.parametrize(
    "body",
    [
        "please\n/cdock stop",
        "> /cdock stop",
        "    /cdock stop",
        "`/cdock stop`",
        "```\n/cdock stop\n```",
        "/cdocks stop",
        "x /cdock stop",
        "<!-- /cdock stop -->",
        "",
    ],
)
def test_no_command(body: str) -> None:
    assert parse_command(comment(body), issue=7) is None


def test_a_writer_stops_a_running_agent(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    said = say(hub, number, "/cdock stop")
    place.settle()
    assert said in hub.seen
    assert not place.machine.alive
    task = hub.refs[number].task
    assert [a.outcome for a in task.attempts] == [Outcome.CANCELLED]
    assert "waiting" in hub.issues[number].labels
    say(hub, number, "/cdock resume")
    hub.clock.advance(60)
    place.settle()
    assert len(place.machine.alive) == 1
    assert "in-progress" in hub.issues[number].labels


def test_a_stranger_steers_nothing(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    said = say(hub, number, "/cdock stop", by="mallory")
    place.settle()
    assert said not in hub.seen
    assert len(place.machine.alive) == 1
    assert replies(hub, number) == []


def test_a_command_has_its_effect_once(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock stop")
    place.settle()
    hub.label(number, "agent-ready")
    hub.clock.advance(60)
    place.settle()
    assert len(place.machine.alive) == 1, "the old command stopped it again"
    place.restart()
    place.settle()
    assert len(place.machine.alive) == 1


def test_commands_from_before_the_approval_are_for_nobody(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Add login")
    said = say(hub, number, "/cdock stop")
    hub.clock.advance(60)
    hub.label(number, "agent-ready")
    place.settle()
    assert len(place.machine.alive) == 1
    assert said not in hub.seen


def test_a_pause_lets_the_attempt_end_and_starts_no_other(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock pause")
    place.settle()
    assert len(place.machine.alive) == 1
    place.machine.exit(place.run, 1, said="Error: no")
    place.settle()
    hub.clock.advance(3600)
    place.settle()
    assert not place.machine.alive
    assert "waiting" in hub.issues[number].labels
    say(hub, number, "/cdock resume")
    place.settle()
    assert len(place.machine.alive) == 1


def test_work_that_succeeded_while_paused_is_shown(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock pause")
    place.settle()
    place.machine.commit(hub.refs[number].task.id)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert len(hub.pulls) == 1


def fail(hub: MemoryHub, place: Place, *, times: int, kind: str = "a") -> None:
    for _ in range(times):
        place.machine.exit(place.run, 1, said=f"Error: kind {kind}")
        place.settle()
        hub.clock.advance(3600)
        place.settle()


def test_a_budget_counts_attempts_whatever_their_errors(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock budget 5")
    place.settle()
    fail(hub, place, times=4)
    assert len(place.machine.alive) == 1, "three equal errors would have asked without the budget"
    fail(hub, place, times=1)
    assert not place.machine.alive
    assert "needs-help" in hub.issues[number].labels


def test_more_budget_is_an_answer(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    fail(hub, place, times=POLICY.tries)
    assert "needs-help" in hub.issues[number].labels
    say(hub, number, "/cdock budget 2")
    place.settle()
    assert len(place.machine.alive) == 1
    assert all(not i.open for i in hub.issues.values() if "agent-help" in i.labels)


@pytest.mark.parametrize("argument", ["", "0", "101", "five", "-1", "9999"])
def test_a_budget_that_is_none_is_refused_in_one_line(hub: MemoryHub, place: Place, argument: str) -> None:
    number = working(hub, place)
    say(hub, number, f"/cdock budget {argument}")
    place.settle()
    (said,) = replies(hub, number)
    assert "1 to 100" in said
    assert "\n" not in said
    assert hub.refs[number].task.allowed == Allowance()


def test_retry_starts_anew_with_a_fresh_budget(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock retry")
    place.settle()
    assert "is running" in replies(hub, number)[0]
    fail(hub, place, times=POLICY.tries)
    assert "needs-help" in hub.issues[number].labels
    say(hub, number, "/cdock retry")
    place.settle()
    assert len(place.machine.alive) == 1
    assert hub.refs[number].task.round == 2


def test_go_on_is_an_answer_to_a_question(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    place.machine.exit(place.run, asks="Which port?")
    place.settle()
    (help_,) = [i.number for i in hub.issues.values() if "agent-help" in i.labels]
    say(hub, help_, "/cdock resume")
    place.settle()
    assert len(place.machine.alive) == 1
    assert "decide by yourself" in place.machine.started[-1].launch.stdin  # type: ignore[union-attr]
    assert not hub.issues[help_].open
    assert number in hub.refs


def test_a_command_on_a_help_issue_is_no_answer(hub: MemoryHub, place: Place) -> None:
    working(hub, place)
    place.machine.exit(place.run, asks="Which port?")
    place.settle()
    (help_,) = [i.number for i in hub.issues.values() if "agent-help" in i.labels]
    say(hub, help_, "/cdock help")
    place.settle()
    assert not place.machine.alive
    assert "/cdock retry" in replies(hub, help_)[0]


def test_another_agent(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock agent @everybody")
    place.settle()
    (said,) = replies(hub, number)
    assert "@everybody" not in said
    say(hub, number, "/cdock agent memory")
    place.settle()
    assert hub.refs[number].task.agent == "memory"


def test_an_unknown_command_is_replied_to_once(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock deploy")
    place.settle()
    place.restart()
    place.settle()
    assert len(replies(hub, number)) == 1
    assert "/cdock retry" in replies(hub, number)[0]


def test_after_the_end_a_command_says_so(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    hub.close(number)
    say(hub, number, "/cdock retry")
    place.settle()
    assert "has ended" in replies(hub, number)[0]
    assert not hub.refs


def test_a_stop_holds_while_the_run_is_ending(hub: MemoryHub, place: Place) -> None:
    number = working(hub, place)
    say(hub, number, "/cdock stop")
    place.house.memory.doubt = True
    trail = [place.tick() for _ in range(2)]
    assert "HearCommand" in trail[0]
    assert "StopRun" in trail[1]
    place.restart()
    place.settle()
    assert [run.run.state for run in place.machine.runs.values() if run.run.alive] == []
    assert hub.refs[number].task.attempts[0].outcome is Outcome.CANCELLED
    assert RunState.RUNNING not in {run.run.state for run in place.machine.runs.values()}
    assert hub.clock.time - START < timedelta(hours=1)

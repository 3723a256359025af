"""How an attempt came out, when the budget is spent, and how long to wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cdock.core.asking import reason_to_ask
from cdock.core.attempts import HANDOFF_LIMIT, LOST_LIMIT, charged, in_round, not_before, outcome_of
from cdock.core.events import Ending
from cdock.core.ids import TaskId
from cdock.core.policy import Policy
from cdock.core.runs import CheckResult, Role, Run, RunState, Signals, Verdict
from cdock.core.task import Attempt, Outcome, Task

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
POLICY = Policy()
TASK = TaskId("add-login", "a7b2c8d")
DONE = Verdict(kind=Ending.DONE, text="added login")


def spent(task: Task, policy: Policy) -> bool:
    return reason_to_ask(task, None, policy) is not None


def ended_run(**changes: Any) -> Run:
    run = Run(
        name=TASK.run(1),
        task=TASK,
        attempt=1,
        role=Role.AGENT,
        state=RunState.EXITED,
        started_at=NOW,
        finished_at=NOW + timedelta(minutes=5),
        exit_code=0,
    )
    return replace(run, **changes)


def outcome(run: Run | None = None, **changes: Any) -> tuple[Outcome, str]:
    """The outcome of an attempt that went well but for `changes`."""
    told: dict[str, Any] = {
        "now": NOW + timedelta(minutes=6),
        "policy": POLICY,
        "verdict": DONE,
        "has_work": True,
        "refused": "",
        "checked": None,
        **changes,
    }
    attempt = Attempt(number=1, round=1, agent="claude", started_at=NOW)
    return outcome_of(attempt, run or ended_run(), **told)


def failed(text: str) -> Verdict:
    return Verdict(kind=Ending.FAILED, text=text)


def test_done_with_commits_is_a_success() -> None:
    assert outcome() == (Outcome.SUCCEEDED, "")
    assert outcome(checked=CheckResult(0, "all green")) == (Outcome.SUCCEEDED, "")


@pytest.mark.parametrize(
    ("run", "changes", "kind", "words"),
    [
        # What the agent asks for counts before how it ended: its question must not be lost in a crash.
        ({"signals": Signals(help="Which port?\n"), "exit_code": 1}, {}, Outcome.NEEDS_HELP, "Which port?"),
        ({"signals": Signals(help="Which port?")}, {}, Outcome.NEEDS_HELP, "Which port?"),
        ({"signals": Signals(help="Q?", handoff="notes")}, {}, Outcome.NEEDS_HELP, "Q?"),
        ({"signals": Signals(handoff="half done"), "exit_code": 1}, {}, Outcome.HANDOFF, ""),
        # The time box, unless it just made it.
        (
            {"finished_at": NOW + timedelta(minutes=30), "exit_code": 143},
            {},
            Outcome.TIMED_OUT,
            "30 minutes",
        ),
        ({"finished_at": None, "exit_code": 137}, {"now": NOW + timedelta(hours=1)}, Outcome.TIMED_OUT, ""),
        ({"finished_at": NOW + timedelta(minutes=31)}, {}, Outcome.SUCCEEDED, ""),
        (
            {"finished_at": NOW + timedelta(minutes=29, seconds=59), "exit_code": 1},
            {"verdict": failed("KeyError")},
            Outcome.FAILED,
            "KeyError",
        ),
        # What is not the agent's fault is not charged to it.
        ({"exit_code": 137, "error": "the engine was restarted"}, {}, Outcome.LOST, "restarted"),
        ({"exit_code": 0, "error": "a warning of the engine"}, {}, Outcome.SUCCEEDED, ""),
        (
            {"exit_code": 1},
            {"verdict": Verdict(Ending.LIMITED, "limit until 3 pm")},
            Outcome.LIMITED,
            "limit",
        ),
        (
            {"exit_code": 1},
            {"verdict": Verdict(Ending.UNAVAILABLE, "overloaded")},
            Outcome.LOST,
            "overloaded",
        ),
        ({"exit_code": 1}, {"verdict": Verdict(Ending.AUTH, "401")}, Outcome.NEEDS_HELP, "credential: 401"),
        ({}, {"verdict": Verdict(Ending.ASKED, "Which port?")}, Outcome.NEEDS_HELP, "Which port?"),
        # Memory is: an agent that eats it all will do so again.
        ({"exit_code": 137, "oom": True}, {}, Outcome.FAILED, "memory"),
        ({"exit_code": 0, "oom": True}, {}, Outcome.SUCCEEDED, ""),
        ({"exit_code": 1}, {"verdict": failed("KeyError: 'x'")}, Outcome.FAILED, "KeyError: 'x'"),
        ({"exit_code": 143}, {"verdict": Verdict(Ending.STOPPED, "stopped")}, Outcome.FAILED, "stopped"),
        ({"exit_code": 9}, {"verdict": None}, Outcome.FAILED, "exit code 9"),
        # Saying "done" is not enough.
        ({}, {"refused": "a link leaves the repository"}, Outcome.FAILED, "a link leaves"),
        ({}, {"has_work": False}, Outcome.FAILED, "no commit"),
        ({}, {"checked": CheckResult(1, "E   assert 2 == 3\n")}, Outcome.FAILED, "E   assert 2 == 3"),
        ({}, {"checked": CheckResult(143, " \n")}, Outcome.FAILED, "exit code 143"),
    ],
)
def test_outcomes(run: dict[str, Any], changes: dict[str, Any], kind: Outcome, words: str) -> None:
    found, error = outcome(ended_run(**run), **changes)
    assert found is kind
    assert words in error


@pytest.mark.parametrize("ending", Ending)
def test_every_failure_has_words_even_if_the_agent_has_none(ending: Ending) -> None:
    found, error = outcome(verdict=Verdict(ending, ""))
    assert (found is Outcome.SUCCEEDED) == (ending is Ending.DONE)
    if found in (Outcome.FAILED, Outcome.TIMED_OUT):
        assert error, "an empty error would have no fingerprint, and a help issue nothing to say"


def task_of(*attempts: tuple[Outcome, str] | tuple[Outcome, str, int], round_: int = 1) -> Task:
    """A task whose attempts ended so, each with a fingerprint and perhaps the round it belongs to."""
    made = tuple(
        Attempt(
            number=number,
            round=rest[0] if rest else round_,
            agent="claude",
            started_at=NOW,
            ended_at=NOW + timedelta(minutes=number),
            outcome=kind,
            error="words",
            fingerprint=print_,
        )
        for number, (kind, print_, *rest) in enumerate(attempts, 1)
    )
    uuid = UUID("a7b2c8d0-0000-4000-8000-000000000001")
    return Task(TASK, uuid, 42, "Add login", NOW, round=round_, attempts=made)


FAIL, LOST, SLOW = Outcome.FAILED, Outcome.LOST, Outcome.TIMED_OUT


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], False),
        ([(FAIL, "a")] * 2, False),
        ([(FAIL, "a")] * 3, True),
        ([(FAIL, "a"), (FAIL, "b"), (FAIL, "a"), (FAIL, "b")], False),
        ([(FAIL, "a"), (FAIL, "b"), (FAIL, "a"), (FAIL, "b"), (FAIL, "a")], True),
        ([(FAIL, "a"), (SLOW, "a"), (Outcome.STALLED, "a")], True),
        ([(FAIL, "a"), (LOST, ""), (FAIL, "a"), (LOST, ""), (FAIL, "a")], True),
        ([(FAIL, str(n)) for n in range(8)], False),
        ([(FAIL, str(n)) for n in range(9)], True),
        ([(LOST, "")] * (LOST_LIMIT - 1), False),
        ([(LOST, "")] * LOST_LIMIT, True),
        ([(LOST, "")] * 4 + [(FAIL, "a")] + [(LOST, "")] * 4, False),
        ([(Outcome.HANDOFF, "")] * (HANDOFF_LIMIT - 1), False),
        ([(Outcome.HANDOFF, "")] * HANDOFF_LIMIT, True),
        ([(Outcome.HANDOFF, "")] * 9 + [(LOST, "")] + [(Outcome.HANDOFF, "")], True),
        ([(Outcome.HANDOFF, "")] * 9 + [(FAIL, "a")] + [(Outcome.HANDOFF, "")] * 9, False),
        ([(Outcome.CANCELLED, "")] * 20, False),
        ([(Outcome.NEEDS_HELP, "")] * 9 + [(LOST, "")], False),
    ],
)
def test_spent(attempts: list[tuple[Outcome, str]], expected: bool) -> None:
    assert spent(task_of(*attempts), POLICY) is expected


def test_an_answer_opens_a_new_budget() -> None:
    before = [(FAIL, "a", 1)] * 3
    assert not spent(task_of(*before, (FAIL, "a", 2), (FAIL, "a", 2), round_=2), POLICY)
    assert spent(task_of(*before, (FAIL, "a", 2), (FAIL, "a", 2), (FAIL, "a", 2), round_=2), POLICY)
    lost = [(LOST, "", 1)] * LOST_LIMIT
    assert not spent(task_of(*lost, (LOST, "", 2), round_=2), POLICY)


def test_what_belongs_to_a_round() -> None:
    task = task_of((FAIL, "a", 1), (FAIL, "b", 2), (LOST, "", 2), (SLOW, "c", 2), round_=2)
    assert [a.number for a in in_round(task)] == [2, 3, 4]
    assert [a.number for a in charged(task)] == [2, 4]


def pause(task: Task, policy: Policy = POLICY) -> float | None:
    """Seconds between the end of the last attempt and the next."""
    start = not_before(task, policy)
    assert task.last is not None
    assert task.last.ended_at is not None
    return None if start is None else (start - task.last.ended_at).total_seconds()


def test_the_pause_doubles_up_to_its_limit() -> None:
    pauses = [pause(task_of(*[(FAIL, str(i)) for i in range(n)])) for n in range(1, 9)]
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600]


def test_lost_runs_pause_too() -> None:
    assert pause(task_of((LOST, ""))) == 10
    assert pause(task_of((FAIL, "a"), (LOST, ""), (LOST, ""))) == 40


@pytest.mark.parametrize("kind", [Outcome.SUCCEEDED, Outcome.HANDOFF, Outcome.NEEDS_HELP])
def test_no_pause_where_nothing_went_wrong(kind: Outcome) -> None:
    assert pause(task_of((FAIL, "a"), (kind, ""))) is None


def test_no_pause_before_the_first_attempt_nor_while_one_runs() -> None:
    assert not_before(task_of(), POLICY) is None
    running = Attempt(number=2, round=1, agent="claude", started_at=NOW)
    assert not_before(task_of((FAIL, "a")).with_attempt(running), POLICY) is None


def test_an_answer_ends_the_pause() -> None:
    assert not_before(replace(task_of((FAIL, "a", 1)), round=2), POLICY) is None


def test_no_budget_is_too_large_for_a_pause() -> None:
    policy = Policy(tries=10_000, max_attempts=10_000)
    task = task_of(*[(FAIL, "a")] * 5_000)
    assert not spent(task, policy)
    assert pause(task, policy) == policy.backoff_limit.total_seconds()


def test_a_pause_can_be_switched_off() -> None:
    assert pause(task_of(*[(FAIL, "a")] * 5), Policy(backoff=timedelta(0))) == 0

"""What became of an attempt: its outcome, whether its budget is spent, and how long to wait."""

from datetime import datetime, timedelta

from cdock.core.events import Ending
from cdock.core.model import Attempt, CheckResult, Outcome, Run, Task, Verdict
from cdock.core.policy import Policy

LOST_LIMIT = 5
"""Attempts in a row that something outside ended, before a person is asked."""
HANDOFF_LIMIT = 10
"""Attempts in a row that only handed over: no failure each, but a person should see where all the money goes."""
MAX_DOUBLINGS = 16
"""A budget may be large; a pause must stay a number that a timedelta can hold."""


def outcome_of(
    attempt: Attempt,
    run: Run,
    *,
    now: datetime,
    policy: Policy,
    verdict: Verdict | None,
    has_work: bool,
    refused: str,
    checked: CheckResult | None,
) -> tuple[Outcome, str]:
    """How an attempt whose run has ended came out, and the error in words (empty on success)."""
    if run.signals.help:
        return Outcome.NEEDS_HELP, run.signals.help.strip()
    if run.signals.handoff:
        return Outcome.HANDOFF, run.signals.handoff.strip()
    ended = run.finished_at or now
    if ended - attempt.started_at >= policy.time_box and run.exit_code != 0:
        return Outcome.TIMED_OUT, f"no end after {_minutes(policy.time_box)}"
    if run.error and run.exit_code != 0:
        # The runner knows of a cause outside the agent, such as an engine that was restarted.
        return Outcome.LOST, run.error
    if run.oom and run.exit_code != 0:
        return Outcome.FAILED, "the agent ran out of memory"
    if verdict is None:
        return Outcome.FAILED, f"the agent ended with exit code {run.exit_code} and said nothing"
    if verdict.kind != Ending.DONE:
        return _unfinished(verdict)
    if refused:
        return Outcome.FAILED, f"the commits were not accepted: {refused}"
    if not has_work:
        return Outcome.FAILED, "the agent says it is done but made no commit"
    if checked is not None and checked.exit_code != 0:
        return Outcome.FAILED, checked.tail.strip() or f"acceptance failed with exit code {checked.exit_code}"
    return Outcome.SUCCEEDED, ""


def _unfinished(verdict: Verdict) -> tuple[Outcome, str]:
    match verdict.kind:
        case Ending.ASKED:
            return Outcome.NEEDS_HELP, verdict.text
        case Ending.AUTH:
            return Outcome.NEEDS_HELP, f"the agent's provider refused its credential: {verdict.text}"
        case Ending.LIMITED | Ending.UNAVAILABLE:
            return Outcome.LOST, verdict.text
        case _:
            return Outcome.FAILED, verdict.text or "the agent failed without a word"


def _minutes(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"


def in_round(task: Task) -> tuple[Attempt, ...]:
    """The attempts since the last answer."""
    return tuple(a for a in task.attempts if a.round == task.round)


def charged(task: Task) -> tuple[Attempt, ...]:
    """The attempts of this round that count against its budget."""
    return tuple(
        a for a in in_round(task) if a.outcome in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.STALLED)
    )


def spent(task: Task, policy: Policy) -> bool:
    """Whether one error came back as often in this round as the policy allows, or all attempts are used up.

    A budget that a person gave counts attempts only, whatever their errors.
    """
    prints = [a.fingerprint for a in charged(task)]
    if task.budget:
        used_up = len(prints) >= task.budget
    else:
        same = any(prints.count(p) >= policy.tries for p in set(prints))
        used_up = same or len(prints) >= policy.max_attempts
    return (
        used_up
        or in_a_row(task, Outcome.LOST) >= LOST_LIMIT
        or in_a_row(task, Outcome.HANDOFF) >= HANDOFF_LIMIT
    )


def in_a_row(task: Task, outcome: Outcome) -> int:
    """How many of the newest attempts of this round ended so, one after another."""
    count = 0
    for attempt in reversed(in_round(task)):
        if attempt.outcome is not outcome:
            break
        count += 1
    return count


def not_before(task: Task, policy: Policy) -> datetime | None:
    """When the next attempt may start; None means at once."""
    last = task.last
    if last is None or last.ended_at is None or last.round != task.round:
        return None
    if last.outcome in (Outcome.SUCCEEDED, Outcome.HANDOFF, Outcome.NEEDS_HELP):
        return None
    failures = len(charged(task)) + in_a_row(task, Outcome.LOST)
    doublings = min(max(failures - 1, 0), MAX_DOUBLINGS)
    pause = min(policy.backoff * (1 << doublings), policy.backoff_limit)
    return last.ended_at + pause

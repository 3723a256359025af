"""What became of an attempt: its outcome, what counts against its budget, who tries next and how long that waits."""

from datetime import datetime, timedelta

from cdock.core.events import Ending
from cdock.core.policy import Policy, Step
from cdock.core.runs import CheckResult, Run, Verdict
from cdock.core.task import Attempt, Cap, Cause, Outcome, Task

LOST_LIMIT = 5
"""Attempts in a row that something outside ended, before a person is asked."""
HANDOFF_LIMIT = 10
"""Attempts in a row that only handed over: no failure each, but a person should see where all the money goes."""
CAP_NAMES = {
    Cap.TIME: "the time for one attempt",
    Cap.STALL: "the time without a sign of life",
    Cap.TURNS: "the turns for this task",
    Cap.COST: "the money for this task",
    Cap.DAY: "the money for one day",
    Cap.LINES: "the size of the change",
    Cap.CONTEXT: "the model's window",
}
_FRUITLESS = (Outcome.LOST, Outcome.HANDOFF, Outcome.FULL, Outcome.LIMITED)
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
    if attempt.cause is Cause.PERSON:
        return Outcome.YIELDED, ""
    if run.signals.help:
        return Outcome.NEEDS_HELP, run.signals.help.strip()
    if run.signals.handoff:
        return Outcome.HANDOFF, run.signals.handoff.strip()
    if attempt.cap and run.exit_code != 0:
        return _capped(attempt.cap, policy)
    ended = run.finished_at or now
    if ended - attempt.started_at >= policy.time_box and run.exit_code != 0:
        return Outcome.TIMED_OUT, f"no end after {_span(policy.time_box)}"
    if run.error and run.exit_code != 0:
        # The runner knows of a cause outside the agent, such as an engine that was restarted.
        return Outcome.LOST, run.error
    if run.oom and run.exit_code != 0:
        return Outcome.FAILED, "the agent ran out of memory"
    if verdict is None:
        return Outcome.FAILED, f"the agent ended with exit code {run.exit_code} and said nothing"
    if verdict.kind == Ending.FULL and attempt.cause is Cause.OPINION:
        # It has nothing to hand over, and the work it looks at need not be done again.
        return Outcome.FAILED, f"the work is too large for the agent that looks at it: {verdict.text}"
    if verdict.kind != Ending.DONE:
        return _unfinished(verdict, policy)
    if attempt.cause is Cause.NOTES:
        return Outcome.HANDOFF, verdict.text
    if attempt.cause is Cause.OPINION:
        return (
            (Outcome.SUCCEEDED, "") if verdict.text.strip() else (Outcome.FAILED, "the review says nothing")
        )
    if refused:
        return Outcome.FAILED, f"the commits were not accepted: {refused}"
    if not has_work:
        return Outcome.FAILED, "the agent says it is done but made no commit"
    if checked is not None and checked.exit_code != 0:
        return Outcome.FAILED, checked.tail.strip() or f"acceptance failed with exit code {checked.exit_code}"
    return Outcome.SUCCEEDED, ""


def _unfinished(verdict: Verdict, policy: Policy) -> tuple[Outcome, str]:
    match verdict.kind:
        case Ending.ASKED:
            return Outcome.NEEDS_HELP, verdict.text
        case Ending.AUTH:
            return Outcome.NEEDS_HELP, f"the agent's provider refused its credential: {verdict.text}"
        case Ending.LIMITED:
            return Outcome.LIMITED, verdict.text or "the usage limit of the model's provider is reached"
        case Ending.UNAVAILABLE:
            return Outcome.LOST, verdict.text
        case Ending.CAPPED:
            return _capped(verdict.cap or Cap.TURNS, policy)
        case Ending.FULL:
            return Outcome.FULL, verdict.text
        case _:
            return Outcome.FAILED, verdict.text or "the agent failed without a word"


def _capped(cap: Cap, policy: Policy) -> tuple[Outcome, str]:
    match cap:
        case Cap.TIME:
            return Outcome.TIMED_OUT, f"no end after {_span(policy.time_box)}"
        case Cap.STALL:
            return Outcome.STALLED, f"no sign of life for {_span(policy.stall)}"
        case Cap.CONTEXT:
            return Outcome.FULL, "the conversation had grown too long"
        case Cap.DAY:
            return Outcome.LIMITED, "the money for one day on this machine is used up"
        case _:
            return Outcome.CAPPED, f"it reached its limit: {CAP_NAMES[cap]}"


def _span(span: timedelta) -> str:
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


def most_attempts(task: Task, policy: Policy) -> int:
    """Attempts of one round, whatever their errors, before a person is asked."""
    return task.allowed.attempts or policy.max_attempts


def in_a_row(task: Task, outcome: Outcome) -> int:
    """How many attempts of this round ended so since one came to an end of its own; the likes of it do not reset it."""
    count = 0
    for attempt in reversed(in_round(task)):
        if attempt.outcome not in _FRUITLESS:
            break
        # Who had no room left for the notes themselves has handed over all the same.
        without_notes = attempt.outcome is Outcome.FULL and attempt.cause is Cause.NOTES
        count += (Outcome.HANDOFF if without_notes else attempt.outcome) is outcome
    return count


def not_before(task: Task, policy: Policy) -> datetime | None:
    """When the next attempt may start; None means at once."""
    last = task.last
    if last is None or last.ended_at is None or last.round != task.round:
        return None
    if last.outcome not in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.STALLED, Outcome.LOST):
        return None
    failures = len(charged(task)) + in_a_row(task, Outcome.LOST)
    doublings = min(max(failures - 1, 0), MAX_DOUBLINGS)
    pause = min(policy.backoff * (1 << doublings), policy.backoff_limit)
    return last.ended_at + pause


def only_looks(task: Task, cause: Cause) -> bool:
    """Whether an attempt reads the work and leaves nothing in it: it gets a copy that is thrown away."""
    return cause is Cause.OPINION or task.plans


def choice_of(task: Task, cause: Cause, policy: Policy) -> Step:
    """Who makes the next attempt: whom a person asked for, else the next step of the escalation, else the usual one."""
    if cause is Cause.OPINION:
        return Step(agent=policy.reviewer)
    if task.plans:
        return Step(agent=task.agent or policy.planner, model=task.model)
    agent, model = task.agent or policy.agent, task.model
    handed = cause is Cause.HANDOFF or (task.last is not None and task.last.outcome is Outcome.HANDOFF)
    if handed and policy.handoff_agent and not task.agent:
        agent = policy.handoff_agent
    failures = len(charged(task))
    if failures and policy.escalation:
        step = policy.escalation[min(failures, len(policy.escalation)) - 1]
        if not task.agent or step.agent in ("", task.agent):
            agent, model = step.agent or agent, step.model or model
    return Step(agent=agent, model=model)

"""What a task waits for, and what ends that. Waiting is not failing: none of it spends an attempt."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cdock.core.attempts import MAX_DOUBLINGS, in_a_row
from cdock.core.budgets import day_over
from cdock.core.depending import Stand, in_the_way
from cdock.core.policy import Policy
from cdock.core.task import Cap, Cause, Outcome, Task
from cdock.core.world import Case, World


class WaitKind(StrEnum):
    """Whom or what for."""

    HUMAN = "human"
    PROVIDER = "provider"  # the usage limit of the model's provider
    GITHUB = "github"  # it does not answer
    DEPENDENCY = "dependency"
    QUOTA = "quota"  # of the forge's writes, or of a day's money


@dataclass(frozen=True)
class Waiting:
    """One thing waited for. `why` and `unblocks` are sentences for people; `until` is when it ends by itself."""

    kind: WaitKind
    why: str
    unblocks: str
    until: datetime | None = None


def changed(case: Case, task: Task) -> bool:
    """Whether the issue asks for something else than what was approved. Older claims do not know."""
    return bool(task.approved) and task.approved != case.issue.digest


def held(case: Case, task: Task, world: World, policy: Policy) -> Waiting | None:
    """What keeps the next attempt of a claimed task from starting, apart from a question that is open.

    To be asked where there is something to start: what is done waits for nobody but its reviewers.
    """
    if waits := early(case, task):
        return waits
    ready = policy.labels.ready
    if not case.issue.wears(ready):
        go_on = f"Comment `/cdock resume` or add the label `{ready}` to go on with it."
        if task.stopped:
            return Waiting(WaitKind.HUMAN, "A person stopped it. The work is kept.", go_on)
        if task.paused:
            return Waiting(WaitKind.HUMAN, "A person paused it. The work is kept.", go_on)
        if changed(case, task) and task.disputed == case.issue.digest:
            return Waiting(
                WaitKind.HUMAN,
                "The title or the text was changed after the approval, by somebody who may not start work.",
                f"Look at it, then add the label `{ready}` to approve it as it is now.",
            )
    if waits := _choice(task, policy):
        return waits
    return _limit(case, task, world, policy) or _money(world, policy)


def early(case: Case, task: Task) -> Waiting | None:
    """What has to be done again before a task can start that was claimed when it seemed to be done.

    Its worktree starts from that work; from where it would start now, it could not have it any more.
    """
    if task.attempts or case.workspace is not None:
        return None
    first = [f"#{one.issue}" for one in case.forerunners if one.stand is Stand.OPEN]
    if not first:
        return None
    why = f"It comes after {', '.join(first)}, where work goes on again."
    return Waiting(WaitKind.DEPENDENCY, why, "It starts when that is done.")


def _choice(task: Task, policy: Policy) -> Waiting | None:
    """A person who has to choose among the attempts of a batch, of which this is one."""
    if not task.competes or not task.succeeded:
        return None
    batch = task.brief.batch
    return Waiting(
        WaitKind.HUMAN, f"It is done, and one of the batch `{batch}`.", f"`cdock pick {batch}` chooses."
    )


def _limit(case: Case, task: Task, world: World, policy: Policy) -> Waiting | None:
    last = task.last
    if last is None or last.outcome is not Outcome.LIMITED or last.round != task.round or last.cap is Cap.DAY:
        return None
    until = limit_end(task, policy)
    if until is not None and last.ended_at is not None and not last.ended_at <= world.now < until:
        return None
    why = "The usage limit of the model's provider is reached."
    if until is None:
        ready = policy.labels.ready
        # The answer to a question that is asked anyhow is a person's word to go on, too.
        if case.issue.wears(ready) or task.question:
            return None
        return Waiting(
            WaitKind.PROVIDER, why, f"Comment `/cdock resume` or add the label `{ready}` when it is over."
        )
    return Waiting(WaitKind.PROVIDER, why, "It goes on by itself in the same conversation.", until)


def limit_end(task: Task, policy: Policy) -> datetime | None:
    """When work goes on after a provider's limit; None when a person has to say so, or nothing waits for one."""
    last = task.last
    if (
        last is None
        or last.outcome is not Outcome.LIMITED
        or last.ended_at is None
        or not policy.resume_limits
    ):
        return None
    # Some say that it ends at once, again and again, and nothing of that is charged.
    doublings = min(in_a_row(task, Outcome.LIMITED) - 1, MAX_DOUBLINGS)
    least = min(policy.backoff * (1 << max(doublings, 0)), policy.limit_pause)
    return max(last.until or last.ended_at + policy.limit_pause, last.ended_at + least)


def _money(world: World, policy: Policy) -> Waiting | None:
    until = day_over(world, policy)
    if until is None:
        return None
    why = f"The money of one day on this machine (${policy.day_cost:.2f}) is used up."
    return Waiting(
        WaitKind.QUOTA, why, "It goes on by itself on the next day, or with a higher `day_cost`.", until
    )


def blocked(case: Case) -> Waiting | None:
    """What keeps an issue from being claimed though it is ready."""
    if first := in_the_way(case.forerunners):
        names = ", ".join(f"#{one.issue}" for one in first)
        if dropped := [one for one in first if one.stand is Stand.DROPPED]:
            return Waiting(
                WaitKind.DEPENDENCY,
                f"It comes after {names}, and #{dropped[0].issue} was closed as not planned.",
                "Reopen that, or change what this depends on.",
            )
        if unseen := [one for one in first if one.stand is Stand.UNSEEN]:
            return Waiting(
                WaitKind.DEPENDENCY,
                f"It comes after {names}, and no issue #{unseen[0].issue} is to be seen here.",
                "If that was deleted, or is no issue, change what this depends on.",
            )
        return Waiting(WaitKind.DEPENDENCY, f"It comes after {names}.", "It starts when that is done.")
    # What its own text names is judged by that; the rest is for the forge to say.
    finished = (one for one in case.forerunners if one.stand is Stand.FINISHED and not one.inherited)
    count = case.issue.blocked_by - sum(1 for _ in finished)
    if count <= 0:
        return None
    issues = "an open issue" if count == 1 else f"{count} open issues"
    return Waiting(WaitKind.DEPENDENCY, f"It is blocked by {issues}.", "It starts when they are closed.")


def with_a_person(task: Task) -> bool:
    """Whether a person has the agent's terminal."""
    return task.running is not None and task.running.cause is Cause.PERSON

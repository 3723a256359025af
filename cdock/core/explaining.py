"""Why a task is where it is, since when, what unblocks it, and what happens next: sentences for people."""

from dataclasses import dataclass, replace
from datetime import datetime

from cdock.core.asking import Reason
from cdock.core.attempts import not_before
from cdock.core.bodies import why_asked
from cdock.core.budgets import day_over
from cdock.core.cases import cases_of
from cdock.core.errands import errand_of
from cdock.core.plan import reason_of, waits_for
from cdock.core.planning.parts import at_rest, stages_in, states_of, to_come
from cdock.core.policy import Policy
from cdock.core.slots import Slots
from cdock.core.taking import files_of, wanted_files
from cdock.core.task import Cause, Outcome, Status, Task
from cdock.core.theirs import pushed_past
from cdock.core.waiting import Waiting, WaitKind, blocked, with_a_person
from cdock.core.world import Case, World


@dataclass(frozen=True)
class Explanation:
    """What can be said about one task. `since` is when it came to be so, as far as is on record."""

    why: str
    unblocks: str
    next: str
    since: datetime | None = None
    waiting: Waiting | None = None
    reason: Reason | None = None


def explain(case: Case, task: Task, status: Status, world: World, policy: Policy) -> Explanation:
    """About a task of ours."""
    found = _explained(case, task, status, world, policy)
    theirs = pushed_past(case, task)
    return replace(found, why=f"{found.why} {theirs}") if theirs else found


def _explained(case: Case, task: Task, status: Status, world: World, policy: Policy) -> Explanation:
    last = task.last
    since = (last.ended_at or last.started_at) if last else task.created_at
    if status is Status.IN_PROGRESS:
        return _working(case, task, since)
    if status is Status.NEEDS_HELP or status is Status.FAILED:
        reason = reason_of(case, task, world, policy)
        why = f"The agent {why_asked(task, reason, policy)}." if reason else "A question is open."
        number = f"#{case.help.number}" if case.help else "the help issue that is about to open"
        unblocks = f"An answer in {number}: a comment, a tick, or its closing."
        waiting = Waiting(WaitKind.HUMAN, why, unblocks)
        return Explanation(why, unblocks, "The same conversation goes on.", since, waiting, reason)
    if status is Status.IN_REVIEW:
        number = f"#{case.pull.number}" if case.pull else "its pull request"
        return Explanation(
            f"The work is done and waits for a review in {number}.",
            "A review, a merge, or closing it.",
            "Requests in a review go to the agent; a merge ends the task.",
            since,
        )
    if status is Status.PLANNED:
        return _planned(case, task, policy, since)
    if status in (Status.DONE, Status.CANCELLED):
        return Explanation("It has ended.", "Nothing.", "What is left of it here is cleared up.", since)
    if status is Status.FOREIGN:
        where = case.claim.machine if case.claim else "another machine"
        return Explanation(
            f"Another poller works on it: {where}.", "Nothing from here.", "It goes on there.", since
        )
    if waits := waits_for(case, task, world, policy):
        return Explanation(waits.why, waits.unblocks, _after_that(case, task), since, waits)
    return _about_to(case, task, world, policy, since)


def _planned(case: Case, task: Task, policy: Policy, since: datetime | None) -> Explanation:
    parts = case.parts or ()
    states, stage, last = states_of(parts, policy), max(task.opened, 1), stages_in(parts)
    if task.opened and at_rest(parts, states, stage=last):
        why = "Nothing of it is left to start; what was done waits for people."
        unblocks = f"Reviews and merges, or `cdock land --plan {task.issue}`."
        return Explanation(why, unblocks, "Its issue is closed when all of it is done.", since)
    more = policy.gates and to_come(parts, states, stage=stage)
    then = "A person is asked about the next stage." if more else "It goes on by itself."
    why = f"Its tasks are issues; stage {stage} of {last} is open."
    return Explanation(why, "Nothing: its tasks tell what they wait for.", then, since)


def _after_that(case: Case, task: Task) -> str:
    """What comes when a person decided, or a limit ended."""
    if case.parts is not None:
        return "What was decided is done, and the plan goes on."
    done = task.succeeded
    if task.plans and done:
        return "The agent proposes again, or its tasks become issues."
    return "Its pull request opens." if task.competes and done else "The next attempt starts."


def _working(case: Case, task: Task, since: datetime | None) -> Explanation:
    if with_a_person(task):
        why = "A person has the agent's terminal."
        return Explanation(
            why, "They end the program in it.", "The loop goes on in the same conversation.", since
        )
    attempt = task.running
    number = attempt.number if attempt else 0
    if case.check and case.check.alive:
        return Explanation(
            f"The acceptance commands of attempt {number} run.", "Nothing.", "They decide.", since
        )
    return Explanation(
        f"Attempt {number} is running.", "Nothing.", "Its acceptance commands, when it ends.", since
    )


def _about_to(case: Case, task: Task, world: World, policy: Policy, since: datetime | None) -> Explanation:
    errand = errand_of(case, task, world, policy)
    about = f" about {errand.cause.value}" if errand and errand.cause is not Cause.TASK else ""
    pause = not_before(task, policy)
    if pause and pause > world.now:
        why = f"The last attempt {_how(task)}; the next one{about} starts after a pause, at {pause:%H:%M:%S} UTC."
        return Explanation(why, "Time.", "The next attempt starts.", since)
    if case.issue.number in world.stuck or case.issue.number in world.paused:
        return Explanation(*_TRIED_AGAIN, "The same step.", since)
    busy = sum(run.alive for run in world.runs) + world.elsewhere
    if busy >= policy.max_parallel:
        why = f"All {policy.max_parallel} places for attempts on this machine are taken."
        return Explanation(
            why, "One of them ends, or `max_parallel` is raised.", "The next attempt starts.", since
        )
    return Explanation(f"The next attempt{about} is about to start.", "Nothing.", "It starts.", since)


_TRIED_AGAIN = ("Its last step failed; see the poller's output.", "It is tried again after a pause.")


def _how(task: Task) -> str:
    outcome = task.last.outcome if task.last else None
    return "was lost" if outcome is Outcome.LOST else "failed"


def _beside(case: Case, world: World, policy: Policy) -> tuple[int, str] | None:
    """Whose files it would change as well."""
    files = wanted_files(case)
    if policy.overlap != "serialise" or not files.globs:
        return None
    return Slots(claims=0, runs=0, files=files_of(cases_of(world))).meets(files)


def explain_ready(case: Case, world: World, policy: Policy) -> Explanation:
    """About an issue that nobody has claimed."""
    then = "It is claimed and an attempt starts."
    if case.issue.number in world.unapproved:
        ready = policy.labels.ready
        why = f"The label `{ready}` was put on by somebody who may not start work, or the text changed since."
        return Explanation(why, "A person with write access takes the label off and puts it on again.", then)
    if waits := blocked(case):
        return Explanation(waits.why, waits.unblocks, then, waiting=waits)
    if beside := _beside(case, world, policy):
        why = f"It would change `{beside[1]}`, which #{beside[0]} is changing."
        return Explanation(why, "That one is done, or `[plan] overlap` is another.", then)
    if day_over(world, policy):
        why = "The money of one day on this machine is used up."
        return Explanation(why, "The next day, or a higher `day_cost`.", then)
    if world.only and case.issue.number not in world.only:
        return Explanation("This poller works on other issues only.", "`cdock run` without `--issue`.", then)
    if case.issue.number in world.stuck or case.issue.number in world.paused:
        return Explanation(*_TRIED_AGAIN, then)
    why = f"All {policy.max_parallel} places for issues on this machine are taken."
    return Explanation(why, "One of them is done, or `max_parallel` is raised.", then)

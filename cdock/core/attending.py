"""What is done for an attempt that has no outcome yet: look after its run, then find out how it came out."""

from dataclasses import replace
from enum import StrEnum

from cdock.core.actions import (
    Action,
    HarvestWork,
    OpenPullRequest,
    PublishWork,
    RecordOutcome,
    SpeakTo,
    StartCheck,
    StopRun,
    TakeNote,
)
from cdock.core.attempts import CAP_NAMES, only_looks, outcome_of
from cdock.core.budgets import reached, too_large
from cdock.core.events import Ending
from cdock.core.failure_class import class_of
from cdock.core.fingerprint import fingerprint
from cdock.core.planning.telling import unfit
from cdock.core.policy import Policy
from cdock.core.runs import Role, RunState
from cdock.core.slots import Slots
from cdock.core.speaking import Message, listens, unheard
from cdock.core.task import Attempt, Cap, Cause, Outcome, Task
from cdock.core.theirs import overtaken, unmerged
from cdock.core.wishes import WishKind
from cdock.core.world import Case, World

HANDOFF = (
    "Your memory is nearly full. Stop here: commit what is worth keeping, write what is done, what is left and what "
    "was decided (with files and lines) into `.cdock/handoff.md`, and end your turn. Another agent goes on from there."
)
_COUNTED = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.STALLED)


def overdue(case: Case, task: Task, world: World, policy: Policy) -> StopRun | None:
    """The end of a run that must not go on; it needs nobody but this machine."""
    attempt = task.running
    if attempt is None:
        return None
    if case.run and case.run.alive:
        if case.stop_wished or task.stopped:
            return StopRun(case, Role.AGENT, "somebody asked for it")
        if attempt.cause is not Cause.PERSON and (case.wished(WishKind.ATTACH) or task.question):
            return StopRun(case, Role.AGENT, "a person wants to see to it")
        if cap := reached(case, task, world, policy) or _too_full(case, attempt, world, policy):
            return StopRun(case, Role.AGENT, f"{CAP_NAMES[cap]} is used up", cap)
    check_late = case.check and case.check.alive and _late(case, world, policy)
    return StopRun(case, Role.CHECK, "its time is up") if check_late else None


def _too_full(case: Case, attempt: Attempt, world: World, policy: Policy) -> Cap | None:
    """Whether the model's window is nearly full, and asking the agent to hand over is no way or did not help."""
    seen = case.progress
    if seen is None or case.run is None or not _full(case, attempt, policy):
        return None
    asked = world.sent.get((case.run.name, _handoff_uid(attempt)))
    patient = asked is None or world.elapsed - asked < policy.handoff_grace.total_seconds()
    return None if seen.live and patient else Cap.CONTEXT


def _full(case: Case, attempt: Attempt, policy: Policy) -> bool:
    # Notes are short, and whoever writes them is full already; who only looks has nothing to hand over.
    return bool(
        policy.handoff
        and attempt.cause not in (Cause.NOTES, Cause.OPINION, Cause.PLAN)
        and case.progress
        and case.progress.full >= policy.handoff
    )


def _handoff_uid(attempt: Attempt) -> str:
    return f"handoff-{attempt.number}"


def attend(
    case: Case, task: Task, attempt: Attempt, world: World, *, policy: Policy, slots: Slots
) -> Action | None:
    """The next step of an attempt; its acceptance commands need room as well."""
    run = case.run
    if run is None:
        return _without_run(case, task, attempt)
    if run.alive:
        return _alive(case, task, attempt, world, policy)
    if noted := _noted(case, task):
        return noted
    looks = only_looks(task, attempt.cause)
    if not looks and not (case.harvest and case.harvest.run == run.name and case.harvest.final):
        return HarvestWork(case, final=True)
    if case.stop_wished or task.stopped:
        return RecordOutcome(case, Outcome.CANCELLED, "stopped by a person")
    if (case.wished(WishKind.ATTACH) or task.question) and run.exit_code != 0:
        return RecordOutcome(case, Outcome.YIELDED)
    match _acceptance(case, attempt, task.acceptance(policy)):
        case _Check.WANTED:
            return StartCheck(case) if slots.run() else None
        case _Check.MADE:
            return StartCheck(case)
        case _Check.RUNNING:
            return None
        case _:
            return _record(case, attempt, world, policy, task=task)


def _without_run(case: Case, task: Task, attempt: Attempt) -> Action:
    if case.stop_wished or task.stopped:
        return RecordOutcome(case, Outcome.CANCELLED, "stopped by a person")
    # While the wish is there it is not known to have been granted: a crash may have come before the run.
    if attempt.cause is Cause.PERSON and not any(wish.ref in attempt.refs for wish in case.wishes):
        return RecordOutcome(case, Outcome.YIELDED)
    return RecordOutcome(case, Outcome.LOST, "the run of this attempt is gone")


def _alive(case: Case, task: Task, attempt: Attempt, world: World, policy: Policy) -> Action | None:
    run, workspace = case.run, case.workspace
    assert run is not None, "asked with a run only"  # noqa: S101 - for the type checker
    if speech := _speech(case, task, attempt, world, policy):
        return speech
    if workspace and workspace.unpushed and not case.unpushable and _due(world.pushed_at, world, policy):
        return PublishWork(case)
    shown = case.pull is not None or not policy.drafts or task.competes
    if not shown and workspace and workspace.pushed and workspace.has_work:
        return OpenPullRequest(case, draft=True)
    if only_looks(task, attempt.cause):
        return None
    harvested = case.harvest.at if case.harvest and case.harvest.run == run.name else None
    every = policy.harvest_every
    if harvested is None:
        started = run.started_at is not None and world.now - run.started_at >= every
        return HarvestWork(case) if started else None
    return HarvestWork(case) if world.elapsed - harvested >= every.total_seconds() else None


def _speech(case: Case, task: Task, attempt: Attempt, world: World, policy: Policy) -> Action | None:
    """What a living agent is told, or says it has read."""
    seen, run = case.progress, case.run
    if seen is None or run is None or not seen.live:
        return None
    if noted := _noted(case, task):
        return noted
    waiting = unheard(case, task) if listens(attempt.cause) else ()
    if _full(case, attempt, policy):
        waiting = (*waiting, Message(_handoff_uid(attempt), HANDOFF, author=""))
    fresh = tuple(m for m in waiting if (run.name, m.uid) not in world.sent and m.uid not in seen.heard)
    return SpeakTo(case, fresh) if fresh else None


def _noted(case: Case, task: Task) -> TakeNote | None:
    """What the agent says it has read need not be told again, however soon after it ended."""
    heard = case.progress.heard if case.progress else frozenset()
    read = tuple(message for message in unheard(case, task) if message.uid in heard)
    return TakeNote(case, read) if read else None


def _due(since: float | None, world: World, policy: Policy) -> bool:
    return since is None or world.elapsed - since >= policy.push_every.total_seconds()


def _acceptance(case: Case, attempt: Attempt, commands: tuple[str, ...]) -> "_Check":
    """Where the acceptance commands of an attempt stand whose agent has ended."""
    run, workspace, check = case.run, case.workspace, case.check
    ended = case.verdict is not None and case.verdict.kind == Ending.DONE
    has_work = bool(workspace and workspace.has_work)
    refused = bool(case.harvest and case.harvest.refused)
    asks = bool(run and (run.signals.help or run.signals.handoff))
    judged = attempt.cause not in (Cause.OPINION, Cause.PERSON, Cause.NOTES)
    if not (judged and commands and ended and has_work) or refused or asks:
        return _Check.NEEDLESS
    if check is None:
        return _Check.WANTED
    if check.state is RunState.CREATED:
        return _Check.MADE
    return _Check.RUNNING if check.alive else _Check.ENDED


class _Check(StrEnum):
    NEEDLESS = "needless"
    WANTED = "wanted"
    MADE = "made"  # a crash came between making and starting it; it has its room already
    RUNNING = "running"
    ENDED = "ended"


def _record(case: Case, attempt: Attempt, world: World, policy: Policy, *, task: Task) -> RecordOutcome:
    run, check, verdict = case.run, case.check, case.verdict
    assert run is not None, "asked with a run only"  # noqa: S101 - for the type checker
    if check and check.error and check.exit_code != 0 and not _late(case, world, policy):
        return RecordOutcome(case, Outcome.LOST, f"the acceptance commands were ended: {check.error}")
    cap = attempt.cap or case.cap
    outcome, error = outcome_of(
        replace(attempt, cap=cap),
        run,
        now=world.now,
        policy=policy,
        verdict=verdict,
        has_work=task.plans or bool(case.workspace and case.workspace.has_work),
        refused=case.harvest.refused if case.harvest else "",
        checked=case.checked,
    )
    cap = cap or (verdict.cap if verdict else None)
    if (
        task.plans
        and outcome is Outcome.SUCCEEDED
        and verdict
        and (wrong := unfit(task, attempt, verdict.text))
    ):
        outcome, error = Outcome.FAILED, f"the answer is no plan:\n{wrong}"
    if case.unpushable and outcome is Outcome.SUCCEEDED:
        outcome, error = Outcome.FAILED, f"the commits could not be pushed: {case.unpushable}"
    if outcome is Outcome.SUCCEEDED and (theirs := unmerged(case)):
        outcome, error = overtaken(theirs, attempt)
    if outcome is Outcome.SUCCEEDED and too_large(case, task, policy):
        outcome, error, cap = Outcome.CAPPED, f"it reached its limit: {CAP_NAMES[Cap.LINES]}", Cap.LINES
    counted = bool(error) and outcome in _COUNTED
    return RecordOutcome(
        case,
        outcome,
        error,
        fingerprint=fingerprint(error) if counted else "",
        kind=class_of(error) if counted else "",
        cap=cap,
        until=verdict.until if verdict and outcome is Outcome.LIMITED else None,
    )


def _late(case: Case, world: World, policy: Policy) -> bool:
    check = case.check
    if check is None or check.started_at is None:
        return False
    return (check.finished_at or world.now) - check.started_at >= policy.time_box

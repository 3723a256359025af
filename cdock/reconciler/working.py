"""What is done on this machine for a claimed issue: worktree, runs, commits, outcomes."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from cdock.core import messages
from cdock.core.actions import RecordOutcome, StopRun
from cdock.core.depending import built_upon
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable
from cdock.core.events import RunSpec
from cdock.core.ids import TaskId
from cdock.core.runs import Harvest, Role, Run, RunState, Workspace
from cdock.core.speaking import Message
from cdock.core.task import Cap, Cause, Outcome, Task
from cdock.core.wishes import WishKind
from cdock.core.world import Case
from cdock.reconciler.claiming import (
    about,
    branch_of,
    seconds,
    settle,
    swap,
    task_of,
)
from cdock.reconciler.house import House
from cdock.reconciler.planning import propose

log = logging.getLogger("cdock")


UNREAD_LIMIT = 6
"""Failed fetches of an ended run's commits, over about five minutes, after which they count as refused."""


def _workspace(case: Case) -> Workspace:
    assert case.workspace is not None, "planned only with a workspace"  # noqa: S101 - for the type checker
    return case.workspace


def prepare(house: House, case: Case) -> None:
    """Make the worktree. The commit it starts from is written down with the first attempt."""
    task = task_of(case)
    upon = [branch_of(house, one) for one in built_upon(case.forerunners)]
    if len(upon) == 1 and not task.onto and not task.attempts:
        # Before there is a worktree that starts from there: the pull request has to go there as well.
        swap(house, case, replace(task, onto=upon[0]))
    workspace = house.workspaces.ensure(task, branch=branch_of(house, task.id), on=upon)
    log.info("workspace ready", extra=about(task, text=workspace.path))


def stop(house: House, step: StopRun) -> None:
    """End the living runs of a case that have this role. A limit that was reached is written down first."""
    case, role, why = step.case, step.role, step.why
    if step.cap:
        _write_down(house, case, step.cap)
        _set_down(house, case.run)
    every = (case.run, case.check, *case.strays)
    for run in every:
        if run and run.role is role and run.state is not RunState.EXITED:
            fields = {"task": str(run.task), "issue": case.issue.number, "text": why}
            log.info("stopping", extra=fields)
            house.runner.stop(run.name, grace=seconds(house.policy.stop_grace))


def _write_down(house: House, case: Case, cap: Cap) -> None:
    """Which limit ends the attempt; where the forge does not take it, it is remembered, because the end cannot wait."""
    task = task_of(case)
    attempt = task.running
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    house.memory.capped[task.id.run(attempt.number)] = cap
    if attempt.cap is cap:
        return
    try:
        swap(house, case, task.with_attempt(replace(attempt, cap=cap)))
    except (Unavailable, Refused) as error:
        log.info("the limit is not on record yet", extra=about(task, error=error.message))


def _set_down(house: House, run: Run | None) -> None:
    """Keep what a run has not committed; its loss would not be worth stopping anything for."""
    if run is None:
        return
    house.memory.set_down[run.name] = house.clock.elapsed()
    try:
        house.runner.snapshot(run.name)
    except CdockError as error:
        log.info("uncommitted work was not set down", extra={"task": str(run.task), "error": error.message})


def speak(house: House, case: Case, said: Sequence[Message]) -> None:
    """Tell a working agent what is new; whether it read it, its output says."""
    task, run = task_of(case), case.run
    attempt = task.running
    assert run is not None, "planned only with a run"  # noqa: S101 - for the type checker
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    agent = house.agents[attempt.agent]
    for message in said:
        text = f"{message.author} says: {message.text}" if message.author else message.text
        house.runner.send(run.name, uid=message.uid, line=agent.say(text, uid=message.uid))
        house.memory.sent[run.name, message.uid] = house.clock.elapsed()
        sentence = "message sent" if message.author or message.wish else "handoff asked"
        log.info(sentence, extra=about(task, attempt=attempt.number, text=message.author))


def take_note(house: House, case: Case, said: Sequence[Message]) -> None:
    """What an agent has read need not be told again."""
    task = task_of(case)
    told = max((message.comment for message in said), default=0)
    attempt = task.running
    read = tuple(m.uid for m in said if m.wish)
    after = replace(task, told=max(task.told, told))
    if attempt and read:
        after = after.with_attempt(replace(attempt, refs=(*attempt.refs, *read)))
    swap(house, case, after)
    for message in said:
        if message.wish:
            house.wishes.granted(message.wish)
        log.info("message read", extra=about(task, text=message.author))


def harvest(house: House, case: Case, *, final: bool) -> None:
    """Take in the commits of a run."""
    task, run = task_of(case), case.run
    assert run is not None, "planned only with a run"  # noqa: S101 - for the type checker
    refused, lines = "", 0
    before = _workspace(case).head
    _set_down_in_time(house, run, final=final)
    try:
        after = house.workspaces.harvest(
            task.id,
            closes=task.issue,
            branch=branch_of(house, task.id),
            remote=house.runner.remote(task.id),
            rewritten=_may_rewrite(house, task),
        )
        lines = after.lines
        house.memory.heads[task.id] = (after.head, after.unfinished)
        if after.head != before:
            log.info("new commits", extra=about(task, text=after.head[:7]))
    except NotPermitted:
        raise
    except Refused as error:
        refused = error.message
        log.warning("commits refused", extra=about(task, error=refused))
    except Unavailable as error:
        # An agent can leave a repository that nobody can read; such a one must not hold its slot for ever.
        if _again(house, run.name) or not final:
            raise
        refused = f"they could not be fetched {UNREAD_LIMIT} times: {error.message}"
    house.memory.unread.pop(run.name, None)
    house.memory.harvests[task.id] = Harvest(
        run=run.name, at=house.clock.elapsed(), final=final, refused=refused, lines=lines
    )


def _may_rewrite(house: House, task: Task) -> bool:
    """Whether the present attempt was told to rebase what is pushed already."""
    return bool(task.running and task.running.cause is Cause.CONFLICT and house.policy.conflicts == "rebase")


def _set_down_in_time(house: House, run: Run, *, final: bool) -> None:
    """Now and then while it runs; at the end only where a signal kept the run from doing so itself."""
    now, at = house.clock.elapsed(), house.memory.set_down.get(run.name)
    due = at is None or now - at >= seconds(house.policy.snapshot_every)
    if (not final and due) or (final and run.exit_code in (137, -9)):
        _set_down(house, run)


def _again(house: House, name: str) -> bool:
    """Whether commits that could not be fetched are worth another try."""
    house.memory.unread[name] = house.memory.unread.get(name, 0) + 1
    return house.memory.unread[name] < UNREAD_LIMIT


def check(house: House, case: Case) -> None:
    """Start the acceptance commands."""
    task, workspace = task_of(case), _workspace(case)
    attempt = task.running
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    log.info("acceptance starts", extra=about(task, attempt=attempt.number))
    house.runner.start(
        RunSpec(
            name=task.id.check(attempt.number),
            task=str(task.id),
            attempt=attempt.number,
            role=Role.CHECK,
            base=workspace.head,
            branch=branch_of(house, task.id),
            objects=house.workspaces.objects,
            commands=task.acceptance(house.policy),
        )
    )


def record(house: House, step: RecordOutcome) -> None:
    """Write down how the attempt ended."""
    case = step.case
    task, verdict, run = task_of(case), case.verdict, case.run
    attempt = task.running
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    # The record is pushed with the claim, and texts on the forge are made from it.
    error = house.fit(step.error)
    ended = replace(
        attempt,
        outcome=step.outcome,
        error=error[-4_000:],
        fingerprint=step.fingerprint,
        kind=step.kind,
        cap=step.cap or attempt.cap,
        until=step.until,
        ended_at=house.clock.now(),
        evidence=house.fit(case.checked.tail)[-3_000:] if case.checked else "",
        replies=house.fit(run.signals.replies)[-4_000:] if run else "",
        head=case.workspace.head if case.workspace else "",
    )
    if verdict:
        ended = replace(
            ended,
            session=verdict.session or attempt.session,
            turns=verdict.turns,
            tokens=verdict.tokens,
            cost=verdict.cost,
            summary=messages.summary_of(verdict.kind, house.fit(verdict.text)),
        )
    name = task.id.run(attempt.number)
    if task.plans and verdict and step.outcome is Outcome.SUCCEEDED:
        said = propose(house, task, attempt, verdict)
        ended = replace(ended, summary=messages.summary_of(verdict.kind, said))
    # Of a closed issue too: whoever may only close and open it again must not start an attempt by that.
    cancelled = step.outcome is Outcome.CANCELLED
    # First, for nobody comes back to an attempt whose end is on record; the same run is only noted once.
    house.ledger.note(name, cost=ended.cost, at=house.clock.now())
    settle(house, case, replace(task.with_attempt(ended), stopped=cancelled))
    for kept in (house.memory.moved, house.memory.set_down, house.memory.capped):
        kept.pop(name, None)
    house.memory.sent = {key: at for key, at in house.memory.sent.items() if key[0] != name}
    if wish := case.wished(WishKind.STOP):
        house.wishes.granted(wish.id)
    if attempt.cause is Cause.PERSON:
        log.info("control is back", extra=about(task, attempt=attempt.number))
    log.info(
        "attempt ended",
        extra=about(
            task,
            attempt=attempt.number,
            outcome=step.outcome.value,
            error=error,
            cost=ended.cost,
            turns=ended.turns,
            fingerprint=step.fingerprint,
            kind=step.kind,
        ),
    )


def forget(house: House, task: TaskId, *, issue: int, runs: Collection[Run]) -> None:
    """Clear up what is left of a task that is not ours any more. Commits that only we have are kept.

    `issue` is its number; 0 when that is not known.
    """
    branch = branch_of(house, task)
    # What ran apart from all tasks only looked, and made nothing that is worth keeping.
    if runs and not task.apart:
        try:
            remote = house.runner.remote(task)
            house.workspaces.harvest(task, closes=issue, branch=branch, remote=remote)
        except CdockError as error:
            if isinstance(error, Unavailable) and _again(house, str(task)):
                raise
            log.info("the last commits were not kept", extra={"task": str(task), "error": error.message})
        house.memory.unread.pop(str(task), None)
    for run in runs:
        house.runner.remove(run.name)
        house.memory.readings.pop(run.name, None)
        house.memory.copied.pop(run.name, None)
    house.runner.clear(task)
    house.memory.harvests.pop(task, None)
    house.memory.left.add(task)
    try:
        house.workspaces.remove(task, branch=branch, keep=True)
    except Refused as error:
        log.warning(
            "work of a task that is not ours any more is kept here",
            extra={"task": str(task), "error": error.message, "fix": error.fix},
        )


def clear(house: House, case: Case) -> None:
    """Remove worktree and volume."""
    task = task_of(case)
    try:
        # What others pushed keeps ours off the forge for good: then it stays here.
        apart = case.workspace is not None and case.workspace.theirs is not None
        house.workspaces.remove(task.id, branch=branch_of(house, task.id), keep=apart)
    except Refused:
        # Perhaps for commits that the forge did not take: it is asked again, since a person may have seen to it.
        house.memory.unpushable.pop(task.issue, None)
        # Or for commits of a person, who pushed and merged them: then they are on the default branch.
        house.workspaces.target()
        house.workspaces.remove(task.id, branch=branch_of(house, task.id), keep=apart)
    house.runner.clear(task.id)
    house.memory.harvests.pop(task.id, None)
    log.info("workspace removed", extra=about(task))

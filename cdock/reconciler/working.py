"""What is done on this machine for a claimed issue: worktree, runs, commits, outcomes."""

import logging
from collections.abc import Collection
from dataclasses import replace

from cdock.core import messages
from cdock.core.actions import (
    RecordOutcome,
    StartAttempt,
)
from cdock.core.answers import earlier_answer
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable
from cdock.core.events import Job, RunSpec
from cdock.core.ids import TaskId
from cdock.core.model import Attempt, Harvest, Outcome, Role, Run, RunState, Workspace
from cdock.core.world import Case
from cdock.ports import Agent
from cdock.reconciler.claiming import (
    about,
    branch_of,
    require_go,
    seconds,
    settle,
    swap,
    task_of,
)
from cdock.reconciler.house import House

log = logging.getLogger("cdock")


UNREAD_LIMIT = 6
"""Failed fetches of an ended run's commits, over about five minutes, after which they count as refused."""


def _workspace(case: Case) -> Workspace:
    assert case.workspace is not None, "planned only with a workspace"  # noqa: S101 - for the type checker
    return case.workspace


def prepare(house: House, case: Case) -> None:
    """Make the worktree. The commit it starts from is written down with the first attempt."""
    task = task_of(case)
    workspace = house.workspaces.ensure(task, branch=branch_of(house, task.id))
    log.info("workspace ready", extra=about(task, text=workspace.path))


def start(house: House, step: StartAttempt) -> None:
    """Write the next attempt down, then start its agent."""
    case, answer = step.case, step.answer
    task, workspace = task_of(case), _workspace(case)
    last = task.last
    name = task.agent or house.policy.agent
    agent = _agent(house, name)
    # A conversation can only go on where it took place; its log tells.
    here = last is not None and house.logs.size(task.id, task.id.run(last.number)) > 0
    resumed = last.session if answer and here and last and last.agent == name else ""
    attempt = Attempt(
        number=(last.number if last else 0) + 1,
        round=task.round + (1 if answer else 0),
        agent=name,
        started_at=house.clock.now(),
        session=resumed or str(house.ids.uuid()),
        answer=answer.ref if answer else "",
    )
    said = answer or earlier_answer(case, task)
    values = messages.prompt_values(case.issue, task, workspace, house.policy, answer=said)
    settings = dict(house.agent_settings.get(name, {}))
    settings |= {
        "task": task.id.worktree,
        "attempt": str(values["attempt"]),
        "answer": answer.text if answer else "",
    }
    job = Job(
        prompt=house.prompts.fill("answer" if resumed else "task", values),
        session=attempt.session,
        model=settings.get("model", ""),
        max_turns=int(settings.get("max_turns", "0")),
        settings=settings,
    )
    # Whatever is wrong with the settings of the agent comes up here, before an attempt is on record.
    launch = agent.resume(job) if resumed else agent.start(job)
    if (task.stopped or task.paused) and not answer:
        require_go(house, case)
    house.runner.forget_signals(task.id)
    house.memory.unpushable.pop(task.issue, None)
    # Written down before the start: a crash in between leaves an attempt that is seen as lost, never a second run.
    begun = replace(task.with_attempt(attempt), base=workspace.base, stopped=False, paused=False)
    claim = swap(house, case, begun)
    if not answer:
        log.info("attempt starts", extra=about(task, attempt=attempt.number))
    else:
        log.info(
            "answered by a person",
            extra=about(task, attempt=attempt.number, text=answer.author),
        )
    spec = RunSpec(
        name=task.id.run(attempt.number),
        task=str(task.id),
        attempt=attempt.number,
        role=Role.AGENT,
        base=workspace.head,
        branch=branch_of(house, task.id),
        objects=house.workspaces.objects,
        launch=launch,
    )
    try:
        house.runner.start(spec)
    except CdockError as error:
        lost = replace(
            attempt,
            outcome=Outcome.LOST,
            error=house.fit(error.message)[-4_000:],
            ended_at=house.clock.now(),
            answer="",
        )
        swap(house, replace(case, claim=claim), claim.task.with_attempt(lost))
        raise


def _agent(house: House, name: str) -> Agent:
    """The agent of this name.

    Raises:
        Refused: it is not configured any more; somebody asked for it on another machine, or in former times.
    """
    found = house.agents.get(name)
    if found is None:
        raise Refused(
            f"the agent {name!r} that this task should use is not configured here",
            code="CD453",
            tried=f"starting it; configured are {', '.join(sorted(house.agents))}",
            fix="comment `/cdock agent NAME` on the issue with another one, or configure it in cdock.toml",
        )
    return found


def stop(house: House, case: Case, role: Role, why: str) -> None:
    """End the living runs of a case that have this role."""
    every = (case.run, case.check, *case.strays)
    for run in every:
        if run and run.role is role and run.state is not RunState.EXITED:
            fields = {"task": str(run.task), "issue": case.issue.number, "text": why}
            log.info("stopping", extra=fields)
            house.runner.stop(run.name, grace=seconds(house.policy.stop_grace))


def harvest(house: House, case: Case, *, final: bool) -> None:
    """Take in the commits of a run."""
    task, run = task_of(case), case.run
    assert run is not None, "planned only with a run"  # noqa: S101 - for the type checker
    refused = ""
    before = _workspace(case).head
    try:
        after = house.workspaces.harvest(
            task.id,
            closes=task.issue,
            branch=branch_of(house, task.id),
            remote=house.runner.remote(task.id),
        )
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
        run=run.name, at=house.clock.elapsed(), final=final, refused=refused
    )


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
            commands=house.policy.acceptance,
        )
    )


def record(house: House, step: RecordOutcome) -> None:
    """Write down how the attempt ended."""
    task = task_of(step.case)
    attempt = task.running
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    verdict = step.case.verdict
    # The record is pushed with the claim, and texts on the forge are made from it.
    error = house.fit(step.error)
    ended = replace(
        attempt,
        outcome=step.outcome,
        error=error[-4_000:],
        fingerprint=step.fingerprint,
        ended_at=house.clock.now(),
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
    # Of a closed issue too: whoever may only close and open it again must not start an attempt by that.
    cancelled = step.outcome is Outcome.CANCELLED
    settle(house, step.case, replace(task.with_attempt(ended), stopped=cancelled))
    if step.case.stop_wished:
        house.wishes.granted(task.id)
    log.info(
        "attempt ended",
        extra=about(task, attempt=attempt.number, outcome=step.outcome.value, error=error),
    )


def forget(house: House, task: TaskId, *, issue: int, runs: Collection[Run]) -> None:
    """Clear up what is left of a task that is not ours any more. Commits that only we have are kept.

    `issue` is its number; 0 when that is not known.
    """
    branch = branch_of(house, task)
    if runs:
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
        house.workspaces.remove(task.id, branch=branch_of(house, task.id))
    except Refused:
        # Perhaps for commits that the forge did not take: it is asked again, since a person may have seen to it.
        house.memory.unpushable.pop(task.issue, None)
        raise
    house.runner.clear(task.id)
    house.memory.harvests.pop(task.id, None)
    log.info("workspace removed", extra=about(task))

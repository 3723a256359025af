"""Do one planned step through the ports. Each may be repeated; what a step learnt goes into the house's memory."""

import logging
from dataclasses import replace
from datetime import timedelta

from cdock.core import messages
from cdock.core.actions import (
    Action,
    AskForHelp,
    CloseHelp,
    CloseIssue,
    HarvestWork,
    HoldTask,
    OpenPullRequest,
    PrepareWorkspace,
    PublishWork,
    RecordOutcome,
    ReleaseClaim,
    RemoveRuns,
    RemoveWorkspace,
    RenewClaim,
    ShowStatus,
    StartAttempt,
    StartCheck,
    StopRun,
    TakeClaim,
)
from cdock.core.errors import CdockError, NotPermitted, Refused
from cdock.core.events import Job, RunSpec
from cdock.core.ids import TaskId, collides, slug_of, task_id
from cdock.core.model import Attempt, Case, Claim, Harvest, Outcome, Role, RunState, Task, Workspace
from cdock.core.plan import earlier_answer
from cdock.reconciler.house import House

log = logging.getLogger("cdock")


def perform(step: Action, house: House) -> None:
    """Do `step`.

    Raises:
        ClaimLost: another poller holds the issue now.
        Unavailable: nothing is known; the step is planned again.
        Refused: a person has to act.
    """
    match step:
        case TakeClaim(case):
            _take(house, case)
        case RenewClaim(case):
            _swap(house, case, _task(case))
        case PrepareWorkspace(case):
            _prepare(house, case)
        case StartAttempt():
            _start(house, step)
        case StopRun(case, role, why):
            _stop(house, case, role, why)
        case HoldTask(case):
            _swap(house, case, replace(_task(case), stopped=True))
            house.wishes.granted(_task(case).id)
        case HarvestWork(case, final):
            _harvest(house, case, final=final)
        case StartCheck(case):
            _check(house, case)
        case RecordOutcome():
            _record(house, step)
        case RemoveRuns(case):
            for run in case.strays:
                house.runner.stop(run.name, grace=_seconds(house.policy.stop_grace))
                house.runner.remove(run.name)
                house.memory.readings.pop(run.name, None)
        case PublishWork(case):
            _publish(house, case)
        case OpenPullRequest(case):
            _open_pull(house, case)
        case AskForHelp(case):
            _ask(house, case)
        case CloseHelp(case):
            _close_help(house, case)
        case ShowStatus():
            _show(house, step)
        case CloseIssue(case):
            house.forge.ensure_closed(case.issue.number)
            house.memory.stale = True
        case RemoveWorkspace(case):
            _clear(house, case)
        case ReleaseClaim(case):
            _release(house, case)


def _about(task: Task, **more: object) -> dict[str, object]:
    """The fields of a log record about a task."""
    return {"task": str(task.id), "issue": task.issue, **more}


def _seconds(span: timedelta) -> float:
    return span.total_seconds()


def _claim(case: Case) -> Claim:
    assert case.claim is not None, "planned only for claimed issues"  # noqa: S101 - for the type checker
    return case.claim


def _task(case: Case) -> Task:
    return _claim(case).task


def _workspace(case: Case) -> Workspace:
    assert case.workspace is not None, "planned only with a workspace"  # noqa: S101 - for the type checker
    return case.workspace


def _branch(house: House, task: TaskId) -> str:
    return task.branch(house.policy.branch_prefix)


def _swap(house: House, case: Case, task: Task) -> Claim:
    """Move our claim to hold `task`; the move is the heartbeat too."""
    before = _claim(case)
    after = replace(
        before,
        holder=house.me,
        process=house.process,
        machine=house.machine,
        seq=before.seq + 1,
        ttl=_seconds(house.policy.lease),
        task=task,
    )
    oid = house.claims.swap(before.issue, expected=before.oid, claim=after)
    return _remember(house, replace(after, oid=oid))


def _remember(house: House, claim: Claim) -> Claim:
    held = replace(claim, seen_at=house.clock.elapsed())
    house.memory.claims[claim.issue] = held
    return held


def _take(house: House, case: Case) -> None:
    if case.claim is not None:
        _swap(house, case, _task(case))
        log.info("took over an expired claim", extra=_about(_task(case)))
    else:
        label = house.policy.labels.ready
        if not house.forge.may_start(case.issue.number, label=label):
            raise Refused(
                f"issue #{case.issue.number} was not labelled {label!r} by somebody with write access",
                code="CD401",
                tried=f"who put the label {label!r} on the issue last",
                fix=f"let a person with write access remove the label {label!r} and add it again",
            )
        task = _new_task(house, case)
        claim = Claim(
            issue=case.issue.number,
            oid="",
            holder=house.me,
            process=house.process,
            machine=house.machine,
            seq=0,
            ttl=_seconds(house.policy.lease),
            task=task,
        )
        oid = house.claims.swap(claim.issue, expected="", claim=claim)
        _remember(house, replace(claim, oid=oid))
        log.info("claimed", extra=_about(task, text=task.title))
    house.memory.stale = True


def _new_task(house: House, case: Case) -> Task:
    remote = house.memory.remote
    labels = {label for issue in remote.issues for label in issue.labels} if remote else set()
    labels |= {claim.task.id.label for claim in house.memory.claims.values()}
    slug = slug_of(messages.visible(case.issue.title))
    while True:
        uuid = house.ids.uuid()
        candidate = task_id(slug, uuid)
        if not collides(candidate, labels):
            return Task(
                id=candidate,
                uuid=uuid,
                issue=case.issue.number,
                title=case.issue.title,
                created_at=house.clock.now(),
            )


def _prepare(house: House, case: Case) -> None:
    task = _task(case)
    workspace = house.workspaces.ensure(task, branch=_branch(house, task.id))
    if task.base != workspace.base:
        _swap(house, case, replace(task, base=workspace.base))
    log.info("workspace ready", extra=_about(task, text=workspace.path))


def _start(house: House, step: StartAttempt) -> None:
    case, answer = step.case, step.answer
    task, workspace = _task(case), _workspace(case)
    last = task.last
    name = house.policy.agent
    agent = house.agents[name]
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
    house.runner.forget_signals(task.id)
    # Written down before the start: a crash in between leaves an attempt that is seen as lost, never a second run.
    claim = _swap(house, case, replace(task.with_attempt(attempt), stopped=False))
    if not answer:
        log.info("attempt starts", extra=_about(task, attempt=attempt.number))
    else:
        log.info(
            "answered by a person",
            extra=_about(task, attempt=attempt.number, text=answer.author),
        )
    spec = RunSpec(
        name=task.id.run(attempt.number),
        task=str(task.id),
        attempt=attempt.number,
        role=Role.AGENT,
        base=workspace.head,
        branch=_branch(house, task.id),
        objects=house.workspaces.objects,
        launch=agent.resume(job) if resumed else agent.start(job),
    )
    try:
        house.runner.start(spec)
    except CdockError as error:
        lost = replace(
            attempt, outcome=Outcome.LOST, error=error.message, ended_at=house.clock.now(), answer=""
        )
        _swap(house, replace(case, claim=claim), claim.task.with_attempt(lost))
        raise


def _stop(house: House, case: Case, role: Role, why: str) -> None:
    every = (case.run, case.check, *case.strays)
    for run in every:
        if run and run.role is role and run.state is not RunState.EXITED:
            log.info("stopping", extra=_about(_task(case), text=why))
            house.runner.stop(run.name, grace=_seconds(house.policy.stop_grace))


def _harvest(house: House, case: Case, *, final: bool) -> None:
    task, run = _task(case), case.run
    assert run is not None, "planned only with a run"  # noqa: S101 - for the type checker
    refused = ""
    before = _workspace(case).head
    try:
        after = house.workspaces.harvest(
            task, branch=_branch(house, task.id), remote=house.runner.remote(task.id)
        )
        if after.head != before:
            log.info("new commits", extra=_about(task, text=after.head[:7]))
    except NotPermitted:
        raise
    except Refused as error:
        refused = error.message
        log.warning("commits refused", extra=_about(task, error=refused))
    house.memory.harvests[task.id] = Harvest(
        run=run.name, at=house.clock.elapsed(), final=final, refused=refused
    )


def _check(house: House, case: Case) -> None:
    task, workspace = _task(case), _workspace(case)
    attempt = task.running
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    log.info("acceptance starts", extra=_about(task, attempt=attempt.number))
    house.runner.start(
        RunSpec(
            name=task.id.check(attempt.number),
            task=str(task.id),
            attempt=attempt.number,
            role=Role.CHECK,
            base=workspace.head,
            branch=_branch(house, task.id),
            objects=house.workspaces.objects,
            commands=house.policy.acceptance,
        )
    )


def _record(house: House, step: RecordOutcome) -> None:
    task = _task(step.case)
    attempt = task.running
    assert attempt is not None, "planned only for a running attempt"  # noqa: S101 - for the type checker
    verdict = step.case.verdict
    ended = replace(
        attempt,
        outcome=step.outcome,
        error=step.error[-4_000:],
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
            summary=messages.summary_of(verdict.kind, verdict.text),
        )
    cancelled = step.outcome is Outcome.CANCELLED and step.case.stop_wished
    _swap(house, step.case, replace(task.with_attempt(ended), stopped=cancelled))
    if step.case.stop_wished:
        house.wishes.granted(task.id)
    log.info(
        "attempt ended",
        extra=_about(task, attempt=attempt.number, outcome=step.outcome.value, error=step.error),
    )


def _publish(house: House, case: Case) -> None:
    task, workspace, before = _task(case), _workspace(case), _claim(case)
    after = replace(before, seq=before.seq + 1, holder=house.me, process=house.process)
    oid = house.claims.publish(
        expected=before.oid, claim=after, branch=_branch(house, task.id), commit=workspace.head
    )
    held = _remember(house, replace(after, oid=oid))
    house.memory.pushes[task.id] = held.seen_at
    log.info("pushed", extra=_about(task, text=workspace.head[:7]))


def _open_pull(house: House, case: Case) -> None:
    task = _task(case)
    pull = house.forge.ensure_pull(
        head=_branch(house, task.id),
        title=messages.pull_title(task),
        body=messages.pull_body(task, house.policy),
    )
    house.memory.stale = True
    log.info("pull request open", extra=_about(task, text=pull.url))


def _ask(house: House, case: Case) -> None:
    task = _task(case)
    found = house.forge.ensure_help(
        issue=task.issue,
        marker=str(messages.help_marker(task)),
        title=messages.help_title(task),
        body=messages.help_body(task, house.policy),
        label=house.policy.labels.help_issue,
    )
    house.memory.stale = True
    log.info("asked for help", extra=_about(task, text=found.url))


def _close_help(house: House, case: Case) -> None:
    assert case.help is not None, "planned only with a help issue"  # noqa: S101 - for the type checker
    house.forge.ensure_closed(case.help.number)
    house.memory.stale = True


def _show(house: House, step: ShowStatus) -> None:
    number = step.issue
    house.forge.ensure_labels(number, add=step.add, remove=step.remove)
    house.forge.ensure_comment(
        number, marker=str(messages.status_marker(_task(step.case))), body=step.comment
    )
    house.memory.stale = True


def _clear(house: House, case: Case) -> None:
    task = _task(case)
    house.workspaces.remove(task.id, branch=_branch(house, task.id))
    house.runner.clear(task.id)
    house.memory.harvests.pop(task.id, None)
    house.memory.pushes.pop(task.id, None)
    log.info("workspace removed", extra=_about(task))


def _release(house: House, case: Case) -> None:
    claim = _claim(case)
    house.claims.swap(claim.issue, expected=claim.oid, claim=None)
    house.memory.claims.pop(claim.issue, None)
    house.memory.stale = True
    if case.stop_wished:
        house.wishes.granted(claim.task.id)
    log.info("released", extra=_about(claim.task))

"""Do one planned step through the ports. Each may be repeated; what a step learnt goes into the house's memory."""

import logging
from dataclasses import replace

from cdock.core import messages
from cdock.core.actions import (
    Action,
    AskForHelp,
    CheckApproval,
    CloseHelp,
    CloseIssue,
    ForgetTask,
    HarvestWork,
    HearCommand,
    HoldTask,
    LeaveTask,
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
from cdock.core.errors import Unavailable
from cdock.core.world import Case
from cdock.reconciler.claiming import (
    about,
    branch_of,
    check_approval,
    hear,
    publish,
    release,
    seconds,
    swap,
    take,
    task_of,
)
from cdock.reconciler.house import House
from cdock.reconciler.working import check, clear, forget, harvest, prepare, record, start, stop

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
            take(house, case)
        case RenewClaim(case):
            _one(house, case, work=False)
        case CheckApproval(case):
            check_approval(house, case)
        case HearCommand():
            hear(house, step)
        case PrepareWorkspace(case):
            prepare(house, case)
        case StartAttempt():
            start(house, step)
        case StopRun(case, role, why):
            stop(house, case, role, why)
        case LeaveTask(case):
            runs = [run for run in (case.run, case.check, *case.strays) if run]
            forget(house, task_of(case).id, issue=step.issue, runs=runs)
        case ForgetTask(case, task):
            forget(house, task, issue=step.issue, runs=case.strays)
        case HoldTask(case):
            swap(house, case, replace(task_of(case), stopped=True))
            house.wishes.granted(task_of(case).id)
        case HarvestWork(case, final):
            harvest(house, case, final=final)
        case StartCheck(case):
            check(house, case)
        case RecordOutcome():
            record(house, step)
        case RemoveRuns(case):
            for run in case.strays:
                house.runner.stop(run.name, grace=seconds(house.policy.stop_grace))
                house.runner.remove(run.name)
                house.memory.readings.pop(run.name, None)
                house.memory.copied.pop(run.name, None)
        case PublishWork(case):
            _one(house, case, work=True)
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
            clear(house, case)
        case ReleaseClaim(case):
            release(house, case)


def _one(house: House, case: Case, *, work: bool) -> None:
    for error in publish(house, [(case, work)]).values():
        raise error


def _open_pull(house: House, case: Case) -> None:
    task = task_of(case)
    try:
        pull = house.forge.ensure_pull(
            head=branch_of(house, task.id),
            title=messages.pull_title(task),
            body=messages.pull_body(task, house.policy),
        )
    except Unavailable:
        # Somebody may have deleted the branch since it was pushed; nobody else would push it again.
        _one(house, case, work=True)
        raise
    house.memory.stale = True
    log.info("pull request open", extra=about(task, text=pull.url))


def _ask(house: House, case: Case) -> None:
    task = task_of(case)
    found = house.forge.ensure_help(
        issue=task.issue,
        marker=str(messages.help_marker(task)),
        title=messages.help_title(task),
        body=messages.help_body(task, house.policy),
        label=house.policy.labels.help_issue,
    )
    house.memory.stale = True
    log.info("asked for help", extra=about(task, text=found.url))


def _close_help(house: House, case: Case) -> None:
    assert case.help is not None, "planned only with a help issue"  # noqa: S101 - for the type checker
    house.forge.ensure_closed(case.help.number)
    house.memory.stale = True


def _show(house: House, step: ShowStatus) -> None:
    number = step.issue
    marker = str(messages.status_marker(task_of(step.case)))
    house.forge.ensure_shown(number, add=step.add, remove=step.remove, marker=marker, body=step.comment)
    house.memory.stale = True

"""Do one planned step through the ports. Each may be repeated; what a step learnt goes into the house's memory."""

import logging
from dataclasses import replace

from cdock.core import bodies, messages, quoting
from cdock.core.actions import (
    Action,
    AskForHelp,
    CheckApproval,
    CloseHelp,
    CloseIssue,
    DropTask,
    ForgetTask,
    HarvestWork,
    HearCommand,
    HearDecision,
    HearWish,
    HoldTask,
    LeaveTask,
    MarkWaiting,
    OpenPullRequest,
    PrepareWorkspace,
    PublishPlan,
    PublishWork,
    RecordOutcome,
    ReleaseClaim,
    ReleaseTasks,
    RemoveRuns,
    RemoveWorkspace,
    RenewClaim,
    ReplyInThread,
    Retarget,
    ShowGate,
    ShowPull,
    ShowStatus,
    SpeakTo,
    StartAttempt,
    StartCheck,
    StopRun,
    TakeClaim,
    TakeNote,
)
from cdock.core.answers import granted
from cdock.core.asking import Reason
from cdock.core.errands import Errand
from cdock.core.errors import Refused, Unavailable
from cdock.core.issues import Answer
from cdock.core.marker import Marker
from cdock.core.task import Cause
from cdock.core.wishes import Wish, WishKind
from cdock.core.world import Case
from cdock.reconciler.claiming import (
    about,
    branch_of,
    check_approval,
    hear,
    hear_wish,
    publish,
    release,
    seconds,
    swap,
    take,
    task_of,
)
from cdock.reconciler.house import House
from cdock.reconciler.planning import hear_decision, publish_agreed, release_tasks, show_board, show_gate
from cdock.reconciler.starting import start
from cdock.reconciler.working import check, clear, forget, harvest, prepare, record, speak, stop, take_note

log = logging.getLogger("cdock")


def perform(step: Action, house: House) -> None:
    """Do `step`.

    Raises:
        ClaimLost: another poller holds the issue now.
        Unavailable: nothing is known; the step is planned again.
        Refused: a person has to act.
    """
    match step:
        case TakeClaim(case, beside):
            take(house, case)
            if beside:
                text = f"{beside[1]}, as #{beside[0]} does"
                log.warning("changes what another task changes", extra={"issue": step.issue, "text": text})
        case RenewClaim(case):
            _one(house, case, work=False)
        case CheckApproval(case):
            check_approval(house, case)
        case HearCommand():
            hear(house, step)
        case PrepareWorkspace(case):
            prepare(house, case)
        case StartAttempt(case, errand):
            _start(house, case, errand)
        case StopRun():
            stop(house, step)
        case SpeakTo(case, said):
            speak(house, case, said)
        case TakeNote(case, said):
            take_note(house, case, said)
        case HearWish(case, wish, over):
            hear_wish(house, case, wish, over=over)
        case LeaveTask(case):
            runs = [run for run in (case.run, case.check, *case.strays) if run]
            forget(house, task_of(case).id, issue=step.issue, runs=runs)
        case DropTask(case, wish):
            _drop(house, case, wish)
        case PublishPlan(case):
            publish_agreed(house, case)
        case ReleaseTasks():
            release_tasks(house, step)
        case ShowGate():
            show_gate(house, step)
        case HearDecision():
            hear_decision(house, step)
        case Retarget(case):
            _retarget(house, case)
        case ForgetTask(case, task):
            forget(house, task, issue=step.issue, runs=case.strays)
            for wish in house.wishes.list():
                if wish.task == task:
                    house.wishes.granted(wish.id)
        case HoldTask(case, answer):
            _hold(house, case, answer)
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
        case OpenPullRequest(case, draft):
            _open_pull(house, case, draft=draft)
        case ShowPull():
            _show_pull(house, step)
        case ReplyInThread():
            _reply(house, step)
        case AskForHelp(case, reason):
            _ask(house, case, reason)
        case MarkWaiting(case):
            house.forge.ensure_labels(case.issue.number, add={house.policy.labels.waiting}, remove=())
            house.memory.stale = True
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


def _hold(house: House, case: Case, answer: Answer | None) -> None:
    task = task_of(case)
    swap(house, case, granted(task, answer, house.policy) if answer else replace(task, stopped=True))
    if wish := case.wished(WishKind.STOP):
        house.wishes.granted(wish.id)


def _start(house: House, case: Case, errand: Errand) -> None:
    try:
        start(house, case, errand)
    except Refused:
        # Nobody waits for a terminal that cannot be had.
        if errand.cause is Cause.PERSON and (wish := case.wished(WishKind.ATTACH)):
            house.wishes.granted(wish.id)
        raise


def _open_pull(house: House, case: Case, *, draft: bool) -> None:
    task = task_of(case)
    try:
        pull = house.forge.ensure_pull(
            head=branch_of(house, task.id),
            title=bodies.pull_title(task),
            body=bodies.pull_body(task, house.policy),
            draft=draft,
            onto=task.onto,
        )
    except Unavailable:
        # Somebody may have deleted the branch since it was pushed; nobody else would push it again.
        _one(house, case, work=True)
        raise
    house.memory.stale = True
    log.info("draft pull request" if pull.draft else "pull request open", extra=about(task, text=pull.url))


def _retarget(house: House, case: Case) -> None:
    assert case.pull is not None, "planned only with a pull request"  # noqa: S101 - for the type checker
    house.forge.ensure_onto(case.pull, branch="")
    swap(house, case, replace(task_of(case), onto=""))
    house.memory.stale = True


def _drop(house: House, case: Case, wish: Wish) -> None:
    task = task_of(case)
    marker = str(Marker("dropped", {"wish": wish.id}))
    why = quoting.inline(house.fit(wish.text), limit=400) or "Somebody dropped this at a terminal."
    house.forge.ensure_comment(task.issue, marker=marker, body=f"{marker}\n{why}\n")
    house.forge.ensure_closed(task.issue, dropped=True)
    house.memory.stale = True
    log.info("dropped", extra=about(task, text=wish.text))


def _show_pull(house: House, step: ShowPull) -> None:
    pull = step.case.pull
    assert pull is not None, "planned only with a pull request"  # noqa: S101 - for the type checker
    house.forge.ensure_pull_shown(pull, body=step.body, draft=step.draft)
    house.memory.stale = True
    if pull.draft and not step.draft:
        log.info("ready for review", extra=about(task_of(step.case), text=pull.url))


def _reply(house: House, step: ReplyInThread) -> None:
    task, pull = task_of(step.case), step.case.pull
    assert pull is not None, "planned only with a pull request"  # noqa: S101 - for the type checker
    marker = str(bodies.thread_marker(task, step.remark))
    body = bodies.thread_reply(task, step.remark, step.words, commit=step.commit)
    house.forge.ensure_reply(pull, thread=step.thread, marker=marker, body=body)
    house.memory.stale = True


def _ask(house: House, case: Case, reason: Reason) -> None:
    task = task_of(case)
    found = house.forge.ensure_help(
        issue=task.issue,
        marker=str(messages.help_marker(task)),
        title=bodies.help_title(task),
        body=bodies.help_body(task, reason, house.policy, repository=house.pages),
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
    show_board(house, step.case)

"""The heart: what was seen becomes what to do. No step is remembered; the same world gives the same plan.

```
READY → CLAIMED → IN_PROGRESS → IN_REVIEW → DONE         any → CANCELLED (issue or pull request closed)
           ↑          ↓  ↑           ↓                   any → WAITING (a person, a limit, a day's money)
        answer ← NEEDS_HELP ← FAILED  └ review, checks,  FOREIGN (another poller holds it)
                                        conflict → CLAIMED
```
"""

from cdock.core.actions import (
    Action,
    AskForHelp,
    CheckApproval,
    CloseHelp,
    DropTask,
    HearCommand,
    HearWish,
    HoldTask,
    LeaveTask,
    MarkWaiting,
    OpenPullRequest,
    PrepareWorkspace,
    PublishWork,
    RecordOutcome,
    ReleaseClaim,
    RemoveRuns,
    RenewClaim,
    ReplyInThread,
    Retarget,
    ShowPull,
    ShowStatus,
    StartAttempt,
    StopRun,
)
from cdock.core.answers import answer, help_of
from cdock.core.asking import Reason, reason_to_ask
from cdock.core.attempts import not_before
from cdock.core.attending import attend, overdue
from cdock.core.bodies import pull_body
from cdock.core.briefing import replies_in
from cdock.core.budgets import day_over
from cdock.core.cases import cases_of
from cdock.core.choices import STOP
from cdock.core.commands import pending
from cdock.core.depending import Stand, finished
from cdock.core.ending import NOBODY, runs_of, unclaimed, wind_up
from cdock.core.errands import errand_of
from cdock.core.feedback import asked
from cdock.core.messages import pull_marker
from cdock.core.planning.steps import (
    decision_wanted,
    last_words,
    next_of_published,
    next_of_talk,
    over,
    reply_wanted,
    status_of_published,
)
from cdock.core.policy import Policy
from cdock.core.showing import passing, show_status
from cdock.core.slots import Slots
from cdock.core.taking import claim_if_free, files_of, startable
from cdock.core.task import Cause, Claim, Outcome, Status, Task
from cdock.core.waiting import Waiting, blocked, changed, early, held
from cdock.core.wishes import WishKind
from cdock.core.world import Case, World

__all__ = ("NOBODY", "busy", "foreign", "live", "plan", "reason_of", "status_of", "steps_for")


def foreign(claim: Claim, world: World) -> bool:
    """Whether another poller wrote the claim. Our own former life is not another."""
    return claim.holder != world.me


def live(claim: Claim, world: World, policy: Policy) -> bool:
    """Whether a claim was seen to move lately enough, by our own clock."""
    return world.elapsed - claim.seen_at < claim.ttl + policy.lease_margin.total_seconds()


def status_of(case: Case, world: World, policy: Policy) -> Status:
    """The state is read off the world every time; nothing stores it."""
    claim, pull = case.claim, case.pull
    if claim and foreign(claim, world) and live(claim, world, policy):
        return Status.FOREIGN
    if pull and pull.merged:
        return Status.DONE
    if case.issue.number in world.unsettled and claim and not foreign(claim, world):
        return Status.IN_REVIEW
    if case.parts is not None and not case.issue.dropped and over(case.parts, policy):
        # We close its issue then, which is no reason to call it cancelled.
        return Status.DONE
    if not case.issue.open and not case.issue.dropped and pull and not pull.open and finished(claim):
        # Squashed or picked by hand: its commits are on the default branch by another name.
        return Status.DONE
    if not case.issue.open or (pull and not pull.open):
        return Status.CANCELLED
    if claim is None or foreign(claim, world):
        return Status.READY
    task = claim.task
    if task.running:
        return Status.IN_PROGRESS
    if case.parts is not None:
        return status_of_published(task, case.parts, policy)
    errand = errand_of(case, task, world, policy)
    if task.succeeded and errand is None and not task.question:
        if task.competes or (task.plans and not task.agreed):
            return Status.WAITING
        # Until its pull request is there, the next step of a success is only a moment away.
        return Status.IN_REVIEW if pull else Status.CLAIMED
    if held(case, task, world, policy):
        return Status.WAITING
    if answer(case, task):
        return Status.CLAIMED
    if help_of(case, task):
        return Status.NEEDS_HELP
    return Status.FAILED if reason_to_ask(task, errand, policy) else Status.CLAIMED


def waits_for(case: Case, task: Task, world: World, policy: Policy) -> Waiting | None:
    """What a task whose status is WAITING waits for."""
    if case.parts is not None:
        return decision_wanted(task, case.parts, policy)
    if waits := held(case, task, world, policy):
        return waits
    return reply_wanted(task, policy) if task.plans else None


def reason_of(case: Case, task: Task, world: World, policy: Policy) -> Reason | None:
    """Why a person has to be asked before another attempt starts."""
    return reason_to_ask(task, errand_of(case, task, world, policy), policy)


def plan(world: World, policy: Policy) -> tuple[Action, ...]:
    """What to do now, at most one step and one update of what is shown per issue."""
    cases = [(case, status_of(case, world, policy)) for case in cases_of(world)]
    room = policy.max_parallel - world.elsewhere
    busy_ = [case for case, status in cases if status in _BUSY]
    # What fails again and again without ever running must not keep all others out; but where everything fails, as when
    # the engine is away, it is no reason to claim everything.
    aside = sum(case.issue.number in world.stuck and case.run is None for case in busy_)
    claims = room - len(busy_) + min(aside, policy.max_parallel)
    if world.new_claims is not None:
        claims = min(claims, world.new_claims)
    slots = Slots(
        claims=claims,
        runs=room - sum(run.alive for run in world.runs),
        files=files_of(case for case, _ in cases),
    )
    steps = tuple(
        step
        for case, status in cases
        for step in (
            _urgent(case, world, policy)
            if case.issue.number in world.paused
            else steps_for(case, status, world, policy=policy, slots=slots)
        )
    )
    return (*steps, *_joining(steps, [case for case, _ in cases], world), *unclaimed(world, policy))


_BUSY = (Status.CLAIMED, Status.IN_PROGRESS)


def busy(world: World, policy: Policy) -> int:
    """How many issues of this poller use up room for attempts, or are about to."""
    return sum(status_of(case, world, policy) in _BUSY for case in cases_of(world))


def _joining(steps: tuple[Action, ...], cases: list[Case], world: World) -> tuple[Action, ...]:
    """Heartbeats that are not due yet, but cost nothing as there is a push to go with."""
    if not any(isinstance(step, RenewClaim | PublishWork) for step in steps):
        return ()
    moving = {step.issue for step in steps if not isinstance(step, ShowStatus)} | world.paused
    return tuple(
        RenewClaim(case)
        for case in cases
        if case.claim and not foreign(case.claim, world) and case.issue.number not in moving
        if world.elapsed - case.claim.seen_at >= case.claim.ttl / 6
    )


def _urgent(case: Case, world: World, policy: Policy) -> tuple[Action, ...]:
    """What cannot wait for the end of a pause."""
    if case.claim is None or foreign(case.claim, world):
        return ()
    stop = overdue(case, case.claim.task, world, policy)
    return (stop,) if stop else _heartbeat(case, world)


def _heartbeat(case: Case, world: World) -> tuple[Action, ...]:
    claim = case.claim
    due = claim and not foreign(claim, world) and world.elapsed - claim.seen_at >= claim.ttl / 3
    return (RenewClaim(case),) if due else ()


# After these the status is another one, so showing the present one would only be noise on the issue.
_FLEETING = (StartAttempt, RecordOutcome, AskForHelp, OpenPullRequest)


def steps_for(
    case: Case, status: Status, world: World, *, policy: Policy, slots: Slots
) -> tuple[Action, ...]:
    """The next step of one case, and what should be shown of it."""
    claim = case.claim
    if status is Status.FOREIGN:
        runs = case.strays + runs_of(case)
        if alive := next((run for run in runs if run.alive), None):
            return (StopRun(case, alive.role, "another poller holds the issue"),)
        over = (runs or case.workspace) and claim and claim.task.id not in world.left
        return (LeaveTask(case),) if over else ()
    if claim is None or foreign(claim, world):
        # A stale claim on a settled issue is taken over too: somebody has to clear up after its holder.
        wanted = not world.only or case.issue.number in world.only
        if claim is None and not startable(case, policy):
            return ()
        if claim is None and (case.issue.number in world.unapproved or day_over(world, policy)):
            return ()
        if claim is None and blocked(case):
            return (MarkWaiting(case),) if wanted and not case.issue.wears(policy.labels.waiting) else ()
        return claim_if_free(case, policy, slots) if wanted else ()
    task = claim.task
    waiting = waits_for(case, task, world, policy) if status is Status.WAITING else None
    show = None if passing(case, task, status) else show_status(case, task, status, policy, waiting=waiting)
    step = _next(case, claim, status, world, policy=policy, slots=slots)
    if isinstance(step, _FLEETING):
        return (step,)
    if isinstance(step, ReleaseClaim) and show:
        return (show,)
    return tuple(found for found in (step, show) if found)


def _next(
    case: Case, claim: Claim, status: Status, world: World, *, policy: Policy, slots: Slots
) -> Action | None:
    task = claim.task
    # Before the heartbeat, which fails for as long as the forge is away.
    if stop := overdue(case, task, world, policy):
        return stop
    if claim.process != world.process or _heartbeat(case, world):
        return RenewClaim(case)
    if command := pending(case, task):
        return HearCommand(case, command, status)
    if status is Status.DONE and (said := last_words(case, task, policy)):
        return said
    if status in (Status.DONE, Status.CANCELLED):
        return wind_up(case, task, status)
    if wish := _wish(case, task, status):
        return wish
    if not task.running:
        if drop := case.wished(WishKind.DROP):
            return DropTask(case, drop)
        if case.parts is not None:
            return next_of_published(case, task, case.parts, policy, now=world.now)
        if publishing := next_of_talk(case, task):
            return publishing
    if case.workspace is None:
        return None if early(case, task) else PrepareWorkspace(case)
    if attempt := task.running:
        step = attend(case, task, attempt, world, policy=policy, slots=slots)
        return step or _answered(case, task)
    if case.strays:
        return RemoveRuns(case)
    if case.workspace.unpushed and not case.unpushable:
        return PublishWork(case)
    if case.stop_wished:
        return HoldTask(case)
    if answered := _answered(case, task):
        return answered
    if case.pull and case.pull.open and task.onto and _landed(case):
        return Retarget(case)
    if task.succeeded and case.workspace.has_work and case.pull is None and not task.competes:
        # What goes back to an agent at once is not ready for anybody else.
        again = errand_of(case, task, world, policy) is not None
        if policy.drafts or not again:
            return OpenPullRequest(case, draft=again)
    # One that is refused again and again keeps nothing else from being done.
    reply = _reply(case, task)
    if reply and case.issue.number not in world.stuck:
        return reply
    if status is Status.FAILED:
        reason = reason_of(case, task, world, policy)
        return AskForHelp(case, reason) if reason else None
    if status is not Status.CLAIMED:
        return _show_pull(case, task, status, policy) or reply
    return _begin(case, task, world, policy=policy, slots=slots)


def _landed(case: Case) -> bool:
    """Whether what the work is stacked upon is on the default branch by now, or never will be, as far as issues tell.

    Merged into a branch that nobody merges any more, it would be lost.
    """
    return all(one.stand in (Stand.SETTLED, Stand.DROPPED) for one in case.forerunners)


def _wish(case: Case, task: Task, status: Status) -> HearWish | None:
    """What a person at the terminal wants of the task as a whole, and can have now: a task asks one thing at a time."""
    # What the running attempt took up it may never get, when a crash came before its run.
    taken = task.taken if case.wishes and (case.run or not task.running) else frozenset()
    for wish in case.wishes:
        asked = wish.kind is WishKind.HELP and task.question and wish.text.startswith(task.question)
        if asked or wish.ref in taken:
            return HearWish(case, wish, over=True)
    if status is Status.IN_REVIEW and not task.running:
        # Kept, it would stop or redo what a review asks for much later.
        late = case.wished(WishKind.STOP) or case.wished(WishKind.RETRY)
        if late:
            return HearWish(case, late, over=True)
    # An attempt that has just ended may have asked something itself.
    asks = help_of(case, task) is not None or status is Status.FAILED or (case.run and not case.run.alive)
    help_ = None if asks else case.wished(WishKind.HELP)
    wanted = help_ or case.wished(WishKind.PICK) or (None if task.running else case.wished(WishKind.RETRY))
    return HearWish(case, wanted) if wanted else None


def _begin(case: Case, task: Task, world: World, *, policy: Policy, slots: Slots) -> Action | None:
    """The start of the next attempt, when it is time for it."""
    errand = errand_of(case, task, world, policy)
    if errand is None:
        return None
    said, last = errand.answer, task.last
    if said and STOP in said.choices:
        return HoldTask(case, said)
    pause = not_before(task, policy)
    waits = said is None and errand.cause is not Cause.PERSON and pause is not None
    # A clock that was set back since, or another machine's, must not make a pause of seconds one of hours.
    if waits and pause and last and last.ended_at and last.ended_at <= world.now < pause:
        return None
    if changed(case, task):
        return CheckApproval(case)
    return StartAttempt(case, errand) if slots.run() else None


def _answered(case: Case, task: Task) -> CloseHelp | None:
    """The end of a help issue whose answer was taken."""
    taken = case.help and case.help.open and case.help.round < task.round
    return CloseHelp(case) if taken else None


def _reply(case: Case, task: Task) -> ReplyInThread | None:
    """The next answer to a thread whose request the last attempt saw to."""
    last, pull = task.last, case.pull
    if last is None or last.cause is not Cause.REVIEW or last.outcome is not Outcome.SUCCEEDED:
        return None
    if pull is None or not pull.open:
        return None
    words = replies_in(last.replies)
    names = {ref: f"R{n}" for n, ref in enumerate(last.refs, start=1)}
    for one in asked(pull, ()):
        if one.thread is None or one.ref not in names:
            continue
        said = words.get(names[one.ref], "") or last.summary
        return ReplyInThread(case, one.thread.ref, one.remark.id, said, last.head)
    return None


def _show_pull(case: Case, task: Task, status: Status, policy: Policy) -> ShowPull | None:
    """The pull request as it should read; ready when nothing is left to be done."""
    pull = case.pull
    if pull is None or not pull.open or status not in (Status.IN_REVIEW, Status.NEEDS_HELP):
        return None
    # One that a person opened, or whose text they made their own, is theirs.
    if not pull.body.startswith(str(pull_marker(task))):
        return None
    body = pull_body(task, policy)
    draft = pull.draft and status is not Status.IN_REVIEW
    if pull.draft == draft and pull.body.replace("\r\n", "\n").strip() == body.strip():
        return None
    return ShowPull(case, body, draft)

"""The heart: what was seen becomes what to do. No step is remembered; the same world gives the same plan.

```
READY → CLAIMED → IN_PROGRESS → IN_REVIEW → DONE         any → CANCELLED (issue or pull request closed)
           ↑          ↓  ↑                               any → WAITING (a person stopped it)
        answer ← NEEDS_HELP ← FAILED                     FOREIGN (another poller holds it)
```
"""

from datetime import UTC, datetime, timedelta

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
from cdock.core.answers import answer, help_of
from cdock.core.attempts import not_before, outcome_of, spent
from cdock.core.cases import cases_of
from cdock.core.commands import pending
from cdock.core.events import Ending
from cdock.core.fingerprint import fingerprint
from cdock.core.model import Attempt, Claim, Issue, Outcome, Role, Run, RunState, Status, Task
from cdock.core.policy import Policy
from cdock.core.showing import passing, show_status
from cdock.core.world import Case, World


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
    if not case.issue.open or (pull and not pull.open):
        return Status.CANCELLED
    if claim is None or foreign(claim, world):
        return Status.READY
    if pull:
        return Status.IN_REVIEW
    task = claim.task
    if task.running:
        return Status.IN_PROGRESS
    if _held_back(case, task) and not case.issue.wears(policy.labels.ready):
        return Status.WAITING
    if answer(case, task):
        return Status.CLAIMED
    if help_of(case, task):
        return Status.NEEDS_HELP
    if spent(task, policy) or _asked(task):
        return Status.FAILED
    return Status.CLAIMED


def changed(case: Case, task: Task) -> bool:
    """Whether the issue asks for something else than what was approved. Older claims do not know."""
    return bool(task.approved) and task.approved != case.issue.digest


def _held_back(case: Case, task: Task) -> bool:
    """Whether a person has to say go before another attempt starts."""
    done = task.last is not None and task.last.outcome is Outcome.SUCCEEDED
    disputed = changed(case, task) and task.disputed == case.issue.digest
    return task.stopped or ((task.paused or disputed) and not done)


def _asked(task: Task) -> bool:
    last = task.last
    return last is not None and last.round == task.round and last.outcome is Outcome.NEEDS_HELP


class Slots:
    """Room for attempts on this machine, used up while one plan is made."""

    def __init__(self, *, claims: int, runs: int) -> None:
        self.claims = claims
        self.runs = runs

    def claim(self) -> bool:
        """Take room for one more claimed issue, if there is any."""
        if self.claims <= 0:
            return False
        self.claims -= 1
        return True

    def run(self) -> bool:
        """Take room for one more run, if there is any."""
        if self.runs <= 0:
            return False
        self.runs -= 1
        return True


NOBODY = 0
"""Stands for the number of an issue where none is known."""


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
    slots = Slots(claims=claims, runs=room - sum(run.alive for run in world.runs))
    steps = tuple(
        step
        for case, status in cases
        for step in (
            _urgent(case, world, policy)
            if case.issue.number in world.paused
            else steps_for(case, status, world, policy=policy, slots=slots)
        )
    )
    return (*steps, *_joining(steps, [case for case, _ in cases], world), *_unclaimed(world, policy))


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


def _unclaimed(world: World, policy: Policy) -> tuple[Action, ...]:
    """The end of what is left here of tasks that nobody holds.

    Their claim was released by a poller that took them over while this one was dead, or somebody deleted it. Agents
    that still work get their time box, because nobody else keeps it.
    """
    held = {claim.task.id for claim in world.claims}
    alive = sorted(
        (run for run in world.runs if run.alive and run.task not in held), key=lambda run: run.name
    )
    late = (run for run in alive if _passed(run.started_at, world.now, policy.time_box))
    there = {run.task for run in world.runs} | {workspace.task for workspace in world.workspaces}
    over = there - held - {run.task for run in alive} - world.left - world.lately
    if NOBODY in world.paused:
        over = set()
    return (
        *(StopRun(_nobodys(run.name, run), run.role, "nobody holds its task any more") for run in late),
        *(
            ForgetTask(_nobodys(str(task), *(run for run in world.runs if run.task == task)), task)
            for task in sorted(over)
        ),
    )


def _nobodys(name: str, *runs: Run) -> Case:
    """A case of which there is nothing on the forge."""
    made = datetime.min.replace(tzinfo=UTC)
    issue = Issue(NOBODY, id=0, title=name, body="", author="", url="", created_at=made, gone=True)
    return Case(issue=issue, strays=runs)


def _urgent(case: Case, world: World, policy: Policy) -> tuple[Action, ...]:
    """What cannot wait for the end of a pause."""
    if case.claim is None or foreign(case.claim, world):
        return ()
    stop = _overdue(case, case.claim.task, world, policy)
    return (stop,) if stop else _heartbeat(case, world)


def _overdue(case: Case, task: Task, world: World, policy: Policy) -> StopRun | None:
    """The end of a run that must not go on; it needs nobody but this machine."""
    if (attempt := task.running) is None:
        return None
    if case.run and case.run.alive:
        if case.stop_wished or task.stopped:
            return StopRun(case, Role.AGENT, "somebody asked for it")
        if world.now - attempt.started_at >= policy.time_box:
            return StopRun(case, Role.AGENT, "its time is up")
    if case.check and case.check.alive and _passed(case.check.started_at, world.now, policy.time_box):
        return StopRun(case, Role.CHECK, "its time is up")
    return None


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
        runs = case.strays + _runs(case)
        if alive := next((run for run in runs if run.alive), None):
            return (StopRun(case, alive.role, "another poller holds the issue"),)
        over = (runs or case.workspace) and claim and claim.task.id not in world.left
        return (LeaveTask(case),) if over else ()
    if claim is None or foreign(claim, world):
        # A stale claim on a settled issue is taken over too: somebody has to clear up after its holder.
        wanted = not world.only or case.issue.number in world.only
        wanted = wanted and (claim is not None or case.issue.number not in world.unapproved)
        return (TakeClaim(case),) if wanted and slots.claim() else ()
    show = None if passing(claim.task, status) else show_status(case, claim.task, status, policy)
    step = _next(case, claim, status, world, policy=policy, slots=slots)
    if isinstance(step, _FLEETING):
        return (step,)
    if isinstance(step, ReleaseClaim) and show:
        return (show,)
    return tuple(found for found in (step, show) if found)


def _runs(case: Case) -> tuple[Run, ...]:
    return tuple(run for run in (case.run, case.check) if run)


def _next(
    case: Case, claim: Claim, status: Status, world: World, *, policy: Policy, slots: Slots
) -> Action | None:
    task = claim.task
    # Before the heartbeat, which fails for as long as the forge is away.
    if stop := _overdue(case, task, world, policy):
        return stop
    if claim.process != world.process or _heartbeat(case, world):
        return RenewClaim(case)
    if command := pending(case, task):
        return HearCommand(case, command, status)
    if status in (Status.DONE, Status.CANCELLED):
        return _wind_up(case, task, status, world, policy)
    if case.workspace is None:
        return PrepareWorkspace(case)
    if attempt := task.running:
        return _attend(case, task, attempt, world, policy=policy, slots=slots) or _answered(case, task)
    if case.strays:
        return RemoveRuns(case)
    if case.workspace.unpushed and not case.unpushable:
        return PublishWork(case)
    if case.stop_wished and status is not Status.IN_REVIEW:
        return HoldTask(case)
    if answered := _answered(case, task):
        return answered
    if status is Status.FAILED:
        return AskForHelp(case)
    if status is not Status.CLAIMED:
        return None
    if task.last and task.last.outcome is Outcome.SUCCEEDED and case.workspace.has_work:
        return OpenPullRequest(case)
    said = answer(case, task)
    pause = not_before(task, policy)
    # A clock that was set back since, or another machine's, must not make a pause of seconds one of hours.
    if said is None and pause is not None and task.last and _lies_in(world.now, task.last.ended_at, pause):
        return None
    if changed(case, task):
        return CheckApproval(case)
    return StartAttempt(case, said) if slots.run() else None


def _answered(case: Case, task: Task) -> CloseHelp | None:
    """The end of a help issue whose answer was taken."""
    taken = case.help and case.help.open and case.help.round < task.round
    return CloseHelp(case) if taken else None


def _attend(
    case: Case, task: Task, attempt: Attempt, world: World, *, policy: Policy, slots: Slots
) -> Action | None:
    """The next step of an attempt that has no outcome yet."""
    run, workspace = case.run, case.workspace
    if run is None:
        return RecordOutcome(case, Outcome.LOST, "the run of this attempt is gone")
    if run.alive:
        if (
            workspace
            and workspace.unpushed
            and not case.unpushable
            and _due(world.pushed_at, world, policy.push_every)
        ):
            return PublishWork(case)
        harvested = case.harvest.at if case.harvest and case.harvest.run == run.name else None
        started = run.started_at is not None and world.now - run.started_at >= policy.harvest_every
        if _due(harvested, world, policy.harvest_every) and (harvested is not None or started):
            return HarvestWork(case)
        return None
    if not (case.harvest and case.harvest.run == run.name and case.harvest.final):
        return HarvestWork(case, final=True)
    if case.stop_wished or task.stopped:
        return RecordOutcome(case, Outcome.CANCELLED, "stopped by a person")
    refused = case.harvest.refused
    has_work = bool(workspace and workspace.has_work)
    ended = case.verdict is not None and case.verdict.kind == Ending.DONE
    asks = bool(run.signals.help or run.signals.handoff)
    if policy.acceptance and ended and has_work and not refused and not asks:
        check = case.check
        if check is None:
            return StartCheck(case) if slots.run() else None
        if check.state is RunState.CREATED:
            return StartCheck(case)  # a crash came between making and starting it; it has its room already
        if check.alive:
            return None
        late = _passed(check.started_at, check.finished_at or world.now, policy.time_box)
        if check.error and check.exit_code != 0 and not late:
            return RecordOutcome(case, Outcome.LOST, f"the acceptance commands were ended: {check.error}")
    outcome, error = outcome_of(
        attempt,
        run,
        now=world.now,
        policy=policy,
        verdict=case.verdict,
        has_work=has_work,
        refused=refused,
        checked=case.checked,
    )
    if case.unpushable and outcome is Outcome.SUCCEEDED:
        outcome, error = Outcome.FAILED, f"the commits could not be pushed: {case.unpushable}"
    print_ = fingerprint(error) if error and outcome not in _UNPRINTED else ""
    return RecordOutcome(case, outcome, error, print_)


_UNPRINTED = (Outcome.NEEDS_HELP, Outcome.HANDOFF, Outcome.LOST, Outcome.CANCELLED)


def _wind_up(case: Case, task: Task, status: Status, world: World, policy: Policy) -> Action | None:
    """Leave nothing behind, and lose nothing while doing so."""
    for run in _runs(case):
        if run.alive:
            return StopRun(case, run.role, "the issue is settled")
    if task.running:
        if case.run and not (case.harvest and case.harvest.run == case.run.name and case.harvest.final):
            # Without a worktree there is no place for the commits.
            return HarvestWork(case, final=True) if case.workspace else PrepareWorkspace(case)
        return RecordOutcome(case, Outcome.CANCELLED, "the issue was settled meanwhile")
    if case.strays:
        return RemoveRuns(case)
    if case.workspace and case.workspace.unpushed and status is Status.CANCELLED and not case.unpushable:
        return PublishWork(case)
    if status is Status.DONE and case.issue.open:
        return CloseIssue(case)
    if case.help and case.help.open:
        return CloseHelp(case)
    if case.workspace:
        return RemoveWorkspace(case)
    return ReleaseClaim(case)


def _lies_in(now: datetime, since: datetime | None, until: datetime) -> bool:
    return since is not None and since <= now < until


def _due(since: float | None, world: World, every: timedelta) -> bool:
    return since is None or world.elapsed - since >= every.total_seconds()


def _passed(since: datetime | None, now: datetime, span: timedelta) -> bool:
    return since is not None and now - since >= span

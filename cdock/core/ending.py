"""How a task ends: what is cleared up, in which order, and what becomes of what nobody holds any more."""

from datetime import UTC, datetime

from cdock.core.actions import (
    Action,
    CloseHelp,
    CloseIssue,
    ForgetTask,
    HarvestWork,
    PrepareWorkspace,
    PublishWork,
    RecordOutcome,
    ReleaseClaim,
    RemoveRuns,
    RemoveWorkspace,
    StopRun,
)
from cdock.core.issues import Issue
from cdock.core.policy import Policy
from cdock.core.runs import Run
from cdock.core.task import Outcome, Status, Task
from cdock.core.world import Case, World

NOBODY = 0
"""Stands for the number of an issue where none is known."""


def wind_up(case: Case, task: Task, status: Status) -> Action:
    """Leave nothing behind, and lose nothing while doing so."""
    for run in runs_of(case):
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


def runs_of(case: Case) -> tuple[Run, ...]:
    """The runs of the present attempt."""
    return tuple(run for run in (case.run, case.check) if run)


def unclaimed(world: World, policy: Policy) -> tuple[Action, ...]:
    """The end of what is left here of tasks that nobody holds, and of what was asked of them.

    Their claim was released by a poller that took them over while this one was dead, or somebody deleted it. Agents
    that still work get their time box, because nobody else keeps it.
    """
    held = {claim.task.id for claim in world.claims}
    alive = sorted(
        (run for run in world.runs if run.alive and run.task not in held), key=lambda run: run.name
    )
    late = (run for run in alive if run.started_at and world.now - run.started_at >= policy.time_box)
    there = {run.task for run in world.runs} | {workspace.task for workspace in world.workspaces}
    left = there - world.left | {wish.task for wish in world.wishes}
    over = left - held - {run.task for run in alive} - world.lately
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

"""Prepare tasks for a person who does the work: claimed, with a worktree each, and no agent started."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cdock.core.actions import (
    Action,
    CheckApproval,
    MarkWaiting,
    PrepareWorkspace,
    RenewClaim,
    ShowStatus,
    StartAttempt,
    TakeClaim,
)
from cdock.core.errors import ClaimLost, Refused, Unavailable
from cdock.core.plan import plan
from cdock.core.task import Task
from cdock.core.world import Case
from cdock.reconciler.claiming import branch_of, swap, task_of
from cdock.reconciler.house import House
from cdock.reconciler.mirror import write_mirror
from cdock.reconciler.observe import observe
from cdock.reconciler.perform import perform
from cdock.reconciler.starting import told

log = logging.getLogger("cdock")

ROUNDS = 20
"""Looks after which it goes on with what is ready; claiming and a worktree take three."""
_STEPS = (TakeClaim, RenewClaim, CheckApproval, MarkWaiting, PrepareWorkspace, ShowStatus)


@dataclass(frozen=True)
class Prepared:
    """A task that a person can begin: the path of its worktree, and what its agent would have been told."""

    task: Task
    path: str
    branch: str
    agent: str
    prompt: str


def prepare_tasks(house: House, wanted: Callable[[Case], bool]) -> tuple[Prepared, ...]:
    """Claim what is ready and `wanted`, as much as there is room for, make the worktrees, and pause the tasks.

    Paused they are left to the person until somebody says `/cdock resume`. The caller holds the lock of the clone's
    poller. What cannot be prepared is logged, and keeps nothing else.

    Raises:
        Unavailable: the forge is away.
    """
    failed: set[int] = set()
    before: list[str] = []
    for _ in range(ROUNDS):
        steps = [step for step in _look(house) if step.issue not in failed and wanted(step.case)]
        own = [step for step in steps if isinstance(step, _STEPS)]
        if not own or [str(step) for step in own] == before:
            break
        before = [str(step) for step in own]
        failed |= _do(house, own)
    ready = [
        s for s in _look(house) if isinstance(s, StartAttempt) and s.issue not in failed and wanted(s.case)
    ]
    found = [one for step in ready if (one := _handed_over(house, step))]
    numbers = {one.task.issue for one in found}
    _do(house, [step for step in _look(house) if isinstance(step, ShowStatus) and step.issue in numbers])
    write_mirror(house, observe(house))
    return tuple(found)


def _look(house: House) -> tuple[Action, ...]:
    return plan(observe(house), house.policy)


def _do(house: House, steps: Sequence[Action]) -> set[int]:
    """Do the steps; the issues of those that failed."""
    failed = set()
    for step in steps:
        try:
            perform(step, house)
        except (ClaimLost, Unavailable, Refused) as error:
            failed.add(step.issue)
            log.warning("step refused", extra={"issue": step.issue, "error": error.message, "fix": error.fix})
    return failed


def _handed_over(house: House, step: StartAttempt) -> Prepared | None:
    case, task = step.case, task_of(step.case)
    assert case.workspace is not None, "planned only with a workspace"  # noqa: S101 - for the type checker
    try:
        agent, prompt = told(house, case, step.errand)
        # The label that started work would be a person's word to go on, for agents.
        house.forge.ensure_labels(task.issue, add=(), remove={house.policy.labels.ready})
        claim = swap(house, case, replace(task, paused=True))
    except (ClaimLost, Unavailable, Refused) as error:
        log.warning("step refused", extra={"issue": step.issue, "error": error.message, "fix": error.fix})
        return None
    house.memory.stale = True
    return Prepared(claim.task, case.workspace.path, branch_of(house, task.id), agent, prompt)

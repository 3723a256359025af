"""Moving claims: taking, holding and releasing them is the only way work changes hands."""

import logging
from dataclasses import replace
from datetime import timedelta

from cdock.core import messages
from cdock.core.errors import Refused
from cdock.core.ids import TaskId, collides, slug_of, task_id
from cdock.core.model import Case, Claim, Task
from cdock.reconciler.house import House

log = logging.getLogger("cdock")


def about(task: Task, **more: object) -> dict[str, object]:
    """The fields of a log record about a task."""
    return {"task": str(task.id), "issue": task.issue, **more}


def seconds(span: timedelta) -> float:
    """The span in seconds."""
    return span.total_seconds()


def claim_of(case: Case) -> Claim:
    """The claim of a case whose step was planned for its holder."""
    assert case.claim is not None, "planned only for claimed issues"  # noqa: S101 - for the type checker
    return case.claim


def task_of(case: Case) -> Task:
    """The task inside the claim of a case."""
    return claim_of(case).task


def branch_of(house: House, task: TaskId) -> str:
    """The branch of a task."""
    return task.branch(house.policy.branch_prefix)


def swap(house: House, case: Case, task: Task) -> Claim:
    """Move our claim to hold `task`; the move is the heartbeat too."""
    before = claim_of(case)
    after = replace(
        before,
        holder=house.me,
        process=house.process,
        machine=house.machine,
        seq=before.seq + 1,
        ttl=seconds(house.policy.lease),
        task=task,
    )
    oid = house.claims.swap(before.issue, expected=before.oid, claim=after)
    return remember(house, replace(after, oid=oid))


def remember(house: House, claim: Claim) -> Claim:
    """Keep our claim as it is now, so that it need not be read again."""
    held = replace(claim, seen_at=house.clock.elapsed())
    house.memory.claims[claim.issue] = held
    return held


def take(house: House, case: Case) -> None:
    """Claim an issue: new, or over a stale or former claim."""
    if case.claim is not None:
        swap(house, case, task_of(case))
        log.info("took over an expired claim", extra=about(task_of(case)))
    else:
        require_go(house, case.issue.number)
        task = _new_task(house, case)
        claim = Claim(
            issue=case.issue.number,
            oid="",
            holder=house.me,
            process=house.process,
            machine=house.machine,
            seq=0,
            ttl=seconds(house.policy.lease),
            task=task,
        )
        oid = house.claims.swap(claim.issue, expected="", claim=claim)
        remember(house, replace(claim, oid=oid))
        log.info("claimed", extra=about(task, text=task.title))
    house.memory.stale = True


def require_go(house: House, issue: int) -> None:
    """Somebody who may write to the repository said go.

    Raises:
        Refused: the label was put on by somebody else, who may only read or sort issues.
    """
    label = house.policy.labels.ready
    if not house.forge.approval(issue, label=label).holds:
        raise Refused(
            f"issue #{issue} was not labelled {label!r} by somebody with write access",
            code="CD401",
            tried=f"who put the label {label!r} on the issue last",
            fix=f"let a person with write access remove the label {label!r} and add it again",
        )


def _new_task(house: House, case: Case) -> Task:
    shown = house.memory.snapshot
    labels = {label for issue in shown.issues for label in issue.labels} if shown else set()
    # Copied in one step, because others are claiming at the same time.
    labels |= {claim.task.id.label for claim in house.memory.claims.copy().values()}
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


def release(house: House, case: Case) -> None:
    """Delete our claim, and before it what a crash while clearing up may have left of the task's workspace."""
    claim = claim_of(case)
    house.runner.clear(claim.task.id)
    house.claims.swap(claim.issue, expected=claim.oid, claim=None)
    house.memory.claims.pop(claim.issue, None)
    house.memory.stale = True
    if case.stop_wished:
        house.wishes.granted(claim.task.id)
    log.info("released", extra=about(claim.task))

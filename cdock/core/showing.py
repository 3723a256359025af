"""What an issue should show of its task: one state label, the task's own, and the one comment."""

from cdock.core import bodies, messages
from cdock.core.actions import ShowStatus
from cdock.core.planning.parts import states_of
from cdock.core.planning.telling import plan_comment
from cdock.core.policy import Labels, Policy
from cdock.core.task import Status, Task
from cdock.core.waiting import Waiting
from cdock.core.world import Case


def passing(case: Case, task: Task, status: Status) -> bool:
    """Whether the status lasts only until the next step: a failure until its help issue, a success until its pull
    request is there and ready."""
    done = status is Status.CLAIMED and task.succeeded
    draft = status is Status.IN_REVIEW and case.pull is not None and case.pull.draft
    return done or draft or status is Status.FAILED


def state_label(status: Status, labels: Labels) -> str:
    """The label that shows a status; empty for those that show none."""
    return {
        Status.CLAIMED: labels.in_progress,
        Status.IN_PROGRESS: labels.in_progress,
        Status.NEEDS_HELP: labels.needs_help,
        Status.FAILED: labels.failed,
        Status.IN_REVIEW: labels.in_review,
        Status.DONE: labels.done,
        Status.WAITING: labels.waiting,
        Status.PLANNED: labels.in_progress,
    }.get(status, "")


def show_status(
    case: Case, task: Task, status: Status, policy: Policy, *, waiting: Waiting | None = None
) -> ShowStatus | None:
    """The update that brings labels and comment to `status`, or None when they are right."""
    if case.issue.gone:
        return None
    wanted = {label for label in (state_label(status, policy.labels), task.id.label) if label}
    add = frozenset(label for label in wanted if not case.issue.wears(label))
    # A person's "go on" that was not acted on yet.
    kept = wanted | ({policy.labels.ready} if task.stopped or task.paused or task.disputed else set())
    wrong = {label.casefold() for label in policy.labels.states} - {label.casefold() for label in kept}
    remove = frozenset(label for label in case.issue.labels if label.casefold() in wrong)
    if case.parts is not None:
        states = states_of(case.parts, policy)
        comment = plan_comment(task, case.parts, states, waiting=waiting)
    else:
        comment = bodies.status_comment(case, task, status, policy, waiting=waiting)
    marker = str(messages.status_marker(task))
    there = next((c.body for c in case.issue.comments if c.mine and c.body.startswith(marker)), None)
    same = there is not None and there.strip() == comment.strip()
    if same and not add and not remove:
        return None
    return ShowStatus(case, comment, add, remove)

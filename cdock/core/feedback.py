"""What comes back about an open pull request: reviews, failed checks, conflicts."""

from collections.abc import Collection
from dataclasses import dataclass

from cdock.core import quoting
from cdock.core.policy import Policy
from cdock.core.pulls import Check, CheckState, Opinion, PullRequest, Remark, Thread
from cdock.core.task import Outcome, Task
from cdock.core.world import Case, World


@dataclass(frozen=True)
class Asked:
    """One thing that people want changed: a thread, or the text of a review. `ref` tells one request from another."""

    ref: str
    remark: Remark
    thread: Thread | None = None


def handled(task: Task) -> frozenset[str]:
    """The refs that attempts have seen to."""
    return frozenset(ref for a in task.attempts if a.outcome is Outcome.SUCCEEDED for ref in a.refs)


def asked(pull: PullRequest, done: Collection[str]) -> tuple[Asked, ...]:
    """What people with write access ask for in reviews and that nobody has seen to, oldest first."""
    found = []
    for thread in pull.threads:
        # Whoever may not write can neither ask for something, nor talk away what was asked for.
        last = next((r for r in reversed(thread.remarks) if r.by_writer or r.mine), None)
        if last and not thread.resolved and not last.mine:
            found.append(Asked(f"remark-{last.id}", last, thread))
    for review in pull.reviews:
        remark = review.remark
        wanted = review.opinion is not Opinion.APPROVED and quoting.visible(remark.body)
        if wanted and remark.by_writer and not remark.mine:
            found.append(Asked(f"review-{remark.id}", remark))
    return tuple(sorted((a for a in found if a.ref not in done), key=lambda a: (a.remark.created_at, a.ref)))


def due(found: Collection[Asked], world: World, policy: Policy) -> bool:
    """Whether nobody has added to them for a while: people write one comment after another."""
    newest = max(a.remark.created_at for a in found)
    return not newest <= world.now < newest + policy.debounce


def failed(case: Case, done: Collection[str]) -> tuple[Check, ...]:
    """Checks that failed on what was pushed last, once all of them have ended."""
    pull, workspace = case.pull, case.workspace
    if pull is None or workspace is None or not pull.commit or pull.commit != workspace.pushed:
        return ()
    if any(check.state is CheckState.PENDING for check in pull.checks):
        return ()
    wrong = tuple(check for check in pull.checks if check.state is CheckState.FAILED)
    return wrong if any(check.ref not in done for check in wrong) else ()


def conflict(pull: PullRequest, done: Collection[str]) -> str:
    """The ref of a conflict with the branch that the pull request goes to; empty when there is none to see to."""
    ref = f"target-{pull.target or pull.commit}"
    return ref if pull.conflicting and ref not in done else ""

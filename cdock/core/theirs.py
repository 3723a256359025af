"""What others push to the branch of a task while an agent works: whose turn it is then, and how that is said.

Nothing of theirs is overwritten, and nothing of ours is lost. The next attempt starts with both merged, or merges them
itself; where commits of ours were taken out of the branch, it starts from what is left.
"""

from cdock.core.runs import Theirs
from cdock.core.task import Attempt, Outcome, Task
from cdock.core.world import Case


def unmerged(case: Case) -> Theirs | None:
    """What keeps accepted commits from being pushed, where others were first."""
    workspace = case.workspace
    if workspace is None or not workspace.has_work or workspace.head == workspace.pushed:
        return None
    return workspace.theirs


def overtaken(theirs: Theirs, attempt: Attempt) -> tuple[Outcome, str]:
    """How an attempt came out whose work is done but cannot be pushed; only what it was told of is its own failure."""
    short = theirs.commit[:12]
    if theirs.ref not in attempt.refs:
        return Outcome.OVERTAKEN, f"others pushed {short} to the branch meanwhile"
    if theirs.dropped:
        return (
            Outcome.FAILED,
            f"the branch has commits that were taken out of it on the forge, where it is at {short}",
        )
    return Outcome.FAILED, f"the branch does not contain {short}, which others pushed to it: merge it"


def pushed_past(case: Case, task: Task) -> str:
    """Two sentences for people; empty when nobody was first, or the running attempt sees to it."""
    theirs = unmerged(case)
    if theirs is None or (task.running and theirs.ref in task.running.refs):
        return ""
    short = theirs.commit[:12]
    if theirs.dropped:
        return (
            f"The branch was reset to {short} on the forge, without commits of this task. That stays so: the next "
            "attempt starts from there, and what was done is kept on this machine."
        )
    return (
        f"Others pushed {short} to the branch. Nothing of it is overwritten: the next attempt starts with both, and "
        "what was done here is pushed then."
    )

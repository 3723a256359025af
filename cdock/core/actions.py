"""The closed set of things cdock may do. A plan is a tuple of these; performing one may be repeated."""

from dataclasses import dataclass
from datetime import datetime

from cdock.core.asking import Reason
from cdock.core.commands import Command
from cdock.core.errands import Errand
from cdock.core.ids import TaskId
from cdock.core.issues import Answer
from cdock.core.planning.gates import Decision
from cdock.core.runs import Role
from cdock.core.speaking import Message
from cdock.core.task import Cap, Outcome, Status
from cdock.core.wishes import Wish
from cdock.core.world import Case, Part


@dataclass(frozen=True)
class _OnCase:
    case: Case

    @property
    def issue(self) -> int:
        """The number of the issue this is about."""
        return self.case.issue.number

    def __str__(self) -> str:
        return f"{type(self).__name__} #{self.issue}"


@dataclass(frozen=True)
class TakeClaim(_OnCase):
    """Claim the issue for this poller: new, over an expired lease, or from this poller's own former life.

    `beside` is another issue whose task changes the same files, with one of them.
    """

    beside: tuple[int, str] | None = None


@dataclass(frozen=True)
class RenewClaim(_OnCase):
    """The heartbeat: move our claim, so that others see it is held."""


@dataclass(frozen=True)
class PrepareWorkspace(_OnCase):
    """Make the worktree of the task, from its pushed branch where there is one."""


@dataclass(frozen=True)
class StartAttempt(_OnCase):
    """Write the next attempt into the claim, then start its agent: in a new conversation, or in the one that was."""

    errand: Errand


@dataclass(frozen=True)
class CheckApproval(_OnCase):
    """Find out who changed the text since it was approved; where they may not, ask for a new approval once."""


@dataclass(frozen=True)
class HearCommand(_OnCase):
    """Acknowledge a slash command, obey it, or say in one line why not."""

    command: Command
    status: Status


@dataclass(frozen=True)
class StopRun(_OnCase):
    """Ask a run to end, kill it after the grace. A limit that it reached goes on record first."""

    role: Role
    why: str
    cap: Cap | None = None


@dataclass(frozen=True)
class SpeakTo(_OnCase):
    """Tell a working agent what people say, or that it should hand over."""

    said: tuple[Message, ...]


@dataclass(frozen=True)
class TakeNote(_OnCase):
    """Remember what an agent says it has read."""

    said: tuple[Message, ...]


@dataclass(frozen=True)
class HearWish(_OnCase):
    """Do what a person at a terminal asked for, where that is a matter of the claim.

    `over`: there is nothing to be done about it, or it was done before a crash; it is only forgotten.
    """

    wish: Wish
    over: bool = False


@dataclass(frozen=True)
class LeaveTask(_OnCase):
    """Clear up after a task that another poller took over, keeping what only this machine has."""


@dataclass(frozen=True)
class DropTask(_OnCase):
    """Close the issue of a task as not planned, and say why; what was done for it is kept."""

    wish: Wish


@dataclass(frozen=True)
class PublishPlan(_OnCase):
    """Make issues of the proposal that a person approved."""


@dataclass(frozen=True)
class ReleaseTasks(_OnCase):
    """Put the label on tasks of a plan that lets them start."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class ShowGate(_OnCase):
    """Write the comment of a stage's gate."""

    stage: int
    text: str


@dataclass(frozen=True)
class HearDecision(_OnCase):
    """Do what a person chose at a gate: open the next stage, retry what failed, or drop it."""

    decision: Decision


@dataclass(frozen=True)
class Retarget(_OnCase):
    """Let a pull request go to the default branch, because what it was stacked upon is merged."""


@dataclass(frozen=True)
class ForgetTask(_OnCase):
    """Clear up what is left here of a task that nobody holds any more, keeping what only this machine has."""

    task: TaskId


@dataclass(frozen=True)
class HoldTask(_OnCase):
    """Remember that a person stopped the task while no attempt was running; with an answer, that it says so."""

    answer: Answer | None = None


@dataclass(frozen=True)
class HarvestWork(_OnCase):
    """Fetch the commits of the workspace's run into quarantine, check them, accept them."""

    final: bool = False


@dataclass(frozen=True)
class StartCheck(_OnCase):
    """Run the acceptance commands on what the agent left."""


@dataclass(frozen=True)
class RecordOutcome(_OnCase):
    """Write how the attempt ended into the claim. Only after this may its container go."""

    outcome: Outcome
    error: str = ""
    fingerprint: str = ""
    kind: str = ""
    cap: Cap | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class RemoveRuns(_OnCase):
    """Remove containers of attempts whose outcome is on record."""


@dataclass(frozen=True)
class PublishWork(_OnCase):
    """Push accepted commits; branch and claim move together, so that a robbed holder cannot write."""


@dataclass(frozen=True)
class OpenPullRequest(_OnCase):
    """Open the pull request of the branch, or adopt the one that is there."""

    draft: bool = False


@dataclass(frozen=True)
class ShowPull(_OnCase):
    """Bring the text of the pull request to what is true, and make it ready when the work is."""

    body: str
    draft: bool


@dataclass(frozen=True)
class ReplyInThread(_OnCase):
    """Answer a thread of a review whose request was seen to."""

    thread: str
    remark: int
    words: str
    commit: str


@dataclass(frozen=True)
class AskForHelp(_OnCase):
    """Open the help issue of this round."""

    reason: Reason


@dataclass(frozen=True)
class CloseHelp(_OnCase):
    """Close a help issue whose answer was taken."""


@dataclass(frozen=True)
class MarkWaiting(_OnCase):
    """Show on an issue that nobody claimed yet what it waits for."""


@dataclass(frozen=True)
class ShowStatus(_OnCase):
    """Bring labels and the one status comment to what is true."""

    comment: str
    add: frozenset[str]
    remove: frozenset[str]


@dataclass(frozen=True)
class CloseIssue(_OnCase):
    """Close an issue whose pull request was merged, where the forge did not."""


@dataclass(frozen=True)
class RemoveWorkspace(_OnCase):
    """Remove worktree and volume of a finished task. Refused while there is unpushed work."""


@dataclass(frozen=True)
class ReleaseClaim(_OnCase):
    """Delete our claim."""


Action = (
    TakeClaim
    | RenewClaim
    | PrepareWorkspace
    | StartAttempt
    | CheckApproval
    | HearCommand
    | StopRun
    | SpeakTo
    | TakeNote
    | HearWish
    | DropTask
    | PublishPlan
    | ReleaseTasks
    | ShowGate
    | HearDecision
    | Retarget
    | LeaveTask
    | ForgetTask
    | HoldTask
    | HarvestWork
    | StartCheck
    | RecordOutcome
    | RemoveRuns
    | PublishWork
    | OpenPullRequest
    | ShowPull
    | ReplyInThread
    | AskForHelp
    | CloseHelp
    | MarkWaiting
    | ShowStatus
    | CloseIssue
    | RemoveWorkspace
    | ReleaseClaim
)

"""What cdock remembers of its work on an issue, as frozen values. Times are aware and in UTC."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cdock.core.brief import NOTHING_SAID, Brief
from cdock.core.ids import TaskId
from cdock.core.policy import Policy


class Outcome(StrEnum):
    """How an attempt ended; at most one each."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    STALLED = "stalled"
    CAPPED = "capped"  # a budget ended it: a person is asked, nothing is charged
    NEEDS_HELP = "needs-help"
    HANDOFF = "handoff"
    FULL = "full"  # ended for its context, without the notes of a handoff
    LIMITED = "limited"  # the provider's usage limit: waits for its end, never charged
    YIELDED = "yielded"  # ended so that a person can take over, or gave control back: never charged
    OVERTAKEN = "overtaken"  # done, but others pushed to the branch meanwhile: never charged
    CANCELLED = "cancelled"
    LOST = "lost"  # ended by something outside the agent: never charged to it


class Cap(StrEnum):
    """A limit that ended an attempt from outside the agent."""

    TIME = "time"
    STALL = "stall"
    TURNS = "turns"
    COST = "cost"
    DAY = "day"  # the money of one day on this machine
    LINES = "lines"
    CONTEXT = "context"


class Cause(StrEnum):
    """Why an attempt was started."""

    TASK = "task"
    RETRY = "retry"
    ANSWER = "answer"
    MESSAGE = "message"  # words of a person that no running agent took
    HANDOFF = "handoff"  # from the notes of the one before
    NOTES = "notes"  # only to write those notes
    GO_ON = "go-on"  # what something outside interrupted goes on
    REVIEW = "review"
    CHECKS = "checks"
    CONFLICT = "conflict"
    OPINION = "opinion"  # a second agent looks at the work
    FINDINGS = "findings"  # what that one found
    PERSON = "person"  # a person has the terminal
    PLAN = "plan"  # to break a goal down, or to do so otherwise


class Status(StrEnum):
    """The computed state of a case. Nothing stores it."""

    READY = "ready"
    CLAIMED = "claimed"
    IN_PROGRESS = "in-progress"
    NEEDS_HELP = "needs-help"
    FAILED = "failed"
    IN_REVIEW = "in-review"
    DONE = "done"
    CANCELLED = "cancelled"
    WAITING = "waiting"  # for what `waiting.Waiting` says
    PLANNED = "planned"  # a plan whose tasks are issues
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Attempt:
    """One run of one agent. `session` is its conversation, `cost` is in US dollars, `tokens` counts in and out."""

    number: int
    round: int
    agent: str
    started_at: datetime
    session: str = ""
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    error: str = ""
    """What went wrong; for a question the question, for a handoff its notes."""
    fingerprint: str = ""
    summary: str = ""
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0
    answer: str = ""
    """The `ref` of the answer that opened this attempt's round."""
    cause: Cause = Cause.TASK
    refs: tuple[str, ...] = ()
    """What it was started to see to: the refs of reviews, checks and messages."""
    cap: Cap | None = None
    """The limit that ended it, or is about to."""
    until: datetime | None = None
    """When the provider's limit ends that ended it."""
    kind: str = ""
    """The coarse class of its error."""
    model: str = ""
    evidence: str = ""
    """The end of what the acceptance commands printed."""
    replies: str = ""
    """What it said to each thread of a review."""
    head: str = ""
    """The commit it left."""


@dataclass(frozen=True)
class Allowance:
    """What a person allowed a task beyond the policy: 0 leaves a limit as it is. `cost` is in US dollars."""

    attempts: int = 0
    """Attempts of one round."""
    turns: int = 0
    cost: float = 0.0
    lines: int = 0


@dataclass(frozen=True)
class Task:
    """Our work on one issue.

    `base` is the commit the branch starts from, `round` counts answers from 1, `stopped` says that a person stopped
    it and nobody has said go since, `paused` that no further attempt starts until a person resumes it.
    """

    id: TaskId
    uuid: UUID
    issue: int
    title: str
    created_at: datetime
    base: str = ""
    round: int = 1
    attempts: tuple[Attempt, ...] = ()
    stopped: bool = False
    paused: bool = False
    approved: str = ""
    """The `Issue.digest` that a person with write access approved; empty in claims of older versions."""
    disputed: str = ""
    """The `Issue.digest` that they were asked to approve again."""
    heard: int = 0
    """The id of the last command that was obeyed or refused: comments up to it are settled."""
    approved_at: datetime | None = None
    """When the approval was given, by the forge's clock; commands before it are not for this task."""
    allowed: Allowance = Allowance()
    agent: str = ""
    """The agent that a person asked for; empty means the configured one."""
    model: str = ""
    """The model that a person asked for; empty means the agent's configured one."""
    told: int = 0
    """The id of the last comment on the issue that an agent was told."""
    max_turns: int = 0
    """What the issue itself asks for as a limit of all its attempts; 0 when it does not."""
    max_cost: float = 0.0
    """The same in US dollars."""
    question: str = ""
    """What a person wants to be asked about the task, until the help issue of it is answered."""
    brief: Brief = NOTHING_SAID
    """What the sections of the approved text say."""
    plans: bool = False
    """Whether its attempts break a goal down into a plan, instead of working on it."""
    agreed: int = 0
    """The number of the attempt whose proposal a person approved; 0 while none is."""
    opened: int = 0
    """The last stage of its plan that a person let start."""
    released: tuple[int, ...] = ()
    """The issues of its plan that were let start."""
    picked: bool = False
    """Whether a person chose it among its batch."""
    onto: str = ""
    """The branch of an unmerged task that it was started from and is to be merged into; empty for the default one."""

    @property
    def last(self) -> Attempt | None:
        """The newest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def succeeded(self) -> bool:
        """Whether the newest attempt came out well, by its agent's and its acceptance commands' word."""
        last = self.last
        return last is not None and last.outcome is Outcome.SUCCEEDED

    @property
    def running(self) -> Attempt | None:
        """The attempt that has no outcome yet."""
        last = self.last
        return last if last and last.outcome is None else None

    @property
    def unread(self) -> frozenset[str]:
        """The refs of the newest attempts that were lost before they took a turn: nobody has read what was said."""
        refs: set[str] = set()
        for attempt in reversed(self.attempts):
            if attempt.outcome is not Outcome.LOST or attempt.turns:
                break
            refs.update(attempt.refs)
        return frozenset(refs)

    @property
    def competes(self) -> bool:
        """Whether it is one of several attempts at the same thing, and nobody has chosen it."""
        return bool(self.brief.batch) and not self.picked

    @property
    def taken(self) -> frozenset[str]:
        """The refs of all that attempts were told or asked for, and that need not be told again."""
        return frozenset(ref for attempt in self.attempts for ref in attempt.refs) - self.unread

    def acceptance(self, policy: Policy) -> tuple[str, ...]:
        """The commands that must exit 0: the configured ones, and those of its own issue."""
        return tuple(dict.fromkeys((*policy.acceptance, *self.brief.acceptance)))

    def with_attempt(self, attempt: Attempt) -> "Task":
        """The task with `attempt` added, or put in the place of the one with its number."""
        kept = tuple(a for a in self.attempts if a.number != attempt.number)
        return replace(self, attempts=(*kept, attempt), round=attempt.round)


@dataclass(frozen=True)
class Claim:
    """The ref that says who may work on an issue, with the task inside.

    `oid` is the commit the ref points to; `holder` is the poller (one per clone of the repository), `process` its
    present life. `seen_at` is our own monotonic reading when we first saw this `oid`: leases are judged by how long a
    claim did not move, never by another machine's clock.
    """

    issue: int
    oid: str
    holder: str
    process: str
    seq: int
    ttl: float
    task: Task
    seen_at: float = 0.0
    machine: str = ""


@dataclass(frozen=True)
class Move:
    """A claim to be moved from the commit `claim.oid`; where it names a `branch`, that goes to `commit` with it.

    `unfinished` is a commit with uncommitted work that is kept on the forge beside it, for whoever takes over.
    `rewritten` says that the commit need not follow what the branch has: it was rebased by us.
    """

    claim: Claim
    branch: str = ""
    commit: str = ""
    unfinished: str = ""
    rewritten: bool = False

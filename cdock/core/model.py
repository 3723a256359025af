"""What cdock sees and remembers, as frozen values. Times are aware and in UTC."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cdock.core.brief import NOTHING_SAID, Brief
from cdock.core.ids import TaskId
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest


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


class Role(StrEnum):
    """What a run is for."""

    AGENT = "agent"
    CHECK = "check"


class RunState(StrEnum):
    """Where a run is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True)
class Comment:
    """A comment on an issue. `by_writer`: its author may write to the repository; `mine`: we wrote it."""

    id: int
    author: str
    body: str
    created_at: datetime
    mine: bool = False
    by_writer: bool = False
    ticked_by: str = ""
    """Who changed its text last, for a comment of ours with boxes; empty when nobody did, or nobody tells."""
    ticked_by_writer: bool = False


@dataclass(frozen=True)
class Issue:
    """A request by a person. `number` is what people say; `id` is the forge's database id, never mixed up with it."""

    number: int
    id: int
    title: str
    body: str
    author: str
    url: str
    created_at: datetime
    open: bool = True
    labels: frozenset[str] = frozenset()
    comments: tuple[Comment, ...] = ()
    gone: bool = False
    """It was deleted, or moved to another repository: nothing more can be read of it or written on it."""
    updated_at: datetime | None = None
    """When it last changed, by the forge's clock."""
    blocked_by: int = 0
    """How many open issues it depends on, by the forge's own list of dependencies."""
    dropped: bool = False
    """Whether it was closed as not planned."""

    @property
    def digest(self) -> str:
        """Stands for what the issue asks for, its title and body, so that a change of them is noticed."""
        return hashlib.sha256(f"{self.title}\0{self.body}".encode(errors="replace")).hexdigest()[:16]

    def wears(self, label: str) -> bool:
        """Whether it has the label; the forge ignores case, and shows the spelling it knew first."""
        return label.casefold() in {worn.casefold() for worn in self.labels}


@dataclass(frozen=True)
class Approval:
    """Who said go for an issue, and for which text of it."""

    by: str = ""
    """Who put the label on last; empty when it is not on, or the account is gone."""
    granted: bool = False
    """Whether they may write to the repository, or are a bot that is trusted by name."""
    at: datetime | None = None
    """When somebody who may put it on last, by the forge's clock; it may have been taken off since."""
    digest: str = ""
    """The `Issue.digest` of the text at the time of asking."""
    edited_by: str = ""
    """Who changed the text after `at` without being allowed to write; empty when nobody did."""
    blind: bool = False
    """Whether the forge does not tell who changes a text, so that `edited_by` says nothing about it."""

    @property
    def holds(self) -> bool:
        """Whether somebody who may has approved the very text that is there."""
        return self.granted and not self.edited_by


@dataclass(frozen=True)
class Answer:
    """What a person said to a help issue. `ref` tells one answer from another."""

    text: str
    author: str
    ref: str
    choices: tuple[str, ...] = ()
    """The keys of the boxes they ticked; see `cdock.core.choices`."""


@dataclass(frozen=True)
class HelpIssue:
    """The issue cdock opened for one round of a task."""

    number: int
    url: str
    open: bool
    task: UUID
    round: int
    comments: tuple[Comment, ...] = ()
    closed_by: str = ""
    closed_by_writer: bool = False
    created_at: datetime | None = None
    ticked: tuple[str, ...] = ()
    """Keys of the boxes that are ticked in its text."""
    ticked_by: str = ""
    """Who changed its text last; empty when nobody did, or the forge does not tell."""
    ticked_by_writer: bool = False


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


@dataclass(frozen=True)
class Watch:
    """What is looked for on the forge: labels by name, issues by number, branches by name."""

    ready: str
    help: str
    held: frozenset[int] = frozenset()
    """Issues that are wanted whatever their state and labels, with their comments."""
    asking: frozenset[int] = frozenset()
    """Those of them whose help issues are wanted."""
    branches: frozenset[str] = frozenset()
    """Branches whose pull requests are wanted, the open ones with all that is said about them."""
    plan: str = ""
    """The label of plans, whose open issues are wanted like the ready ones; empty for none."""


@dataclass(frozen=True)
class Snapshot:
    """What a forge shows of a `Watch`, each kind sorted by number."""

    issues: tuple[Issue, ...] = ()
    helps: tuple[HelpIssue, ...] = ()
    pulls: tuple[PullRequest, ...] = ()


THEIRS = "theirs-"
"""What the `ref` of something that others pushed begins with."""


@dataclass(frozen=True)
class Theirs:
    """The commit that a task's branch has on the forge, and that was pushed there past what we have."""

    commit: str
    dropped: bool = False
    """Whether commits that were pushed before are not in it: somebody took them out of the branch."""
    clash: bool = False
    """Whether it cannot be merged with ours without a conflict."""

    @property
    def ref(self) -> str:
        """Its name among what an attempt was started to see to."""
        return f"{THEIRS}{self.commit}"


@dataclass(frozen=True)
class Workspace:
    """The place of a task on this machine: a git worktree of accepted commits. `head` is the newest of them."""

    task: TaskId
    path: str
    base: str
    head: str
    pushed: str = ""
    """The commit the branch has on the forge, as last seen; empty when there is none."""
    unfinished: str = ""
    """A commit with what the agent had not committed when it was last looked at; empty when there is nothing."""
    kept: str = ""
    """The one of these that the forge has, as last seen."""
    lines: int = 0
    """Lines that the work added or removed since `base`; 0 where they were not counted."""
    paths: frozenset[str] = frozenset()
    """Files that the work touches, uncommitted ones included, as far as it was looked at."""
    theirs: Theirs | None = None
    """What others pushed to the branch since, as last seen; None once the work contains it."""

    @property
    def has_work(self) -> bool:
        """Whether there is a commit beyond the base."""
        return self.head != self.base

    @property
    def unpushed(self) -> bool:
        """Whether the forge lacks accepted commits, and nothing is there that they would overwrite."""
        return self.has_work and self.head != self.pushed and self.theirs is None


@dataclass(frozen=True)
class Signals:
    """The files an agent leaves for us; empty when absent."""

    help: str = ""
    handoff: str = ""
    replies: str = ""
    """What it says to each thread of a review."""


@dataclass(frozen=True)
class Run:
    """A container, or a plain process, as the runner sees it."""

    name: str
    task: TaskId
    attempt: int
    role: Role
    state: RunState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    oom: bool = False
    error: str = ""
    signals: Signals = field(default_factory=Signals)

    @property
    def alive(self) -> bool:
        """Whether the runner says it runs, or is about to."""
        return self.state is not RunState.EXITED


@dataclass(frozen=True)
class Harvest:
    """When commits of a run were last fetched (our monotonic clock), and whether the run had ended by then."""

    run: str
    at: float
    final: bool
    refused: str = ""
    """Why the fetched commits were not accepted; empty when they were."""
    lines: int = 0
    """See `Workspace.lines`."""


@dataclass(frozen=True)
class Verdict:
    """What the agent's own output says about its end; `kind` is a word of `cdock.core.events.Ending`.

    `cap` is the limit that the program itself kept to, `until` when the provider's limit ends, as far as it said so.
    """

    kind: str
    text: str = ""
    session: str = ""
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0
    cap: Cap | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """What a run has done so far, by its own output; `moved_at` is our monotonic reading when it last did anything."""

    moved_at: float
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0
    context: int = 0
    """Tokens of the conversation now held by the model."""
    window: int = 0
    """Tokens the model can hold; 0 when unknown."""
    heard: frozenset[str] = frozenset()
    """The uids of messages that the agent says it has read."""
    live: bool = False
    """Whether the agent can be spoken to while it works."""

    @property
    def full(self) -> float:
        """The share of the model's window that is used up, 0 when unknown."""
        return self.context / self.window if self.window else 0.0


@dataclass(frozen=True)
class CheckResult:
    """What the acceptance commands said: the exit code of the whole run and the end of its output."""

    exit_code: int
    tail: str

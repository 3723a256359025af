"""All the ports in one place, and the little this process remembers between two looks."""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cdock.core.choices import Choice
from cdock.core.events import Reading
from cdock.core.explaining import Explanation
from cdock.core.ids import TaskId
from cdock.core.issues import Snapshot
from cdock.core.planning.drafts import Draft
from cdock.core.planning.standing import Standing
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.core.runs import Harvest, Progress
from cdock.core.secrets import redacted
from cdock.core.task import Cap, Claim, Status, Task
from cdock.ports import (
    Agent,
    Board,
    Claims,
    Clock,
    Forge,
    Ids,
    Ledger,
    Locks,
    Logs,
    Mirror,
    Outbox,
    Plans,
    Prompts,
    Runner,
    Wishes,
    Workspaces,
)

GIVE_UP = 3
"""Failures in a row after which an issue is stuck: `--once` does not wait for it, and others may go before it."""
PLACE: ContextVar[str] = ContextVar("PLACE", default="")
"""The `House.name` that the present step is about, for whoever prints the log."""


@dataclass(frozen=True)
class Pause:
    """No step of this issue before `until` (monotonic), after `failures` in a row, the last one of a `step`.

    The heartbeat goes on meanwhile, unless it is what failed. `quota_until` says that it is the forge's quota that is
    waited for, and until when (wall clock).
    """

    until: float
    failures: int
    step: str
    quota_until: datetime | None = None


@dataclass(frozen=True)
class About:
    """All that is told of a task in the mirror and in its worktree's note."""

    task: Task
    status: Status
    labels: frozenset[str]
    pull: PullRequest | None
    worktree: str
    """Its path; empty when there is none."""
    help: int | None
    url: str
    said: str
    explained: Explanation | None = None
    """None for a task that another poller has."""
    progress: Progress | None = None
    run: str = ""
    """The name of the living run."""
    question: str = ""
    choices: tuple[Choice, ...] = ()
    quota_until: datetime | None = None
    away: bool = False
    """Whether the next step waits for a forge that does not answer."""
    above: tuple[TaskId, ...] = ()
    """The tasks that were started from this one's branch, by name."""
    parts: tuple[Standing, ...] = ()
    """How the tasks of a published plan stand."""


@dataclass(frozen=True)
class Told:
    """How it was told: `record` in the note, once it is `noted`, and `entry` in the mirror."""

    about: About
    record: Mapping[str, object]
    entry: Mapping[str, object]
    noted: bool = False


@dataclass
class Memory:
    """Lost with the process without harm: each part is read or made again."""

    snapshot: Snapshot | None = None
    """What the forge showed when it was last looked at."""
    read_at: float = 0.0
    stale: bool = True
    """Whether a write of ours changed what the forge shows."""
    doubt: bool = True
    """Whether the forge and its claims have to be read again at the next look: something was not as expected."""
    knocks: int = 0
    """Knocks that were heard."""
    knocked_at: float = float("-inf")
    """When the forge was last read because of one."""
    busy: int = 0
    """Attempts under way or about to start, for those who share this machine with us."""
    quiet: int = 0
    """Reads of the forge in a row that showed nothing new."""
    claims: dict[int, Claim] = field(default_factory=dict)
    listed_at: float = 0.0
    """When the claims were last listed."""
    closed: dict[int, float] = field(default_factory=dict)
    """Issues that are seen closed while their pull request is seen open, and since when."""
    unlisted: bool = False
    """Whether they were in doubt when they could not be listed."""
    unheld: dict[TaskId, float] = field(default_factory=dict)
    """Tasks of which something is here although no claim names them, and which list of claims showed that first."""
    seen_at: datetime | None = None
    """When the forge last answered."""
    told_seen_at: datetime | None = None
    """The same, as the mirror says it."""
    away_since: datetime | None = None
    """Since when it has not."""
    away_why: str = ""
    limited: Pause | None = None
    """Until when nothing that can wait is written, because of the forge's quota."""
    unpushable: dict[int, str] = field(default_factory=dict)
    """Issues whose commits the forge refused for good, with the reason."""
    left: set[TaskId] = field(default_factory=set)
    """Tasks that are not ours any more, and of which all is cleared up here that may be."""
    unapproved: dict[int, datetime | None] = field(default_factory=dict)
    """Issues labelled by somebody who may not, as they last changed when that was found out."""
    absent: dict[int, float] = field(default_factory=dict)
    """Claimed issues that the forge does not show, and since when."""
    gone: frozenset[int] = frozenset()
    """Those of them that were absent long enough, when the forge was last read, to count as deleted."""
    readings: dict[str, tuple[int, Reading]] = field(default_factory=dict)
    """What agents said, by run, with the number of bytes it was made from."""
    copied: dict[str, tuple[float, float]] = field(default_factory=dict)
    """When the output of a run was last asked for, and how many seconds that took."""
    harvests: dict[TaskId, Harvest] = field(default_factory=dict)
    heads: dict[TaskId, tuple[str, str]] = field(default_factory=dict)
    """The commit, and the uncommitted work, that the last harvest of a task brought."""
    moved: dict[str, tuple[tuple[object, ...], float]] = field(default_factory=dict)
    """What was last seen of each living run, and since when it has been like that (monotonic)."""
    sent: dict[tuple[str, str], float] = field(default_factory=dict)
    """When messages were sent, by run name and uid (monotonic)."""
    set_down: dict[str, float] = field(default_factory=dict)
    """When the uncommitted work of a run was last set down (monotonic)."""
    capped: dict[str, Cap] = field(default_factory=dict)
    """Limits that runs reached while the forge could not be told."""
    unread: dict[str, int] = field(default_factory=dict)
    """How often in a row the commits of an ended run could not be fetched."""
    pushed_at: float | None = None
    pauses: dict[int, Pause] = field(default_factory=dict)
    shown: dict[int, tuple[str, float]] = field(default_factory=dict)
    """What was last shown on an issue and when, so that a reader that lags behind is not written to again."""
    told: dict[int, Told] = field(default_factory=dict)
    """What the last tick told of each issue, so that a quiet one need not put it into words again."""
    pressing: dict[UUID, tuple[Draft, Iterator[Draft]]] = field(default_factory=dict)
    """Plans that are being published, as they are kept now, with the steps that are left."""
    unpressed: dict[UUID, Pause] = field(default_factory=dict)
    """Plans of which a step of publishing failed lately."""
    warned: set[str] = field(default_factory=set)
    """Warnings already given: one that stays true is not repeated at every look."""


@dataclass
class House:
    """Everything the loop works with."""

    forge: Forge
    claims: Claims
    workspaces: Workspaces
    runner: Runner
    agents: Mapping[str, Agent]
    logs: Logs
    mirror: Mirror
    outbox: Outbox
    plans: Plans
    locks: Locks
    wishes: Wishes
    ledger: Ledger
    prompts: Prompts
    clock: Clock
    ids: Ids
    policy: Policy
    me: str
    """This poller: stable over restarts, one per clone of the repository."""
    process: str
    """The present life of this poller."""
    machine: str = ""
    """The machine's name, for people."""
    poll_every: float = 15.0
    """Seconds between two reads of the forge."""
    poll_idle: float = 120.0
    """Seconds to which that grows while nothing changes."""
    look_every: float = 1.0
    """Seconds between two looks at this machine while something runs."""
    workers: int = 4
    """Cases whose steps are performed side by side."""
    only: frozenset[int] = frozenset()
    board: Board | None = None
    """Where plans are shown beside; None for nowhere."""
    name: str = ""
    """What the repository is called in the log, where one process works on several."""
    neighbours: tuple["House", ...] = ()
    """The houses of other repositories that share this process and its room for attempts."""
    pages: str = ""
    """The address of the repository's pages, without a slash at its end; empty when there are none."""
    agent_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The configuration tables of the agents, by name."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What must not be shown to anybody, wherever it turns up."""
    memory: Memory = field(default_factory=Memory)

    def fit(self, text: str) -> str:
        """Words of an agent or a program, fit to leave this process: without secrets. To be called before cutting."""
        return redacted(text, secrets=self.secrets)

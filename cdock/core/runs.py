"""What takes place on this machine, and what came of it, as frozen values. Times are aware and in UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cdock.core.ids import TaskId
from cdock.core.task import Cap


class Role(StrEnum):
    """What a run is for."""

    AGENT = "agent"
    CHECK = "check"


class RunState(StrEnum):
    """Where a run is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


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

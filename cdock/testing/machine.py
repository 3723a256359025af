"""One machine: worktrees and runs, and what agents do there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cdock.core.events import Launch, RunSpec
from cdock.core.ids import TaskId
from cdock.core.runs import Run, RunState, Signals, Workspace
from cdock.testing.claims import Sight
from cdock.testing.hub import MemoryHub


@dataclass
class MemoryRun:
    """A run with what an agent did in it."""

    run: Run
    launch: Launch | None = None
    printed: bytes = b""

    @property
    def listens(self) -> bool:
        """Whether its standard input is open for messages."""
        until = self.launch.until if self.launch else ""
        return bool(until) and until.encode() not in self.printed


@dataclass
class MemoryMachine:
    """One machine: worktrees and runs. Its verbs are what agents do, and what breaks."""

    hub: MemoryHub
    trees: dict[TaskId, Workspace] = field(default_factory=dict)
    sight: Sight = field(default_factory=Sight)
    heads: dict[TaskId, str] = field(default_factory=dict)
    """Where agents stand in their own repositories."""
    runs: dict[str, MemoryRun] = field(default_factory=dict)
    signals: dict[TaskId, Signals] = field(default_factory=dict)
    notes: dict[TaskId, Mapping[str, object]] = field(default_factory=dict)
    started: list[RunSpec] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Commits of tasks that are gone, which nobody else has."""
    aside: list[str] = field(default_factory=list)
    """Accepted commits that others took the place of."""
    drafts: dict[TaskId, str] = field(default_factory=dict)
    """What agents have not committed."""
    unfinished: dict[TaskId, str] = field(default_factory=dict)
    """The same, as it was set down."""
    lines: dict[TaskId, int] = field(default_factory=dict)
    """How many lines the work of a task changes, where that is not one for each commit."""
    said: dict[str, dict[str, str]] = field(default_factory=dict)
    """The messages that runs were sent, by uid."""
    set_down: list[str] = field(default_factory=list)
    """Names of runs whose uncommitted work was set down, in order."""
    unreadable: bool = False
    """Whether agents left repositories that cannot be fetched from."""
    deaf: set[str] = field(default_factory=set)
    """Names of runs that do not listen when they are asked to end."""

    def commit(self, task: TaskId) -> str:
        """The agent commits in its workspace."""
        self.drafts.pop(task, None)
        self.heads[task] = self.hub.commit(self.heads[task])
        return self.heads[task]

    def edit(self, task: TaskId) -> str:
        """The agent changes files and does not commit them; the commit that would hold them."""
        self.drafts[task] = self.hub.commit(self.heads[task])
        return self.drafts[task]

    def snapshot(self, task: TaskId) -> None:
        """What the agent has not committed is set down."""
        self.unfinished[task] = self.drafts.get(task, "")

    def print(self, name: str, text: str) -> None:
        """The run prints."""
        self.runs[name].printed += text.encode()

    def exit(self, name: str, code: int = 0, *, said: str = "", asks: str = "", error: str = "") -> None:
        """The run ends."""
        if said:
            self.print(name, f"{said}\n")
        found = self.runs[name]
        self.snapshot(found.run.task)
        if asks:
            self.signals[found.run.task] = Signals(help=asks)
        found.run = replace(
            found.run,
            state=RunState.EXITED,
            exit_code=code,
            finished_at=self.hub.clock.now(),
            error=error,
        )

    def handover(self, name: str, notes: str) -> None:
        """The run ends with notes for the next one."""
        self.signals[self.runs[name].run.task] = Signals(handoff=notes)
        self.exit(name)

    def reply(self, task: TaskId, text: str) -> None:
        """The agent writes down what it says to a review."""
        self.signals[task] = Signals(replies=text)

    def merge(self, task: TaskId, other: str) -> None:
        """The agent merges another commit into its work."""
        self.heads[task] = self.hub.merged(self.heads[task], other)

    def lose(self, name: str) -> None:
        """The run is gone without a trace."""
        self.runs.pop(name, None)

    @property
    def alive(self) -> tuple[str, ...]:
        """Names of runs that have not ended."""
        return tuple(name for name, found in self.runs.items() if found.run.alive)

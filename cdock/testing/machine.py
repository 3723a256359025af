"""One machine: worktrees and runs, and what agents do there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote, RunSpec
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.model import Role, Run, RunState, Signals, Task, Workspace
from cdock.testing.clock import Faults
from cdock.testing.hub import MemoryHub


@dataclass
class MemoryRun:
    """A run with what an agent did in it."""

    run: Run
    printed: bytes = b""


@dataclass
class MemoryMachine:
    """One machine: worktrees and runs. Its verbs are what agents do, and what breaks."""

    hub: MemoryHub
    trees: dict[TaskId, Workspace] = field(default_factory=dict)
    heads: dict[TaskId, str] = field(default_factory=dict)
    runs: dict[str, MemoryRun] = field(default_factory=dict)
    signals: dict[TaskId, Signals] = field(default_factory=dict)
    notes: dict[TaskId, Mapping[str, object]] = field(default_factory=dict)
    started: list[RunSpec] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Commits of tasks that are gone, which nobody else has."""
    unfinished: dict[TaskId, str] = field(default_factory=dict)
    """What agents have not committed, as it was set down."""
    lines: dict[TaskId, int] = field(default_factory=dict)
    """How many lines the work of a task changes."""
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
        self.heads[task] = self.hub.commit(self.heads[task])
        return self.heads[task]

    def print(self, name: str, text: str) -> None:
        """The run prints."""
        self.runs[name].printed += text.encode()

    def exit(self, name: str, code: int = 0, *, said: str = "", asks: str = "", error: str = "") -> None:
        """The run ends."""
        if said:
            self.print(name, f"{said}\n")
        found = self.runs[name]
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
        """The agent merges another commit into its work: history is a line here, so its work is done again on top."""
        self.heads[task] = self.hub.merged(self.heads[task], other)

    def lose(self, name: str) -> None:
        """The run is gone without a trace."""
        self.runs.pop(name, None)

    @property
    def alive(self) -> tuple[str, ...]:
        """Names of runs that have not ended."""
        return tuple(name for name, found in self.runs.items() if found.run.alive)


@dataclass
class MemoryWorkspaces:
    """See `Workspaces`."""

    machine: MemoryMachine
    faults: Faults = field(default_factory=Faults)

    @property
    def objects(self) -> str:
        """See `Workspaces`."""
        return "memory://objects"

    def list(self) -> tuple[Workspace, ...]:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        branches = self.machine.hub.branches
        return tuple(
            replace(tree, pushed=self._seen(tree, branches.get(_branch_of(tree.task, branches), "")))
            for tree in self.machine.trees.values()
        )

    def _seen(self, tree: Workspace, there: str) -> str:
        """What is known of the branch without asking: not what others pushed on top of ours."""
        ahead = bool(there) and there != tree.head and self.machine.hub.contains(there, tree.head)
        return tree.head if ahead else there

    def ensure(self, task: Task, *, branch: str) -> Workspace:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        if task.id not in self.machine.trees:
            branches = self.machine.hub.branches
            base = task.base or branches["main"]
            self.machine.trees[task.id] = Workspace(
                task=task.id,
                path=f"memory://worktrees/{task.id.name}",
                base=base,
                head=branches.get(branch, base),
                pushed=branches.get(branch, ""),
            )
        tree, there = self.machine.trees[task.id], self.machine.hub.branches.get(branch, "")
        if there and self.machine.hub.contains(there, tree.head):
            self.machine.trees[task.id] = replace(tree, head=there, pushed=there)
        self.faults.after()
        return self.machine.trees[task.id]

    def harvest(
        self, task: TaskId, *, closes: int, branch: str, remote: Remote, rewritten: bool = False
    ) -> Workspace:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        if self.machine.unreadable:
            raise Unavailable("the run's repository cannot be read", fix="look at the workspace")
        tree = self.machine.trees[task]
        head = self.machine.heads.get(task, tree.head)
        if not self.machine.hub.contains(head, tree.base):
            raise Refused("the branch does not contain its base", fix="look at the branch")
        unfinished = self.machine.unfinished.get(task, "")
        lines = self.machine.lines.get(task, 0)
        self.machine.trees[task] = replace(tree, head=head, unfinished=unfinished, lines=lines)
        self.faults.after()
        return self.machine.trees[task]

    def target(self) -> str:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        return self.machine.hub.branches["main"]

    def diff(self, task: TaskId) -> str:
        """See `Workspaces`."""
        tree = self.machine.trees[task]
        return f"{tree.base}..{tree.head}\n"

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """See `Workspaces`."""
        self.machine.notes[task] = record

    def remove(self, task: TaskId, *, branch: str, keep: bool = False) -> None:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        tree = self.machine.trees.get(task)
        pushed = self.machine.hub.branches.get(branch, "")
        if tree and tree.has_work and not self._is_published(tree.head, pushed):
            if not keep:
                raise Refused(f"{tree.path} has unpushed commits", fix="push them")
            self.machine.kept.append(tree.head)
        self.machine.trees.pop(task, None)
        self.machine.notes.pop(task, None)
        self.faults.after()

    def _is_published(self, head: str, pushed: str) -> bool:
        hub = self.machine.hub
        return bool(pushed and hub.contains(pushed, head)) or hub.contains(hub.branches["main"], head)


def _branch_of(task: TaskId, branches: Mapping[str, str]) -> str:
    return next((name for name in branches if name.endswith(task.name)), "")


@dataclass
class MemoryRunner:
    """See `Runner`."""

    machine: MemoryMachine
    faults: Faults = field(default_factory=Faults)
    refuse: str = ""
    """When not empty, nothing starts and this is why."""

    @property
    def isolation(self) -> str:
        """See `Runner`."""
        return "in memory: nothing runs"

    def list(self) -> tuple[Run, ...]:
        """See `Runner`."""
        self.faults.before("runner")
        return tuple(
            replace(found.run, signals=self.machine.signals.get(found.run.task, Signals()))
            if found.run.state is RunState.EXITED
            else found.run
            for found in self.machine.runs.values()
        )

    def start(self, spec: RunSpec) -> Run:
        """See `Runner`."""
        self.faults.before("runner")
        if self.refuse:
            raise Refused(self.refuse, fix="build the image")
        if spec.name not in self.machine.runs:
            task = parse_task_id(spec.task)
            assert task is not None, "a run is named after a task"  # noqa: S101
            self.machine.heads.setdefault(task, spec.base)
            self.machine.started.append(spec)
            self.machine.runs[spec.name] = MemoryRun(
                Run(
                    name=spec.name,
                    task=task,
                    attempt=spec.attempt,
                    role=Role(spec.role),
                    state=RunState.RUNNING,
                    started_at=self.machine.hub.clock.now(),
                )
            )
        self.faults.after()
        return self.machine.runs[spec.name].run

    def stop(self, name: str, *, grace: float) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        if name in self.machine.alive:
            self.machine.exit(name, 137 if name in self.machine.deaf else 143)
        self.faults.after()

    def remove(self, name: str) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        if name in self.machine.alive:
            raise Refused(f"{name} is still alive", fix="stop it first")
        self.machine.runs.pop(name, None)
        self.faults.after()

    def output(self, name: str, *, offset: int) -> bytes:
        """See `Runner`."""
        return self.machine.runs[name].printed[offset:] if name in self.machine.runs else b""

    def send(self, name: str, *, uid: str, line: str) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        if name in self.machine.alive:
            self.machine.said.setdefault(name, {}).setdefault(uid, line)
        self.faults.after()

    def snapshot(self, name: str) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        if name in self.machine.runs:
            self.machine.set_down.append(name)
        self.faults.after()

    def terminal(self, name: str) -> tuple[str, ...]:
        """See `Runner`."""
        if name not in self.machine.alive:
            raise Refused(f"{name} is not alive", fix="look at `cdock attach`")
        return ("terminal", name)

    def shell(self, task: TaskId) -> tuple[str, ...]:
        """See `Runner`."""
        return ("shell", str(task))

    def remote(self, task: TaskId) -> Remote:
        """See `Runner`."""
        return Remote(upload_pack="memory", path=str(task))

    def clear(self, task: TaskId) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        own = [name for name, found in self.machine.runs.items() if found.run.task == task]
        if in_use := set(own) & set(self.machine.alive):
            raise Refused(f"the workspace of {task} is in use by {min(in_use)}", fix="stop it first")
        for name in own:
            del self.machine.runs[name]
        self.machine.heads.pop(task, None)
        self.machine.signals.pop(task, None)
        self.faults.after()

    def forget_signals(self, task: TaskId) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        self.machine.signals.pop(task, None)

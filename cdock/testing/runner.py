"""The door to the runs of one machine of memory."""

from dataclasses import dataclass, field, replace

from cdock.core.errors import Refused
from cdock.core.events import Remote, RunSpec
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.model import Role, Run, RunState, Signals
from cdock.testing.clock import Faults
from cdock.testing.machine import MemoryMachine, MemoryRun


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
            self._lay_out(task, spec)
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

    def _lay_out(self, task: TaskId, spec: RunSpec) -> None:
        """The agent's own repository: new, or with what came to its branch since."""
        machine = self.machine
        if task not in machine.heads and spec.unfinished:
            machine.drafts[task] = machine.unfinished[task] = spec.unfinished
        if task not in machine.heads or machine.hub.contains(spec.base, machine.heads[task]):
            machine.heads[task] = spec.base

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
            self.machine.snapshot(self.machine.runs[name].run.task)
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
        for kept in (self.machine.signals, self.machine.drafts, self.machine.unfinished):
            kept.pop(task, None)
        self.faults.after()

    def forget_signals(self, task: TaskId) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        self.machine.signals.pop(task, None)

"""The door to the runs of one machine of memory."""

import re
from dataclasses import dataclass, field, replace

from cdock.core.errors import Refused
from cdock.core.events import Remote, RunSpec
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.runs import Role, Run, RunState, Signals
from cdock.testing.clock import Faults
from cdock.testing.machine import MemoryMachine, MemoryRun

_UID = re.compile(r"[A-Za-z0-9-]{1,64}")


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
                ),
                spec.launch,
            )
        self.faults.after()
        return self.machine.runs[spec.name].run

    def _lay_out(self, task: TaskId, spec: RunSpec) -> None:
        """The agent's own repository: new, or with what came to its branch since."""
        machine = self.machine
        if task not in machine.heads and spec.unfinished:
            machine.drafts[task] = machine.unfinished[task] = spec.unfinished
        hub, here = machine.hub, machine.heads.get(task, "")
        if not here or hub.contains(spec.base, here):
            machine.heads[task] = spec.base
        elif spec.dropped and hub.contains(here, spec.dropped):
            machine.aside.append(machine.drafts.pop(task, here))
            machine.heads[task] = spec.base
        elif not hub.contains(here, spec.base) and not hub.conflict_between(here, spec.base):
            machine.heads[task] = hub.merged(here, spec.base)

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
        if not _UID.fullmatch(uid) or not line or {"\n", "\0"} & set(line):
            raise Refused(f"the message {uid!r} is not one line with a plain uid", fix="report it")
        if name in self.machine.alive and self.machine.runs[name].listens:
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
        launch = self.machine.runs[name].launch if name in self.machine.alive else None
        if launch is None or not launch.terminal:
            raise Refused(f"{name} has no terminal, or not any more", fix="attach to the task again")
        return ("terminal", name)

    def shell(self, task: TaskId) -> tuple[str, ...]:
        """See `Runner`."""
        if task not in self.machine.heads:
            raise Refused(f"there is no workspace of {task}", fix="let an attempt start first")
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

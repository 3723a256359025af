"""What a container's state says about the run it is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cdock.adapters import rundir
from cdock.adapters.docker import walls
from cdock.adapters.docker.archives import start_of
from cdock.adapters.docker.containers import told
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.runs import Role, Run, RunState, Signals

if TYPE_CHECKING:
    from docker import APIClient

INSTANCE, TASK, ATTEMPT, ROLE, MIRROR = (
    f"io.cdock.{name}" for name in ("instance", "task", "attempt", "role", "mirror")
)
TOOL = "tool"
"""The role of containers that do something small for us and are gone again."""

_START_LIMIT = 60.0
"""Seconds after which a container that was made but not started counts as one that never will be."""
_NEVER_STARTED = 125
"""The exit code that the docker command has for that."""
_SIGNALLED = (137, 143)


class Seen:
    """What was read of ended runs. It does not change any more, so each is read once."""

    def __init__(self) -> None:
        # By container id; signals with their task, because they are forgotten by task.
        self._signals: dict[str, tuple[TaskId, Signals]] = {}
        self._errors: dict[str, str] = {}

    def forget(self, container: str) -> None:
        """The container is gone."""
        self._signals.pop(container, None)
        self._errors.pop(container, None)

    def forget_signals(self, task: TaskId) -> None:
        """The signal files of the task were moved aside."""
        for container, (owner, _) in tuple(self._signals.items()):
            if owner == task:
                self._signals[container] = (owner, Signals())

    def run(self, found: Mapping[str, Any], *, api: "APIClient") -> Run | None:
        """The run that a container is; None when it is on its way out."""
        state, labels = found["State"], found["Config"]["Labels"]
        task, role = parse_task_id(labels.get(TASK, "")), labels.get(ROLE)
        if state["Status"] == "removing" or task is None or role not in tuple(Role):
            return None
        run = Run(
            name=str(found["Name"]).removeprefix("/"),
            task=task,
            attempt=int(labels.get(ATTEMPT, "0")),
            role=Role(role),
            state=RunState.RUNNING,
            started_at=_moment(state["StartedAt"]),
        )
        if state["Status"] == "created" and not state.get("Error"):
            made = _moment(found["Created"])
            if made is None or (datetime.now(UTC) - made).total_seconds() < _START_LIMIT:
                return replace(run, state=RunState.CREATED)
            return replace(
                run,
                state=RunState.EXITED,
                exit_code=_NEVER_STARTED,
                finished_at=made,
                error="The run was made but never started: cdock was ended at that moment, or the engine refused.",
            )
        if state["Status"] in ("running", "paused", "restarting"):
            return run
        quiet = run.role is not Role.AGENT or told(found, rundir.APART)
        return replace(
            run,
            state=RunState.EXITED,
            exit_code=int(state["ExitCode"]),
            finished_at=_moment(state["FinishedAt"]),
            oom=bool(state["OOMKilled"]),
            error=self._error(api, run.name, found),
            signals=Signals() if quiet else self._left(api, found, task),
        )

    def _error(self, api: "APIClient", name: str, found: Mapping[str, Any]) -> str:
        """What ended a run, if it was neither its agent nor a lack of memory."""
        state, container = found["State"], str(found["Id"])
        if state.get("Error"):
            return f"The engine could not run it: {state['Error']}"
        code = int(state["ExitCode"])
        if code not in _SIGNALLED or state["OOMKilled"]:
            return ""
        if container not in self._errors:
            path = f"{walls.WORKSPACE}/{rundir.attempt_directory(name)}/exit"
            ended = rundir.ended_by(_start_of(path, container=container, api=api))
            by_itself = ended is not None and not ended[1]
            self._errors[container] = "" if by_itself else rundir.ended_from_outside(code)
        return self._errors[container]

    def _left(self, api: "APIClient", found: Mapping[str, Any], task: TaskId) -> Signals:
        container = str(found["Id"])
        if container not in self._signals:
            read = {
                kind: _start_of(f"{walls.WORKSPACE}/{path}", container=container, api=api)
                for kind, path in rundir.SIGNALS.items()
            }
            self._signals[container] = (task, Signals(**read))
        return self._signals[container][1]


def _start_of(path: str, *, container: str, api: "APIClient") -> str:
    return start_of(path, container=container, api=api, limit=rundir.SIGNAL_LIMIT)


def _moment(text: str) -> datetime | None:
    """A time as the engine writes it, in UTC; None for its zero. Digits below a microsecond are dropped."""
    if not text or text.startswith("0001-"):
        return None
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")

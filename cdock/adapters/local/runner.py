"""Runs as plain processes of this machine's user: no wall around the agent, for trusted issues and for trying out."""

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from cdock.adapters import rundir
from cdock.adapters.local import process
from cdock.adapters.rundir import Places
from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote, RunSpec
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.runs import Role, Run, RunState, Signals

_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL")
_NEVER = ("GH_TOKEN", "GITHUB_TOKEN", "CDOCK_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
"""The forge's tokens stay with us, whatever the settings allow."""
_LOCK_LIMIT = 30.0
_SAY_LIMIT = 15.0
_SNAPSHOT_LIMIT = 60.0
_VERSION = 1


@dataclass(frozen=True)
class _Note:
    """What is written down about a run before it begins; times in seconds since the epoch."""

    name: str
    task: str
    attempt: int
    role: str
    pid: int
    created: float
    started: float
    input: str = ""
    """See `rundir.INPUT`."""
    apart: bool = False
    version: int = _VERSION


class LocalRunner:
    """Runs below `root`, one directory per task.

    `environment` is this process's own; agents get a few common variables of it and those named in `allow`, such as
    the key of their model's provider, but never a token of the forge.
    """

    def __init__(self, root: Path, *, environment: Mapping[str, str], allow: Collection[str] = ()) -> None:
        self._runs = root.resolve() / "runs"
        wanted = (set(_PASSED) | set(allow)) - set(_NEVER)
        self._environment = {name: environment[name] for name in sorted(wanted) if name in environment}

    @property
    def isolation(self) -> str:
        """One sentence for people."""
        return (
            "No sandbox: agents run as plain processes with all rights of your user on this machine, "
            "so give them only issues that you trust."
        )

    def list(self) -> tuple[Run, ...]:
        """All runs below `root`."""
        return tuple(self._seen(directory, note) for directory, note in self._noted())

    def start(self, spec: RunSpec) -> Run:
        """Start the run, or return the one of that name that is already there."""
        workspace = self._runs / spec.task
        places = Places(
            workspace=str(workspace), attempt=rundir.attempt_directory(spec.name), objects=spec.objects
        )
        directory = Path(places.run)
        laid = rundir.files(spec, places)
        workspace.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if note := _read_note(directory):
                return self._seen(directory, note)
            # No note means that nothing was started from here: what is left is of a start that did not come to be.
            if directory.exists():
                _delete(directory)
            environment = rundir.environment(spec, places)
            for path, (text, mode) in laid.items():
                target = workspace / path
                target.parent.mkdir(parents=True, exist_ok=True)
                _write(target, text, mode=mode)

            def write_down(pid: int) -> None:
                note = _Note(
                    name=spec.name,
                    task=spec.task,
                    attempt=spec.attempt,
                    role=spec.role,
                    pid=pid,
                    created=process.created_at(pid),
                    started=time.time(),
                    input=environment.get(rundir.INPUT, ""),
                    apart=spec.apart,
                )
                _write(directory / "run.json", json.dumps(asdict(note)), mode=0o600)

            process.start(
                Path(places.entry),
                env={"TERM": "dumb", **self._environment, **environment},
                output=directory / "output",
                note=write_down,
            )
            found = _read_note(directory)
        if found is None:
            raise Unavailable(
                f"The run {spec.name} did not start.", tried=f"starting {spec.name} below {directory}"
            )
        return self._seen(directory, found)

    def stop(self, name: str, *, grace: float) -> None:
        """End the run's whole process tree: SIGTERM, `grace` seconds, SIGKILL."""
        for directory, note in self._named(name):
            script = directory / "entry.sh"
            if not process.end(
                note.pid, created=note.created, script=script, run=str(directory), grace=grace
            ):
                raise Unavailable(
                    f"Processes of the run {name} are still there after SIGKILL.", tried=f"stopping {name}"
                )
            if _read(directory / "exit") is None:
                _write(directory / "exit", "137\nstopped\n", mode=0o600)

    def remove(self, name: str) -> None:
        """Remove the run directory of an ended run, and end what it left in the background.

        Raises:
            Refused: the run is alive.
        """
        for directory, note in self._named(name):
            self._refuse_alive(directory, note, tried=f"removing the run {name}")
            self.stop(name, grace=0)
            with self._locked():
                _delete(directory)

    def output(self, name: str, *, offset: int) -> bytes:
        """All the run printed from byte `offset` on; empty for a run that is not there."""
        for directory, _ in self._named(name):
            with contextlib.suppress(FileNotFoundError), (directory / "output").open("rb") as file:
                file.seek(offset)
                return file.read()
        return b""

    def send(self, name: str, *, uid: str, line: str) -> None:
        """Lay the message into the inbox of the run, from where its entry script delivers it."""
        arguments, content = rundir.message(line, uid=uid)
        tried = f"speaking to the run {name}"
        for directory, note in self._named(name):
            if note.input == rundir.LIVE and self._seen(directory, note).alive:
                code, said = self._step(
                    rundir.say_script(),
                    *arguments,
                    at=directory,
                    given=content,
                    limit=_SAY_LIMIT,
                    tried=tried,
                )
                if code and self._seen(directory, note).alive:
                    why = "it takes no messages now" if code == rundir.NOT_READY else said
                    raise Unavailable(f"The message did not get to the run {name}: {why}", tried=tried)

    def snapshot(self, name: str) -> None:
        """Have git set it down, with all that the repository's own settings make git do: there is no wall here."""
        tried = f"setting down what the run {name} has not committed"
        for directory, note in self._named(name):
            if note.role != Role.AGENT or note.apart:
                continue
            alone = () if self._task_alive(note.task) else ("alone",)
            code, said = self._step(
                rundir.snapshot_script(), *alone, at=directory, limit=_SNAPSHOT_LIMIT, tried=tried
            )
            if code:
                raise Unavailable(f"Unfinished work could not be set down: {said}", tried=tried)

    def terminal(self, name: str) -> tuple[str, ...]:
        """Attach to the tmux session of the run.

        Raises:
            Refused: there is no such run alive, or it has no terminal; tmux is not installed.
        """
        for directory, note in self._named(name):
            if note.input == rundir.TERMINAL and self._seen(directory, note).alive:
                if not shutil.which("tmux", path=self._environment.get("PATH")):
                    raise Refused(
                        "tmux is not installed on this machine.",
                        tried=f"looking for the terminal of {name}",
                        fix="Install tmux.",
                    )
                return rundir.attaching(str(directory))
        raise rundir.no_terminal(name)

    def shell(self, task: TaskId) -> tuple[str, ...]:
        """A shell of this user in the working tree.

        Raises:
            Refused: there is no workspace of this task here.
        """
        tree = self._runs / str(task) / rundir.SOURCE
        if not tree.is_dir():
            raise rundir.no_workspace(str(task), where=str(tree))
        return ("/bin/sh", "-c", 'cd "$1" && exec "${SHELL:-sh}"', "sh", str(tree))

    def remote(self, task: TaskId) -> Remote:
        """Fetch by a plain upload-pack of this machine. It reads as this user: there is no wall here either."""
        return Remote(
            upload_pack="git upload-pack --strict", path=str(self._runs / str(task) / rundir.REPOSITORY)
        )

    def clear(self, task: TaskId) -> None:
        """Remove all that was kept for the task.

        Raises:
            Refused: a run of the task is alive.
        """
        for directory, note in self._noted():
            if note.task == str(task):
                self._refuse_alive(directory, note, tried=f"removing the workspace of {task}")
                self.stop(note.name, grace=0)
        workspace = self._runs / str(task)
        if workspace.exists():
            with self._locked():
                _delete(workspace)

    def forget_signals(self, task: TaskId) -> None:
        """Rename the signal files to `last-…`, so that people can still read them."""
        for path in rundir.SIGNALS.values():
            signal_file = self._runs / str(task) / path
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                signal_file.rename(signal_file.with_name(f"last-{signal_file.name}"))

    def _step(
        self, script: str, *arguments: str, at: Path, given: bytes = b"", limit: float, tried: str
    ) -> tuple[int, str]:
        """Run one of the scripts for the run at this directory."""
        env = {
            **self._environment,
            "CDOCK_RUN": str(at),
            "CDOCK_WORKSPACE": str(at.parent.parent),
        }
        try:
            return process.step(script, *arguments, env=env, given=given, limit=limit)
        except TimeoutError as error:
            raise Unavailable(f"It was not done within {limit:g} seconds.", tried=tried) from error

    def _task_alive(self, task: str) -> bool:
        return any(
            note.task == task and self._seen(directory, note).alive for directory, note in self._noted()
        )

    def _noted(self) -> Iterator[tuple[Path, _Note]]:
        for path in sorted(self._runs.glob("*/attempts/*/run.json")):
            if note := _read_note(path.parent):
                yield path.parent, note

    def _named(self, name: str) -> Iterator[tuple[Path, _Note]]:
        for path in self._runs.glob(f"*/attempts/{name}/run.json"):
            if note := _read_note(path.parent):
                yield path.parent, note

    def _refuse_alive(self, directory: Path, note: _Note, *, tried: str) -> None:
        if self._seen(directory, note).alive:
            raise Refused(f"The run {note.name} is still alive.", tried=tried, fix="Stop it first.")

    def _seen(self, directory: Path, note: _Note) -> Run:
        task = parse_task_id(note.task)
        assert task is not None  # _read_note lets no other pass  # noqa: S101
        run = Run(
            name=note.name,
            task=task,
            attempt=note.attempt,
            role=Role(note.role),
            state=RunState.RUNNING,
            started_at=_moment(note.started),
        )
        if process.alive(note.pid, created=note.created, script=directory / "entry.sh"):
            return run
        return self._ended(run, directory, apart=note.apart)

    def _ended(self, run: Run, directory: Path, *, apart: bool) -> Run:
        ended = rundir.ended_by(_read(directory / "exit") or "")
        code, stopped = ended or (137, True)
        return replace(
            run,
            state=RunState.EXITED,
            exit_code=code,
            finished_at=_moment(_changed(directory / "exit") or _changed(directory / "output")),
            error=rundir.ended_from_outside(code) if stopped else "",
            signals=Signals() if apart or run.role is not Role.AGENT else self._signals(str(run.task)),
        )

    def _signals(self, task: str) -> Signals:
        workspace = self._runs / task
        if (workspace / "src" / ".cdock").is_symlink():
            return Signals()
        return Signals(**{kind: _read(workspace / path) or "" for kind, path in rundir.SIGNALS.items()})

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._runs / ".lock"
        try:
            with FileLock(path, timeout=_LOCK_LIMIT):
                yield
        except Timeout as error:
            raise Unavailable(
                f"Another process has been starting or removing runs for {_LOCK_LIMIT:g} seconds.",
                tried=f"locking {path}",
            ) from error


def _read_note(directory: Path) -> _Note | None:
    """The note of a run; None when there is none, or a damaged one."""
    try:
        note = _Note(**json.loads(_read(directory / "run.json") or ""))
    except (ValueError, TypeError, RecursionError):
        return None
    # The directory is open to the agent, and one agent's litter must not keep the others from being seen.
    fits = (
        note.name == directory.name
        and isinstance(note.task, str)
        and parse_task_id(note.task) is not None
        and note.role in tuple(Role)
        and isinstance(note.input, str)
        and isinstance(note.apart, bool)
        and all(type(number) is int and 0 < number < 2**31 for number in (note.attempt, note.pid))
        and all(
            type(moment) in (int, float) and 0 <= moment < 1e11 for moment in (note.created, note.started)
        )
    )
    return note if fits else None


def _read(path: Path) -> str | None:
    """The first part of a small regular file; None for anything else, a symlink included."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, rundir.SIGNAL_LIMIT).decode(errors="replace")
    finally:
        os.close(descriptor)


def _write(path: Path, text: str, *, mode: int) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.replace(path)


def _delete(directory: Path) -> None:
    """Delete a tree, also where a program took our right to write (Go's module cache does)."""
    try:
        shutil.rmtree(directory)
    except PermissionError:
        for place, _, _ in os.walk(directory):
            Path(place).chmod(0o700)
        shutil.rmtree(directory)


def _changed(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.lstat().st_mtime
    return 0.0


def _moment(seconds: float) -> datetime | None:
    """Seconds since the epoch as a time in UTC; None for 0."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None

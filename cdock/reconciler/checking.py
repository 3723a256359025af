"""Run commands on a commit in a fresh workspace of their own, apart from all tasks, for somebody who waits for it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from cdock.core.errors import Refused, Unavailable
from cdock.core.events import RunSpec
from cdock.core.ids import TaskId, check_id
from cdock.core.policy import Policy
from cdock.core.runs import CheckResult, Role, Run
from cdock.ports import Clock, Locks, Runner, Workspaces

STEP = 0.5
"""Seconds between two looks at the run."""
SHARE = 5
"""One part in so many of the time may go into asking for its output."""
LINE = 65_536
"""Bytes after which a line that does not end is taken for one."""
TAIL = 16_384
"""Characters of output that a result keeps."""


class Bench(Protocol):
    """What it takes to run commands; a `House` has all of it."""

    @property
    def runner(self) -> Runner: ...

    @property
    def workspaces(self) -> Workspaces: ...

    @property
    def locks(self) -> Locks: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def policy(self) -> Policy: ...

    def fit(self, text: str) -> str:
        """`text` without secrets."""
        ...


def check(
    bench: Bench, commit: str, commands: Sequence[str], *, name: str, say: Callable[[str], None]
) -> CheckResult:
    """Run `commands` on `commit`, which the object store of the workspaces has, until one fails or all have passed.

    `say` is given each line of the output as it comes. `name` says what is checked, and decides how the run is
    called: what a killed command left of the same name goes first, and all of it goes at the end, however that comes.
    After `policy.time_box` the run is ended, which the result shows.

    Raises:
        Refused: another command checks the same just now, or the run cannot be started.
        Unavailable: the engine did not answer, the run is gone, or the clock was asked to end.
    """
    task = check_id(name)
    with _cleared(bench, task, name):
        run = bench.runner.start(
            RunSpec(
                name=task.check(1),
                task=str(task),
                attempt=1,
                role=Role.CHECK,
                base=commit,
                branch="check",
                objects=bench.workspaces.objects,
                commands=tuple(commands),
            )
        )
        lines = _Lines(bench, say)
        ended = _follow(bench, run, lines)
        lines.finish()
        code = ended.exit_code if ended.exit_code is not None else 1
        return CheckResult(code, lines.tail)


def lock_of(task: TaskId) -> int:
    """The lock of whoever minds what runs under this id apart from all tasks.

    Locks are by issue, and no issue has such a number. The system lets go of one whose process was killed.
    """
    return -int(task.short, 16) - 1


@contextmanager
def _cleared(bench: Bench, task: TaskId, name: str) -> Iterator[None]:
    """Nothing of the check is there, before and after, and nobody else makes it meanwhile."""
    lock = lock_of(task)
    if not bench.locks.hold(lock):
        raise Refused(
            f"another command checks {name} on this machine just now",
            code="CD460",
            tried=f"starting {task.check(1)}",
            fix="wait until it has ended, or end it",
        )
    try:
        _clear(bench, task)
        try:
            yield
        finally:
            _clear(bench, task)
    finally:
        bench.locks.release(lock)


def _clear(bench: Bench, task: TaskId) -> None:
    for run in bench.runner.list():
        if run.task == task:
            if run.alive:
                # Nothing in it is worth waiting for: it only looks.
                bench.runner.stop(run.name, grace=0)
            bench.runner.remove(run.name)
    bench.runner.clear(task)


class _Lines:
    """The output of a run, line by line, and its end."""

    def __init__(self, bench: Bench, say: Callable[[str], None]) -> None:
        self._bench = bench
        self._say = say
        self._rest = b""
        self.read = 0
        self.tail = ""

    def take(self, fresh: bytes) -> None:
        self.read += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        for line in lines:
            self.add(line.decode("utf-8", "replace"))
        if len(self._rest) > LINE:
            self.finish()

    def add(self, line: str) -> None:
        line = self._bench.fit(line.rstrip("\r"))
        self._say(line)
        self.tail = f"{self.tail}{line}\n"[-TAIL:]

    def finish(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self.add(rest.decode("utf-8", "replace"))


def _follow(bench: Bench, run: Run, lines: _Lines) -> Run:
    """The run as it ended; all it printed is in `lines` by then."""
    limit = bench.policy.time_box.total_seconds()
    begun, late = bench.clock.elapsed(), False
    while True:
        seen = next((each for each in bench.runner.list() if each.name == run.name), None)
        if seen is None:
            raise Unavailable(
                f"the run {run.name} is gone", tried="waiting for its end", fix="start the same command again"
            )
        asked = bench.clock.elapsed()
        # Looked at before it is read: what has ended prints nothing more.
        lines.take(bench.runner.output(run.name, offset=lines.read))
        took = bench.clock.elapsed() - asked
        if not seen.alive:
            if late or seen.error:
                lines.finish()
                lines.add(f"cdock: ended after {limit:g} seconds" if late else f"cdock: {seen.error}")
            return seen
        if not late and bench.clock.elapsed() - begun >= limit:
            late = True
            bench.runner.stop(run.name, grace=bench.policy.stop_grace.total_seconds())
        elif bench.clock.sleep(max(STEP, SHARE * took)):
            raise Unavailable(
                f"{run.name} was not waited for", tried="running its commands", fix="start it again"
            )

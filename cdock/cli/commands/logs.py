"""`cdock logs`: what an agent said and did, and what cdock did about it."""

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cdock.core.ids import TaskId

STEP = 0.2
"""Seconds between two looks at a file that grows."""
CHUNK = 1 << 20
"""Bytes that are read at once."""


@click.command(short_help="What an agent said and did.")
@click.argument("task")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the work ends, or Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Begin with the last N lines.")
@click.option("--attempt", type=click.IntRange(min=1), help="Only this attempt.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that is known.")
@click.option("--raw", is_flag=True, help="The agent's own output, byte for byte; of the last attempt.")
@click.pass_obj
def command(
    start: Path,
    task: str,
    follow: bool,
    lines: int | None,
    attempt: int | None,
    as_json: bool,
    raw: bool,
) -> int:
    """Print the journal of TASK, oldest first: the agent's words and commands, and in brackets what cdock did.

    The poller keeps it: without one, it ends where the last one ended. Following ends with exit code 0 when the task
    (with --attempt: the attempt) is over or no poller runs, and with 130 by Ctrl-C.

    \b
    Examples:
      cdock logs 42 -n 20 -f
      cdock logs auth --attempt 2
      cdock logs 42 --json | jq 'select(.kind == "error")'
    """
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.tasks import find_state, find_task, parsed_id, read_mirror

    if raw and as_json:
        raise click.UsageError(
            "--raw is the agent's own output, which --json does not change: give one of them"
        )
    state = find_state(start)
    found = find_task(read_mirror(state)["tasks"], task)
    name = parsed_id(found)
    going_on = _Watch(state, str(name), attempt if attempt or not raw else _last(found))
    try:
        if raw:
            _print_raw(state, name, going_on, lines=lines, follow=follow)
        else:
            _print(state, name, going_on, lines=lines, follow=follow, as_json=as_json)
    except KeyboardInterrupt:
        return 130
    if follow and not poller_runs(state) and not going_on.over():
        click.echo("no poller runs, so nothing that was said since then is here: `cdock run`", err=True)
    return 0


def _last(task: dict[str, Any]) -> int:
    """The number of the newest attempt.

    Raises:
        Refused: there is none yet.
    """
    from cdock.core.errors import Refused

    if history := task["attempts"]["history"]:
        return int(history[-1]["number"])
    number = task["github"]["issue_number"]
    raise Refused(
        f"#{number} has no attempt yet", code="CD404", fix=f"wait for it to start: `cdock explain {number}`"
    )


class _Watch:
    """Whether there is anything to wait for, by a mirror that is read again only when it changed."""

    def __init__(self, state: Path, name: str, attempt: int | None) -> None:
        self._state, self._name, self.attempt = state, name, attempt
        self._sign: tuple[int, int] | None = None
        self._over = False

    def goes_on(self) -> bool:
        """Whether something may still be written."""
        from cdock.adapters.files.poller import poller_runs

        return poller_runs(self._state) and not self.over()

    def over(self) -> bool:
        """Whether the attempt has an outcome, or the task has come to its end or is gone from the mirror."""
        try:
            about = (self._state / "state.json").stat()
        except FileNotFoundError:
            return True
        sign = (about.st_ino, about.st_mtime_ns)
        if sign != self._sign:
            self._sign, self._over = sign, self._look()
        return self._over

    def _look(self) -> bool:
        from cdock.cli.tasks import find_task, read_mirror
        from cdock.core.errors import Refused

        try:
            task = find_task(read_mirror(self._state)["tasks"], self._name)
        except Refused:
            return True
        if self.attempt:
            numbered = [a for a in task["attempts"]["history"] if a["number"] == self.attempt]
            return all(a["outcome"] is not None for a in numbered)
        return task["status"] in ("done", "cancelled", "foreign", "in-review")


def _print(
    state: Path, name: "TaskId", watch: _Watch, *, lines: int | None, follow: bool, as_json: bool
) -> None:
    """The journal, through all its files.

    Raises:
        Refused: nothing was written down yet.
    """
    from cdock.adapters.files.journal import journal_files
    from cdock.core.errors import Refused

    files = journal_files(state / "tasks" / name.name)
    if not follow and not any(path.exists() for path in files):
        raise Refused(
            f"nothing was written down about {name} yet",
            code="CD404",
            tried=f"reading {files[-1]}",
            fix="wait until the poller has begun; `--raw` shows what runs printed",
        )
    show = _as_json if as_json else _as_line

    def wanted(line: bytes) -> str | None:
        record = _record(line)
        return None if record is None or not _is_of(record, watch.attempt) else show(line, record)

    before: deque[str] = deque(maxlen=lines)
    for path in files[:-1]:
        if path.exists():
            with path.open("rb") as file:
                before.extend(filter(None, map(wanted, file)))
    with closing(_Tail(files[-1])) as tail:
        # Asked first each time: what was written before the end is read after it.
        goes_on = follow and watch.goes_on()
        before.extend(filter(None, map(wanted, tail.lines())))
        for text in before:
            click.echo(text)
        while goes_on:
            time.sleep(STEP)
            goes_on = watch.goes_on()
            for text in filter(None, map(wanted, tail.lines())):
                click.echo(text)


class _Tail:
    """A file that grows, and that may be moved aside for a new one of its name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""

    def lines(self) -> Iterator[bytes]:
        """The whole lines that came since this was asked last."""
        while True:
            if self._file is None and self._path.exists():
                self._file = self._path.open("rb")
            for chunk in _chunks(self._file) if self._file else ():
                *whole, self._rest = (self._rest + chunk).split(b"\n")
                yield from whole
            if self._file is None or self._is_there(self._file):
                return
            # Moved aside: nothing is appended to it any more, so one more read finds its end.
            yield from (self._rest + self._file.read()).splitlines()
            self.close()

    def _is_there(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
        self._file, self._rest = None, b""


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _record(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None for half a line that a crash left."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_of(record: dict[str, Any], attempt: int | None) -> bool:
    if attempt is None:
        return True
    if "attempt" in record:
        return bool(record["attempt"] == attempt)
    # cdock.add-login.a7b2c8d.3, and what follows for runs that are not the agent's.
    parts = str(record.get("run", "")).split(".")
    return parts[3:4] == [str(attempt)]


def _as_json(line: bytes, record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=True)


def _as_line(line: bytes, record: dict[str, Any]) -> str:
    from cdock.adapters.files.journal import sentence_of
    from cdock.cli.asof import moment

    then = moment(record.get("time"))
    return f"{f'{then.astimezone():%H:%M:%S}' if then else '--:--:--'} {sentence_of(record)}"


def _print_raw(state: Path, name: "TaskId", watch: _Watch, *, lines: int | None, follow: bool) -> None:
    """What a run printed.

    Raises:
        Refused: nothing of it was kept.
    """
    import sys

    from cdock.adapters.files.logs import FileLogs
    from cdock.core.errors import Refused

    assert watch.attempt is not None, "chosen by the caller"  # noqa: S101 - for the type checker
    path = FileLogs(state / "tasks").path(name, name.run(watch.attempt))
    if not path.exists() and not follow:
        raise Refused(
            f"there is no log of attempt {watch.attempt} of {name}",
            code="CD404",
            tried=f"reading {path}",
            fix=f"`cdock explain {name}` lists the attempts",
        )
    done, out = 0, sys.stdout.buffer
    while True:
        goes_on = follow and watch.goes_on()
        if path.exists():
            with path.open("rb") as file:
                if not done and lines is not None:
                    done = _start_of_last(file, lines)
                file.seek(done)
                for chunk in _chunks(file):
                    out.write(chunk)
                done = file.tell()
            out.flush()
        if not goes_on:
            return
        time.sleep(STEP)


def _start_of_last(file: IO[bytes], lines: int) -> int:
    """Where the last lines of a file begin."""
    starts: deque[int] = deque(maxlen=lines)
    at = 0
    for line in file:
        starts.append(at)
        at += len(line)
    return starts[0] if starts else at

"""`cdock logs`: what an agent said and did."""

import time
from pathlib import Path
from typing import Any

import click


@click.command(short_help="What an agent said and did.")
@click.argument("task")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the task's attempt ends.")
@click.option("-n", "--lines", type=click.IntRange(min=1), help="Only the last N lines.")
@click.option("--attempt", type=click.IntRange(min=1), help="Another attempt than the last.")
@click.option("--raw", is_flag=True, help="The agent's own output, byte for byte.")
@click.pass_obj
def command(start: Path, task: str, follow: bool, lines: int | None, attempt: int | None, raw: bool) -> int:
    """Print the log of TASK: its issue number, its id, or the beginning of its id.

    The poller keeps it: without one, it ends where the last one ended.
    """
    from cdock.adapters.files.logs import FileLogs
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.tasks import find_state, find_task, read_mirror, task_id_of
    from cdock.core.errors import Refused
    from cdock.core.ids import parse_task_id

    state = find_state(start)
    found = find_task(read_mirror(state)["tasks"], task)
    name = parse_task_id(task_id_of(found))
    history = found["attempts"]["history"]
    if name is None or not history:
        raise Refused(f"{task} has no attempt yet", code="CD404", fix="wait for it to start: `cdock status`")
    number = attempt or history[-1]["number"]
    agent = next((a["agent"] for a in history if a["number"] == number), "")
    path = FileLogs(state / "tasks").path(name, name.run(number))
    if not path.exists() and not follow:
        raise Refused(
            f"there is no log of attempt {number} of {task}",
            code="CD404",
            tried=f"reading {path}",
            fix=f"the attempts are: {', '.join(str(a['number']) for a in history)}",
        )
    printer = _Printer(agent, raw=raw)
    data = path.read_bytes() if path.exists() else b""
    printer.feed(data, last=lines)
    done = len(data)
    while follow and poller_runs(state) and not _over(state, task, number):
        time.sleep(0.3)
        if path.exists() and path.stat().st_size > done:
            with path.open("rb") as file:
                file.seek(done)
                fresh = file.read()
            done += len(fresh)
            printer.feed(fresh)
    if path.exists():
        printer.feed(path.read_bytes()[done:])
    printer.finish()
    if not poller_runs(state) and not _over(state, task, number):
        click.echo("no poller runs, so nothing that was said since then is here: `cdock run`", err=True)
    return 0


def _over(state: Path, task: str, number: int) -> bool:
    """Whether the attempt has an outcome by now, or the task is gone from the mirror."""
    from cdock.cli.tasks import find_task, read_mirror
    from cdock.core.errors import Refused

    try:
        history = find_task(read_mirror(state)["tasks"], task)["attempts"]["history"]
    except Refused:
        return True
    return all(a["outcome"] is not None for a in history if a["number"] == number)


class _Printer:
    """Turns an agent's output into lines for people, keeping half lines until they are whole."""

    def __init__(self, agent: str, *, raw: bool) -> None:
        from cdock.adapters.agents import agent as make
        from cdock.core.errors import Misconfigured
        from cdock.core.events import Reading

        self._raw = raw
        try:
            self._agent = None if raw else make(agent)
        except Misconfigured:
            # An agent of a former configuration: its lines are shown as they are, but cannot steer the terminal.
            self._agent = None
        self._reading = Reading()
        self._rest = b""

    def feed(self, data: bytes, *, last: int | None = None) -> None:
        """Print what `data` adds; with `last`, only that many lines of it."""
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if not newline:
            return
        out = [text for line in whole.split(b"\n") for text in self._lines(line)]
        for text in out[-last:] if last else out:
            click.echo(text)

    def finish(self) -> None:
        """Print a last line that had no newline."""
        rest, self._rest = self._rest, b""
        for text in self._lines(rest) if rest else []:
            click.echo(text)

    def _lines(self, line: bytes) -> list[Any]:
        if self._raw:
            return [line]
        from cdock.cli.console import clean

        if self._agent is None:
            return [clean(line.decode("utf-8", "replace"))]
        marks = {"tool": "$ ", "error": "✗ ", "result": "= ", "note": "· "}
        self._reading, events = self._agent.read(self._reading, line.decode("utf-8", "replace"))
        return [marks.get(event.kind, "") + clean(event.text) for event in events]

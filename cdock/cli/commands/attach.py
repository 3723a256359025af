"""`cdock attach`: the terminal of an agent, for a person."""

import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

PATIENCE = 60.0


@click.command(short_help="Take over the terminal of an agent.")
@click.argument("task", required=False)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=PATIENCE,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the terminal.",
)
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
@click.pass_obj
def command(start: Path, task: str | None, timeout: float, as_json: bool) -> int:
    """Go on with the conversation of TASK's agent yourself, where it works. Without TASK, list the agents that run.

    The agent is ended at the end of its step, and started again in a terminal that this one is connected to. Ctrl-b d
    leaves it running and brings you back here: `cdock attach TASK` returns to it. When you end the program there, the
    poller goes on with the same conversation by itself. Meanwhile no budget runs.

    \b
    Examples:
      cdock attach
      cdock attach 42
    """
    from cdock.cli.tasks import find_state, find_task, read_mirror, require_here

    state = find_state(start)
    tasks = read_mirror(state)["tasks"]
    if task is None:
        return _list(tasks, as_json=as_json)
    found = require_here(find_task(tasks, task))
    _require_possible(found)
    run = _run_of(found) if found.get("attached") else _take(state, found, timeout)
    _enter(start, run)
    return 0


def _list(tasks: list[dict[str, Any]], *, as_json: bool) -> int:
    from cdock.cli.console import clean
    from cdock.cli.tasks import task_id_of

    rows = [
        {
            "issue": task["github"]["issue_number"],
            "task": task_id_of(task),
            "attached": bool(task.get("attached")),
            "run": task["run"],
            "title": task["title"],
        }
        for task in tasks
        if task.get("run") and task["status"] == "in-progress"
    ]
    if as_json:
        click.echo(json.dumps({"schema": 1, "data": rows, "meta": {}}, ensure_ascii=False))
        return 0
    for row in rows:
        whose = "with you" if row["attached"] else "running"
        click.echo(f"#{row['issue']}\t{row['task']}\t{whose}\t{clean(str(row['title']))}")
    if not rows:
        click.echo("no agent runs", err=True)
    return 0


def _require_possible(task: dict[str, Any]) -> None:
    """Find out what stands in the way before anything is asked of the poller.

    Raises:
        Refused: the agent has no terminal, or there is none here to connect it with.
    """
    from cdock.adapters.agents import agent
    from cdock.cli.tasks import task_id_of
    from cdock.core.errors import Misconfigured, Refused

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused(
            "this is no terminal",
            code="CD448",
            tried="looking at standard input and output",
            fix="run it in a terminal; `cdock prompt` and `cdock logs -f` need none",
        )
    if not task.get("attached") and task["status"] in ("needs-help", "waiting"):
        number = task["github"]["issue_number"]
        raise Refused(
            f"{task_id_of(task)} waits, so nothing is at work that could be taken over",
            code="CD448",
            tried=f"looking at its state: {task['status']}",
            fix=f"`cdock explain {number}` says what it waits for; `cdock bash {number}` looks at its workspace",
        )
    history = task["attempts"]["history"]
    name = history[-1]["agent"] if history else ""
    try:
        can = not name or agent(name).can.attach
    except Misconfigured:
        # An agent of a former configuration: the next one may have a terminal.
        can = True
    if not can:
        raise Refused(
            f"the agent {name} of {task_id_of(task)} has no terminal",
            code="CD448",
            tried="asking its adapter",
            fix=f"cdock bash {task['github']['issue_number']} opens a shell beside it",
        )


def _take(state: Path, task: dict[str, Any], timeout: float) -> str:
    """Ask the poller for the terminal, and wait until it is there; the name of its run."""
    from cdock.adapters.files.wishes import FileWishes
    from cdock.cli import wishing
    from cdock.cli.tasks import find_task, read_mirror, task_id_of
    from cdock.core.wishes import WishKind

    wishes, name = FileWishes(state / "wishes"), task_id_of(task)
    wish = wishing.wish(state, WishKind.ATTACH, task)
    seen: list[dict[str, Any]] = []

    def there() -> bool:
        seen[:] = [find_task(read_mirror(state)["tasks"], name)]
        return bool(seen[0].get("attached") and seen[0].get("run"))

    try:
        with _waiting(f"waiting for the terminal of {name}"):
            wishing.wait(state, "terminal", there, limit=timeout)
    except BaseException:
        # Nobody would sit at a terminal that is opened later.
        wishes.granted(wish.id)
        raise
    return _run_of(seen[0])


def _run_of(task: dict[str, Any]) -> str:
    from cdock.core.errors import Unavailable

    if run := task.get("run"):
        return str(run)
    raise Unavailable("the terminal is about to end", tried="looking into the mirror", fix="try again")


def _waiting(what: str) -> AbstractContextManager[object]:
    """Something that moves while one waits, where a person looks."""
    from cdock.cli.console import talk

    console = talk()
    return console.status(what) if console.is_terminal else nullcontext()


def _enter(start: Path, run: str) -> None:
    """Become the program that shows the terminal."""
    from cdock.wiring import runner, site

    argv = runner(site(start)).terminal(run)
    click.echo("Ctrl-b d leaves the agent's terminal open; end the program to give the work back", err=True)
    os.execvp(argv[0], argv)  # noqa: S606 - a program of ours, without a shell between

"""`cdock status`: every task of this clone, from the mirror alone."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

FIELDS = (
    "issue",
    "task",
    "status",
    "title",
    "attempts",
    "branch",
    "worktree",
    "pull",
    "help",
    "error",
    "said",
    "cost",
    "started",
    "url",
)


@click.command(short_help="Every task of this clone.")
@click.option("--json", "fields", metavar="FIELDS", help=f"As JSON; fields: {', '.join(FIELDS)}.")
@click.pass_obj
def command(start: Path, fields: str | None) -> int:
    """Show every task this clone's poller works on. Reads only files, so it is fast and works offline."""
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.tasks import read_mirror
    from cdock.core.errors import Misconfigured

    state = find_state(start)
    mirror = read_mirror(state)
    rows = [_row(task) for task in mirror["tasks"]]
    if fields is not None:
        wanted = [field.strip() for field in fields.split(",") if field.strip()] or list(FIELDS)
        if unknown := sorted(set(wanted) - set(FIELDS)):
            raise Misconfigured(
                f"no such field: {', '.join(unknown)}", code="CD419", fix=f"use some of: {', '.join(FIELDS)}"
            )
        data = [{field: row[field] for field in wanted} for row in rows]
        meta = {"poller": poller_runs(state), "isolation": mirror.get("isolation", "")}
        click.echo(json.dumps({"schema": 1, "data": data, "meta": meta}, ensure_ascii=False))
        return 0
    _show(rows)
    if not poller_runs(state):
        click.echo("no poller runs in this clone; start one with `cdock run`", err=True)
    return 0


def find_state(start: Path) -> Path:
    """The state directory of the clone that `start` is in, found without loading git or the settings.

    Raises:
        Misconfigured: there is no clone.
    """
    from cdock.core.errors import Misconfigured

    start = start.absolute()
    parts = start.parts
    if ".cdock" in parts:
        start = Path(*parts[: parts.index(".cdock")])
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            return directory / ".cdock"
    raise Misconfigured(
        "this is not a git repository",
        code="CD415",
        tried=f"looking for one in {start} and above",
        fix="go into your clone, or name it with -C DIR",
    )


def _row(task: dict[str, Any]) -> dict[str, Any]:
    from cdock.cli.tasks import task_id_of

    history = task["attempts"]["history"]
    last = history[-1] if history else {}
    return {
        "issue": task["github"]["issue_number"],
        "task": task_id_of(task),
        "status": task["status"],
        "title": task["title"],
        "attempts": len(history),
        "branch": task["branch"],
        "worktree": task.get("worktree", ""),
        "pull": task["github"]["pr_number"],
        "help": task.get("help_number"),
        "error": last.get("error", ""),
        "said": task.get("said", ""),
        "cost": sum(attempt["cost"] for attempt in history),
        "started": last.get("started_at", "") if last.get("outcome") is None else "",
        "url": task.get("url", ""),
    }


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("no tasks: label an issue `agent-ready`", err=True)
    elif sys.stdout.isatty():
        _table(rows)
    else:
        _lines(rows)


def _lines(rows: list[dict[str, Any]]) -> None:
    """For programs: a line for each task, its cells parted by tabs. Loads nothing that draws."""
    from cdock.cli.console import clean

    for_programs = (
        (row["issue"], row["status"], row["task"], row["attempts"], _now(row), row["title"]) for row in rows
    )
    click.echo("\n".join("\t".join(clean(str(cell)) for cell in cells) for cells in for_programs))


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from cdock.cli.console import LOOKS, data

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("ISSUE", "STATUS", "TASK", "TRY", "NOW"):
        table.add_column(name, no_wrap=name != "NOW", overflow="ellipsis")
    for row in rows:
        glyph, style = LOOKS.get(row["status"], ("·", ""))
        table.add_row(
            Text(f"#{row['issue']}", "bold"),
            Text(f"{glyph} {row['status']}", style),
            Text(row["task"].removeprefix("cdock.")),
            Text(str(row["attempts"])),
            Text(_now(row)),
        )
    data().print(table)


def _now(row: dict[str, Any]) -> str:
    """The one thing worth knowing about a task in its state."""
    from cdock.cli.console import ago, clean

    match row["status"]:
        case "in-review" | "done":
            return f"pull request #{row['pull']}" if row["pull"] else ""
        case "needs-help":
            return f"answer in #{row['help']}" if row["help"] else "asks a person"
        case "in-progress" if row["started"]:
            started = datetime.fromisoformat(row["started"])
            since = ago((datetime.now(UTC) - started).total_seconds())
            said = clean(row["said"])
            return f"{since}: {said}" if said else f"for {since}"
        case "waiting":
            return "stopped; label it agent-ready to go on"
    return clean(row["error"].strip().rpartition("\n")[2])

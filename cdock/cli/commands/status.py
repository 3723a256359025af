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
    "waiting",
)


@click.command(short_help="Every task of this clone.")
@click.option("--json", "fields", metavar="FIELDS", help=f"As JSON; fields: {', '.join(FIELDS)}.")
@click.pass_obj
def command(start: Path, fields: str | None) -> int:
    """Show every task this clone's poller works on. Reads only files, so it is fast and works offline.

    Without a poller, or while GitHub is away, it says how old that is.
    """
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.asof import held_back
    from cdock.cli.tasks import damaged, find_state, read_mirror
    from cdock.core.errors import Misconfigured

    state = find_state(start)
    mirror = read_mirror(state)
    try:
        rows = [_row(task) for task in mirror["tasks"]]
    except (LookupError, TypeError, AttributeError) as error:
        raise damaged(state, error) from error
    running, held = poller_runs(state), held_back(state)
    if fields is not None:
        wanted = [field.strip() for field in fields.split(",") if field.strip()] or list(FIELDS)
        if unknown := sorted(set(wanted) - set(FIELDS)):
            raise Misconfigured(
                f"no such field: {', '.join(unknown)}", code="CD419", fix=f"use some of: {', '.join(FIELDS)}"
            )
        data = [{field: row[field] for field in wanted} for row in rows]
        meta = {
            "poller": running,
            "isolation": mirror.get("isolation", ""),
            "forge": mirror.get("forge") or {},
            "outbox": {"held_back": held.waiting, "parked": held.parked},
        }
        click.echo(json.dumps({"schema": 1, "data": data, "meta": meta}, ensure_ascii=False))
        return 0
    _show(rows)
    for line in _footer(mirror, state, running=running, held=str(held)):
        click.echo(line, err=True)
    return 0


def _footer(mirror: dict[str, Any], state: Path, *, running: bool, held: str) -> list[str]:
    """What there is to say of all of it."""
    from cdock.cli.asof import as_of, away, quota

    lines = []
    if not running:
        seen = as_of(mirror, state)
        lines.append(f"{f'{seen}: ' if seen else ''}no poller runs in this clone; start one with `cdock run`")
    elif gone := away(mirror):
        lines.append(f"{gone}; this is what was seen before, and agents go on")
    if running and (limit := quota(mirror)):
        lines.append(f"waiting: {limit}")
    if held:
        lines.append(f"{held}: cdock sync")
    return lines


def _row(task: dict[str, Any]) -> dict[str, Any]:
    from cdock.cli.asof import waits_for
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
        "waiting": waits_for(task) if task.get("waiting") else "",
    }


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("no tasks: label an issue `agent-ready`, or `cdock create` one", err=True)
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

    if row["waiting"]:
        return str(row["waiting"])
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

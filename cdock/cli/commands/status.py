"""`cdock status`: every task of this clone, from the mirror alone."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

# Here and not in the functions: these load nothing, and the functions are called for every task.
from cdock.cli.asof import waits_for
from cdock.cli.console import ago, clean
from cdock.cli.tasks import damaged, find_state, read_mirror, task_id_of
from cdock.core.error_line import error_line

FIELDS = (
    "issue",
    "task",
    "status",
    "title",
    "attempts",
    "tries",
    "max_tries",
    "branch",
    "worktree",
    "pull",
    "help",
    "error",
    "said",
    "context",
    "turns",
    "cost",
    "started",
    "quiet",
    "url",
    "waiting",
    "why",
    "since",
    "next",
    "attached",
    "stuck",
)
ORDER = (
    "needs-help",
    "failed",
    "in-review",
    "in-progress",
    "claimed",
    "waiting",
    "foreign",
    "done",
    "cancelled",
)
"""What a person has to see to comes first."""


@click.command(short_help="Every task of this clone.")
@click.option("--json", "fields", metavar="FIELDS", help=f"As JSON; fields: {', '.join(FIELDS)}.")
@click.option("--group", is_flag=True, help="By state; what needs you first.")
@click.pass_obj
def command(start: Path, fields: str | None, group: bool) -> int:
    """Show every task this clone's poller works on. Reads only files, so it is fast and works offline.

    Without a poller, or while the forge is away, it says how old that is. CTX is the share of the model's window that
    the agent's conversation fills; TRY is the number of attempts, and how often the present error may still come back.

    \b
    Examples:
      cdock status --group
      cdock status --json issue,status,cost
    """
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.asof import held_back
    from cdock.core.errors import Misconfigured

    state = find_state(start)
    mirror = read_mirror(state)
    try:
        rows = [_row(task, state) for task in mirror["tasks"]]
    except (LookupError, TypeError, AttributeError) as error:
        raise damaged(state, error) from error
    if group:
        rows.sort(key=lambda row: _place(row["status"]))
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
    stall = mirror.get("stall")
    _show(rows, group=group, stall=stall if isinstance(stall, int | float) else 0)
    for line in _footer(mirror, state, running=running, held=str(held)):
        click.echo(line, err=True)
    return 0


def _place(status: str) -> int:
    return ORDER.index(status) if status in ORDER else len(ORDER)


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


def _row(task: dict[str, Any], state: Path) -> dict[str, Any]:
    attempts = task["attempts"]
    history = attempts["history"]
    last = history[-1] if history else {}
    runs = last.get("outcome") is None and task["status"] == "in-progress"
    return {
        "issue": task["github"]["issue_number"],
        "task": task_id_of(task),
        "status": task["status"],
        "title": task["title"],
        "attempts": len(history),
        "tries": attempts.get("current", 0),
        "max_tries": attempts.get("max", 0),
        "branch": task["branch"],
        "worktree": task.get("worktree", ""),
        "pull": task["github"]["pr_number"],
        "help": task.get("help_number"),
        "error": last.get("error", ""),
        "said": task.get("said", ""),
        "context": task.get("context"),
        "turns": task.get("turns", 0),
        "cost": task["cost"] if "cost" in task else sum(attempt["cost"] for attempt in history),
        "started": last.get("started_at", "") if last.get("outcome") is None else "",
        "quiet": _quiet(task, state) if runs else None,
        "url": task.get("url", ""),
        "waiting": waits_for(task) if task.get("waiting") else "",
        "why": task.get("why", ""),
        "since": task.get("since"),
        "next": task.get("next", ""),
        "attached": bool(task.get("attached")),
        "stuck": bool(task.get("stuck")),
    }


def _quiet(task: dict[str, Any], state: Path) -> int | None:
    """Seconds since the run printed anything, as far as its log was copied; None without one."""
    run = task.get("run")
    if not run:
        return None
    name = f"{task['worktree_id']}.{task['short_uuid']}"
    try:
        return max(0, int(time.time() - (state / "tasks" / name / f"{run}.log").stat().st_mtime))
    except OSError:
        return None


def _show(rows: list[dict[str, Any]], *, group: bool, stall: float) -> None:
    if not rows:
        click.echo("no tasks: label an issue `agent-ready`, or `cdock create` one", err=True)
    elif sys.stdout.isatty():
        _table(rows, group=group, stall=stall)
    else:
        _lines(rows, stall=stall)


def _lines(rows: list[dict[str, Any]], *, stall: float) -> None:
    """For programs: a line for each task, its cells parted by tabs. Loads nothing that draws."""
    # What was not written by us is the title, and what a task does now.
    for_programs = (
        f"{row['issue']}\t{row['status']}\t{row['task']}\t{row['attempts']}\t{_now(row, stall)}\t{clean(row['title'])}"
        for row in rows
    )
    click.echo("\n".join(for_programs))


def _table(rows: list[dict[str, Any]], *, group: bool, stall: float) -> None:
    from rich.table import Table
    from rich.text import Text

    from cdock.cli.console import LOOKS, data

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("ISSUE", "STATUS", "TASK", "TRY", "CTX", "COST", "NOW"):
        table.add_column(name, no_wrap=name != "NOW", overflow="ellipsis")
    above = ""
    for row in rows:
        glyph, style = LOOKS.get(row["status"], ("·", ""))
        if group and row["status"] != above:
            above = row["status"]
            count = sum(other["status"] == above for other in rows)
            table.add_row(Text(str(count), "bold"), Text(above, f"bold {style}"))
        table.add_row(
            Text(f"#{row['issue']}", "bold"),
            Text(f"{glyph} {row['status']}", style),
            Text(row["task"].removeprefix("cdock.")),
            Text(_tries(row)),
            Text("" if row["context"] is None else f"{row['context']:.0%}"),
            Text(f"${row['cost']:.2f}" if row["cost"] else ""),
            Text(_now(row, stall)),
        )
    data().print(table)


def _tries(row: dict[str, Any]) -> str:
    """`4 (2/3)`: attempts, and how often the present error came of how often it may."""
    return f"{row['attempts']} ({row['tries']}/{row['max_tries']})" if row["tries"] else str(row["attempts"])


def _now(row: dict[str, Any], stall: float) -> str:
    """The one thing worth knowing about a task in its state."""
    match row["status"]:
        case "needs-help":
            return f"answer in #{row['help']}" if row["help"] else "asks a person"
        case "in-progress" if row["attached"]:
            return "with you: cdock attach"
        case _ if row["waiting"]:
            return str(row["waiting"])
        case "in-review" | "done":
            return f"pull request #{row['pull']}" if row["pull"] else ""
        case "in-progress" if row["started"]:
            started = datetime.fromisoformat(row["started"])
            since = ago((datetime.now(UTC) - started).total_seconds())
            if stall and row["quiet"] is not None and row["quiet"] > stall / 2:
                return f"{since}: silent for {ago(row['quiet'])}, ended after {ago(stall)}"
            said = clean(row["said"])
            return f"{since}: {said}" if said else f"for {since}"
        case "waiting":
            return clean(row["why"]) or "stopped; label it agent-ready to go on"
    return clean(error_line(row["error"]))

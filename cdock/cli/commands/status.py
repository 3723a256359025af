"""`cdock status`: every task of this clone, from the mirror alone."""

import json
import time
from pathlib import Path
from typing import Any

import click

# Here and not in the functions: these load nothing, and the functions are called for every task.
from cdock.cli.asof import waits_for
from cdock.cli.tasks import damaged, find_state, read_mirror, task_id_of
from cdock.cli.tasktable import grouped, show

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
    "batch",
    "plan",
)


@click.command(short_help="Every task of this clone.")
@click.option("--json", "fields", metavar="FIELDS", help=f"As JSON; fields: {', '.join(FIELDS)}.")
@click.option(
    "--group", is_flag=True, help="By batch and by plan, all others by state; what needs you first."
)
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
    return tell(start, fields, group=group)


def tell(start: Path, fields: str | None, *, group: bool) -> int:
    """Do what the command does.

    Raises:
        Misconfigured: a field is not known, or the mirror is damaged.
    """
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.asof import held_back
    from cdock.core.errors import Misconfigured

    state = find_state(start)
    mirror = read_mirror(state)
    try:
        rows = [_row(task, state) for task in mirror["tasks"]]
        if group:
            queue = [one for one in mirror.get("queue") or () if one.get("batch") or one.get("plan")]
            rows = grouped([*rows, *map(_unclaimed, queue)])
    except (LookupError, TypeError, AttributeError, ValueError) as error:
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
    stall = mirror.get("stall")
    show(rows, group=group, stall=stall if isinstance(stall, int | float) else 0)
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


def _row(task: dict[str, Any], state: Path) -> dict[str, Any]:
    attempts = task["attempts"]
    history = attempts["history"]
    last = history[-1] if history else {}
    brief = task.get("brief") or {}
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
        "batch": str(brief.get("batch") or ""),
        "plan": int(brief.get("plan") or 0),
    }


def _unclaimed(one: dict[str, Any]) -> dict[str, Any]:
    """An issue of a group that nobody has claimed yet."""
    empty: dict[str, Any] = dict.fromkeys(FIELDS, "")
    numbers = {"attempts": 0, "tries": 0, "max_tries": 0, "turns": 0, "cost": 0.0}
    nothing = dict.fromkeys(("pull", "help", "context", "quiet", "since"))
    return (
        empty
        | numbers
        | nothing
        | {name: one[name] for name in ("issue", "title", "worktree", "batch", "plan", "url", "why")}
        | {"task": one["worktree"], "status": "ready", "attached": False, "stuck": False}
    )


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

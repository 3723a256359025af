"""`cdock explain`: why a task is as it is, and what would change that."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cdock.core.error_line import error_line


@click.command(short_help="Why a task is as it is, and what unblocks it.")
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(start: Path, task: str, as_json: bool) -> int:
    """Say of TASK: its state, since when and why, what unblocks it, what comes next, and how each attempt went.

    An issue that waits to be begun is explained too, by its number. Reads only files: it is as old as it says.

    \b
    Examples:
      cdock explain 42
      cdock explain auth --json
    """
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.asof import as_of
    from cdock.cli.tasks import find_state, read_mirror

    state = find_state(start)
    mirror = read_mirror(state)
    about, lines = _told(mirror, task)
    running, seen = poller_runs(state), as_of(mirror, state)
    if as_json:
        meta = {"poller": running, "seen_at": (mirror.get("forge") or {}).get("seen_at")}
        click.echo(json.dumps({"schema": 1, "data": about, "meta": meta}, ensure_ascii=False))
        return 0
    for line in lines:
        click.echo(line)
    if not running:
        click.echo(f"{f'{seen}: ' if seen else ''}no poller runs in this clone", err=True)
    return 0


def _told(mirror: dict[str, Any], named: str) -> tuple[dict[str, Any], list[str]]:
    """What is known of a task, or of an issue that waits to be claimed or to be let start: as JSON, and in lines.

    Raises:
        Refused: there is none of that name.
    """
    from cdock.cli.tasks import find_task, issue_of

    tasks, number = mirror["tasks"], issue_of(named)
    known = {task["github"]["issue_number"] for task in tasks}
    for entry in mirror.get("queue") or ():
        if number is not None and entry["issue"] == number and number not in known:
            about = {**entry, "status": "ready"}
            return about, list(_lines_of_queued(about, "ready, not begun"))
    for part in (part for task in tasks for part in task.get("parts") or ()):
        if number is not None and part["issue"] == number and number not in known:
            about = {**part, "status": part["state"]}
            return about, list(_lines_of_queued(about, f"{part['state']}, in a plan"))
    about = about_task(find_task(tasks, named))
    return about, list(_lines(about))


def about_task(task: dict[str, Any]) -> dict[str, Any]:
    """All that explains a task of the mirror; a stable selection of its fields."""
    from cdock.cli.tasks import task_id_of

    attempts = task["attempts"]
    return {
        "issue": task["github"]["issue_number"],
        "task": task_id_of(task),
        "title": task.get("title", ""),
        "url": task.get("url", ""),
        "status": task["status"],
        "since": task.get("since"),
        "why": task.get("why") or "",
        "unblocks": (task.get("waiting") or {}).get("unblocks") or task.get("unblocks") or "",
        "next": task.get("next") or "",
        "waiting": task.get("waiting"),
        "stuck": bool(task.get("stuck")),
        "attached": bool(task.get("attached")),
        "help": task.get("help_number"),
        "question": task.get("question") or "",
        "choices": task.get("choices") or [],
        "pull": task["github"].get("pr_number"),
        "round": attempts.get("round", 1),
        "tries": {"current": attempts.get("current", 0), "max": attempts.get("max", 0)},
        "attempts": [
            {name: attempt.get(name, default) for name, default in _OF_ATTEMPT.items()}
            for attempt in attempts["history"]
        ],
    }


_OF_ATTEMPT: dict[str, object] = {
    "number": 0,
    "round": 1,
    "agent": "",
    "model": "",
    "cause": "task",
    "outcome": None,
    "cap": None,
    "kind": "",
    "fingerprint": "",
    "error": "",
    "turns": 0,
    "cost": 0.0,
    "started_at": None,
    "ended_at": None,
    "until": None,
}


def _lines_of_queued(about: dict[str, Any], state: str) -> Iterator[str]:
    from cdock.cli.console import clean

    yield f"#{about['issue']} {clean(str(about.get('title') or ''))}"
    yield _line("state", state)
    for name, label in (("why", "why"), ("unblocks", "unblocks"), ("url", "see")):
        if about.get(name):
            yield _line(label, str(about[name]))


def _lines(about: dict[str, Any]) -> Iterator[str]:
    from cdock.cli.asof import since, waits_for
    from cdock.cli.console import LOOKS, clean

    glyph, _ = LOOKS.get(about["status"], ("·", ""))
    yield f"#{about['issue']} {clean(str(about['title']))}  ({about['task']})"
    how_long = since(about["since"])
    whose = ", a person has the terminal" if about["attached"] else ""
    yield _line("state", f"{glyph} {about['status']}{f', {how_long}' if how_long else ''}{whose}")
    told = (
        ("why", about["why"]),
        ("waits", waits_for(about).removeprefix("waiting: ")),
        ("unblocks", about["unblocks"]),
        ("next", about["next"]),
        ("help", f"#{about['help']}: cdock answer {about['issue']} …" if about["help"] else ""),
        ("pull", f"#{about['pull']}" if about["pull"] else ""),
        ("see", about["url"]),
    )
    for label, text in told:
        if text:
            yield _line(label, str(text))
    tries = about["tries"]
    if tries["current"]:
        yield _line("tries", f"the same error {tries['current']} of {tries['max']} times in this round")
    for attempt in about["attempts"]:
        yield _attempt(attempt)


def _line(label: str, text: str) -> str:
    from cdock.cli.console import clean

    return f"  {label:<9} {clean(text)}"


def _attempt(attempt: dict[str, Any]) -> str:
    """`  1  retry  failed  claude, 3 turns, $0.12  57dbd108  make: *** [test] Error 1`."""
    from cdock.cli.console import clean

    outcome = str(attempt["outcome"] or "running")
    if attempt["cap"]:
        outcome += f" ({attempt['cap']})"
    about = [" ".join(filter(None, (attempt["agent"], attempt["model"])))]
    turns = attempt["turns"]
    about += [f"{turns} turn{'' if turns == 1 else 's'}"] if turns else []
    about += [f"${attempt['cost']:.2f}"] if attempt["cost"] else []
    about += [_took(attempt)] if attempt["started_at"] else []
    error = error_line(str(attempt["error"]))
    cells = (
        f"attempt {attempt['number']}",
        str(attempt["cause"]),
        outcome,
        ", ".join(about),
        str(attempt["fingerprint"])[:8],
        error,
    )
    return "  " + "  ".join(clean(cell) for cell in cells if cell)


def _took(attempt: dict[str, Any]) -> str:
    from cdock.cli.asof import moment
    from cdock.cli.console import ago

    began, ended = moment(attempt["started_at"]), moment(attempt["ended_at"]) or datetime.now(UTC)
    return ago((ended - began).total_seconds()) if began else ""

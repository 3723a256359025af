"""Tasks as a table for people and as lines for programs, by groups where that is asked for."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cdock.cli.console import ago, clean
from cdock.core.error_line import error_line

if TYPE_CHECKING:
    from rich.text import Text

ORDER = (
    "needs-help",
    "failed",
    "in-review",
    "in-progress",
    "claimed",
    "waiting",
    "planned",
    "ready",
    "foreign",
    "done",
    "cancelled",
)
"""What a person has to see to comes first."""


def grouped(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows by batch, then by plan, then, of all others, by state; what needs a person comes first in each."""
    return sorted(rows, key=lambda row: (*_group(row), _place(row["status"]), row["issue"]))


def _group(row: dict[str, Any]) -> tuple[int, str, int]:
    """What stands for the group of a row, in the order of the groups."""
    if row["batch"]:
        return (0, row["batch"], 0)
    return (1, "", row["plan"]) if row["plan"] else (2, "", _place(row["status"]))


def _place(status: str) -> int:
    return ORDER.index(status) if status in ORDER else len(ORDER)


def tally(rows: Iterable[dict[str, Any]]) -> str:
    """How many are in which state: `1 failed, 2 waiting`."""
    counts = Counter(row["status"] for row in rows)
    return ", ".join(f"{counts[status]} {status}" for status in sorted(counts, key=_place))


def show(rows: Sequence[dict[str, Any]], *, group: bool, stall: float) -> None:
    """Print the tasks; `stall` is how many seconds of silence end an attempt."""
    if not rows:
        click.echo("no tasks: label an issue `agent-ready`, or `cdock create` one", err=True)
    elif sys.stdout.isatty():
        _table(rows, group=group, stall=stall)
    else:
        _lines(rows, stall=stall)


def _lines(rows: Sequence[dict[str, Any]], *, stall: float) -> None:
    """For programs: a line for each task, its cells parted by tabs. Loads nothing that draws."""
    # What was not written by us is the title, and what a task does now.
    for_programs = (
        f"{row['issue']}\t{row['status']}\t{row['task']}\t{row['attempts']}\t{_now(row, stall)}\t{clean(row['title'])}"
        for row in rows
    )
    click.echo("\n".join(for_programs))


def _table(rows: Sequence[dict[str, Any]], *, group: bool, stall: float) -> None:
    from rich.table import Table
    from rich.text import Text

    from cdock.cli.console import LOOKS, data

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("ISSUE", "STATUS", "TASK", "TRY", "CTX", "COST", "NOW"):
        table.add_column(name, no_wrap=name != "NOW", overflow="ellipsis")
    above: tuple[int, str, int] | None = None
    for row in rows:
        glyph, style = LOOKS.get(row["status"], ("·", ""))
        if group and _group(row) != above:
            above = _group(row)
            table.add_row(*_heading([other for other in rows if _group(other) == above]))
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


def _heading(rows: Sequence[dict[str, Any]]) -> tuple["Text", ...]:
    """The line above a group."""
    from rich.text import Text

    from cdock.cli.console import LOOKS

    first, count = rows[0], Text(str(len(rows)), "bold")
    if not first["batch"] and not first["plan"]:
        return count, Text(first["status"], f"bold {LOOKS.get(first['status'], ('', ''))[1]}")
    what, name = ("batch", first["batch"]) if first["batch"] else ("plan", f"#{first['plan']}")
    return (
        count,
        Text(what, "bold"),
        Text(clean(name), "bold"),
        *(Text() for _ in range(3)),
        Text(tally(rows), "bold"),
    )


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
        case "planned":
            return clean(row["why"])
        case "waiting":
            return clean(row["why"]) or "stopped; label it agent-ready to go on"
    return clean(error_line(row["error"]))

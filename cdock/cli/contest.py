"""Trying out the attempts of a batch: the same commands for each, one after the other, and how that is shown."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cdock.cli.console import ago, clean
from cdock.cli.tasks import task_id_of
from cdock.core.picking import Contender, failing_in

if TYPE_CHECKING:
    from cdock.adapters.git.landing import Heads, LandingGround
    from cdock.cli.members import Member
    from cdock.wiring import Site

MARKS = 10_000
"""Lines that are kept to tell which command failed; whoever prints more like them only confuses that."""


def contenders(here: "Site", members: "Sequence[Member]") -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    """The members with commits, tried out, and the commands that were run on all of them.

    Shows what the commands print on standard error. Ends what it started, also when it is interrupted.

    Raises:
        Unavailable: the forge or the engine does not answer.
        Refused: somebody tries out the same just now.
    """
    ground = _ground(here)
    heads = ground.heads(here.settings.branch.prefix)
    commands = commands_of(here, members)
    found = []
    for member in members:
        tip = heads.tips.get(str((member.task or {}).get("branch", "")), "")
        if tip and ground.ahead(tip, of=heads.commit):
            found.append(_tried(here, member, tip, commands=commands, heads=heads))
        else:
            click.echo(f"{member.called} {member.worktree} has no commits on the forge", err=True)
    return tuple(found), commands


def commands_of(here: "Site", members: "Sequence[Member]") -> tuple[str, ...]:
    """The acceptance commands of the settings and of all members, each once: what counts for one counts for all."""
    own = (str(line) for member in members for line in _brief(member).get("acceptance") or ())
    return tuple(dict.fromkeys((*here.settings.policy().acceptance, *own)))


def _brief(member: "Member") -> Mapping[str, Any]:
    found: Mapping[str, Any] = (member.task or {}).get("brief") or {}
    return found


def _ground(here: "Site") -> "LandingGround":
    from cdock.adapters.git.landing import LandingGround
    from cdock.wiring import credential, repository

    return LandingGround(here.place, url=repository(here).clone_url, token=credential(here).token)


def _tried(
    here: "Site", member: "Member", tip: str, *, commands: tuple[str, ...], heads: "Heads"
) -> Contender:
    from cdock.adapters.git.comparing import size

    task: dict[str, Any] = dict(member.task or {})
    click.echo(f"{member.called} {member.worktree} at {tip[:12]}", err=True)
    code, passed, failing = 0, 0, ""
    if commands:
        code, said = _run(here, tip, commands, name=f"pick {task_id_of(task)}")
        passed, failing = failing_in(said, commands) if code else (len(commands), "")
    lines, files = size(here.place, tip, of=heads.commit)
    history = task["attempts"]["history"]
    last = history[-1] if history else {}
    return Contender(
        issue=member.issue,
        task=task_id_of(task),
        worktree=member.worktree,
        commit=tip,
        finished=last.get("outcome") == "succeeded",
        agent=str(last.get("agent") or ""),
        passed=passed,
        commands=len(commands),
        failing=failing,
        exit_code=code,
        lines=lines,
        files=files,
        cost=float(task.get("cost") or 0.0),
        turns=int(task.get("turns") or 0),
        seconds=sum(map(_seconds, history)),
        attempts=len(history),
    )


def _run(here: "Site", commit: str, commands: tuple[str, ...], *, name: str) -> tuple[int, list[str]]:
    """The exit code, and the lines between the commands: what these print is shown and not kept."""
    from cdock.cli.checks import desk, ended_by_signals
    from cdock.reconciler.checking import check

    between: list[str] = []

    def say(line: str) -> None:
        click.echo(f"  {clean(line)}", err=True)
        if line.startswith(("$ ", "[exit ")) and len(between) < MARKS:
            between.append(line)

    with ended_by_signals():
        return check(desk(here), commit, commands, name=name, say=say).exit_code, between


def _seconds(attempt: Mapping[str, Any]) -> float:
    begun, ended = attempt.get("started_at"), attempt.get("ended_at")
    if not begun or not ended:
        return 0.0
    return max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds())


def show_ranking(order: Sequence[Contender], *, checked: bool) -> None:
    """The ranking: a table for people, a line each for programs."""
    if not order:
        click.echo("none of them has commits", err=True)
        return
    rows = [
        (
            f"{rank}.",
            f"#{one.issue}",
            one.worktree,
            (_passed(one) if checked else "not checked") + ("" if one.finished else ", not finished"),
            f"{one.lines} in {one.files}",
            f"${one.cost:.2f}",
            str(one.turns),
            ago(one.seconds),
            str(one.attempts),
            clean(one.failing)[:60],
        )
        for rank, one in enumerate(order, start=1)
    ]
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.table import Table
    from rich.text import Text

    from cdock.cli.console import data

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "ISSUE", "WORKTREE", "PASSED", "LINES", "COST", "TURNS", "TIME", "TRY", "FAILS AT"):
        table.add_column(name, no_wrap=name != "FAILS AT")
    for row, one in zip(rows, order, strict=True):
        table.add_row(*(Text(cell, "" if one.passes else "dim") for cell in row))
    data().print(table)


def _passed(one: Contender) -> str:
    return f"{'✓' if one.passes else '✗'} {one.passed}/{one.commands}"

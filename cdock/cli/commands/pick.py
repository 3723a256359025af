"""`cdock pick`: choose one of several attempts at the same thing."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import Misconfigured, Refused
from cdock.core.picking import RULES, by_rule, ranked, why_dropped

if TYPE_CHECKING:
    from cdock.cli.members import Member
    from cdock.core.picking import Contender
    from cdock.wiring import Site

AT_WORK = ("ready", "claimed", "in-progress", "kept")
"""States of members that are not finished by themselves."""
_HELP = "; ".join(f"{name}: {rule}" for name, rule in RULES.items())


@click.command(short_help="Choose one of a batch; the others are closed and kept.")
@click.argument("batch")
@click.option(
    "--by", type=click.Choice(list(RULES)), default="tests", show_default=True, help=f"The ranking. {_HELP}."
)
@click.option("--task", "named", metavar="TASK", help="Pick this one, whatever the ranking says.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask: pick the first of the ranking, if it passes.")
@click.option("--now", is_flag=True, help="Do not wait for those that are still at work; they are ended.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the running poller; what was chosen is kept in any case.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON; asks nothing.")
@click.pass_obj
def command(
    start: Path,
    batch: str,
    by: str,
    named: str | None,
    yes: bool,
    now: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """Run the acceptance commands of BATCH on each of its branches, rank them, and pick one.

    Each gets a fresh workspace with the same commands, one after the other. Then it asks which one; `d N` shows what N
    changes. The one that is picked gets its pull request. The issues of the others are closed as not planned, with the
    reason; their branches go, their commits stay on the forge below refs/cdock/kept.

    \b
    Examples:
      cdock pick auth-1f0c22ab
      cdock pick auth-1f0c22ab --by cost --yes
      cdock pick auth-1f0c22ab --task 14 --yes
    """
    from cdock.cli.contest import contenders, show_ranking
    from cdock.cli.ending import end, look
    from cdock.cli.members import chosen, joined, of_mirror, of_outbox
    from cdock.cli.tasks import read_mirror
    from cdock.wiring import site

    here = site(start)
    state = here.clone.state
    mirror, yard = read_mirror(state), look(here)
    every = joined(of_mirror(mirror), yard.unclaimed, of_outbox(state))
    members = chosen(every, (), batch=batch, tasks=mirror["tasks"])
    _require_rest(members, now=now)
    tried, commands = contenders(here, [member for member in members if member.task])
    order = ranked(tried, by=by)
    if not as_json:
        show_ranking(order, checked=bool(commands))
    winner = _winner(here, order, members, batch=batch, named=named, yes=yes, asks=not as_json)
    if winner is not None:
        how = f"picked by {_person()}" if named or not yes else RULES[by]
        places = {one.issue: one for one in order}
        others = [member for member in members if member.issue != winner.issue or not member.issue]
        nothing = f"#{winner.issue} was picked of the batch {batch} ({how}). This had no commits."
        reasons = {
            member.issue: why_dropped(places[member.issue], order, winner=winner, batch=batch, how=how)
            if member.issue in places
            else nothing
            for member in others
        }
        picked = next(member for member in members if member.issue == winner.issue)
        if code := end(yard, others, reasons=reasons, timeout=timeout, picked=picked):
            return code
    if as_json:
        rows = [
            {"rank": rank, **asdict(one), "passes": one.passes} for rank, one in enumerate(order, start=1)
        ]
        meta = {
            "batch": batch,
            "by": by,
            "commands": list(commands),
            "picked": winner.issue if winner else None,
        }
        click.echo(json.dumps({"schema": 1, "data": rows, "meta": meta}, ensure_ascii=False))
    elif winner is not None:
        _tell(here, winner)
    return 0


def _require_rest(members: "Sequence[Member]", *, now: bool) -> None:
    busy = [member for member in members if member.status in AT_WORK]
    if foreign := [member.called for member in members if member.status == "foreign"]:
        raise Refused(
            f"another poller holds {', '.join(foreign)} of the batch",
            code="CD445",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="pick where that poller runs",
        )
    if busy and not now:
        names = ", ".join(f"{member.called} {member.status}" for member in busy)
        raise Refused(
            f"{len(busy)} of {len(members)} are still at work: {names}",
            code="CD507",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="wait for them (`cdock list`), or --now ends them",
        )


def _winner(
    here: "Site",
    order: "Sequence[Contender]",
    members: "Sequence[Member]",
    *,
    batch: str,
    named: str | None,
    yes: bool,
    asks: bool,
) -> "Contender | None":
    """The one that is picked; None when nobody chose.

    Raises:
        Refused: the rule finds none, or the one that is named is not there to be picked.
        Misconfigured: a person has to be asked, and there is none.
    """
    from cdock.cli.members import chosen
    from cdock.cli.tasks import is_pattern

    if named:
        if is_pattern(named):
            raise click.UsageError("--task names one task of the batch")
        tasks = [dict(member.task) for member in members if member.task]
        (meant,) = chosen(members, [named], batch="", tasks=tasks)
        if found := next((one for one in order if one.issue == meant.issue), None):
            return found
        raise Refused(
            f"{meant.called} has no commits to pick",
            code="CD508",
            tried=f"looking for its branch among those of the batch {batch}",
            fix="pick another, or none: `cdock kill --batch` ends all",
        )
    best = by_rule(order)
    if yes:
        if best:
            return best
        raise Refused(
            f"none of the {len(order)} attempts passes",
            code="CD508",
            tried=f"the acceptance commands of the batch {batch}",
            fix="`--task N` picks one all the same; `cdock retry N` lets its agent try again",
        )
    if not asks:
        return None
    if not sys.stdin.isatty():
        raise Misconfigured(
            "this would ask which one, and nobody is there to answer",
            code="CD505",
            tried="looking for a terminal",
            fix="cdock pick --yes, --task N, or --json to only look",
        )
    return _asked(here, order, best)


def _asked(here: "Site", order: "Sequence[Contender]", best: "Contender | None") -> "Contender | None":
    by_number = {one.issue: one for one in order}
    default = str(best.issue) if best else "q"
    while True:
        said = click.prompt("Pick N, show the diff of N with d N, or q", default=default, err=True).strip()
        word, _, rest = said.partition(" ")
        number = (rest if word == "d" else said).strip().lstrip("#")
        if said == "q":
            return None
        one = by_number.get(int(number)) if number.isdecimal() else None
        if one is None:
            click.echo(f"there is no {number!r}: {', '.join(map(str, by_number)) or 'none'}", err=True)
        elif word == "d":
            _show_diff(here, one)
        else:
            return one


def _show_diff(here: "Site", one: "Contender") -> None:
    from cdock.cli.commands.diff import show
    from cdock.core.ids import parse_task_id
    from cdock.wiring import workspaces

    task = parse_task_id(one.task)
    if task:
        show(workspaces(here).diff(task))


def _person() -> str:
    from cdock.cli.wishing import person

    return person()


def _tell(here: "Site", winner: "Contender") -> None:
    from cdock.cli.tasks import find_task, read_mirror

    task = find_task(read_mirror(here.clone.state)["tasks"], str(winner.issue))
    pull = task["github"]["pr_number"]
    click.echo(f"picked #{winner.issue} {winner.worktree}" + (f": pull request #{pull}" if pull else ""))
    if not pull:
        click.echo("its pull request opens when its agent has finished, and a poller runs", err=True)

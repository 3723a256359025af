"""`cdock kill`: end tasks for good; what was done is kept as refs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from cdock.cli.members import Member


@click.command(short_help="End tasks for good: agents, worktrees and branches go.")
@click.argument("tasks", nargs=-1, metavar="[TASK|PATTERN]...")
@click.option("--batch", default="", metavar="BATCH", help="All tasks of this batch.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--force", is_flag=True, help="Also those with an open pull request, which is closed with its branch."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the running poller; the wishes are kept in any case.",
)
@click.pass_obj
def command(start: Path, tasks: tuple[str, ...], batch: str, yes: bool, force: bool, timeout: float) -> int:
    """End TASKs: agents stop, containers, worktrees and branches go, and the issues are closed as not planned.

    A PATTERN such as 'auth-*' names all open tasks whose worktree, id or batch fits. Commits stay on the forge as refs
    below refs/cdock/kept, and what is not committed stays on this machine. Issues that nobody has claimed are closed,
    too. The running poller ends the tasks; where none runs, this command does.

    \b
    Examples:
      cdock kill 42
      cdock kill 'auth-*' --yes
      cdock kill --batch auth-1f0c22ab
    """
    from cdock.cli import wishing
    from cdock.cli.ending import end, look
    from cdock.cli.members import chosen, joined, of_mirror, of_outbox
    from cdock.cli.tasks import read_mirror
    from cdock.wiring import site

    if not tasks and not batch:
        raise click.UsageError("name a task, or give --batch")
    here = site(start)
    mirror, yard = read_mirror(here.clone.state), look(here)
    every = joined(of_mirror(mirror), yard.unclaimed, of_outbox(here.clone.state))
    meant = chosen(every, tasks, batch=batch, tasks=mirror["tasks"])
    found = [member for member in meant if member.status != "foreign"]
    _require_force([member for member in found if member.status == "in-review"], force=force)
    _ask(found, yes=yes)
    reason = f"Ended by {wishing.person()} at a terminal."
    code = end(yard, found, reasons={member.issue: reason for member in found}, timeout=timeout)
    if code:
        return code
    for member in found:
        click.echo(f"{member.called}\t{member.worktree}")
    if len(found) < len(meant):
        names = ", ".join(member.called for member in meant if member.status == "foreign")
        click.echo(f"left to the poller that holds them: {names}", err=True)
        return 3
    return 0


def _require_force(reviewed: "Sequence[Member]", *, force: bool) -> None:
    if reviewed and not force:
        names = ", ".join(f"{member.called} {member.worktree}".strip() for member in reviewed)
        raise Refused(
            f"there are open pull requests of {names}",
            code="CD504",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="--force closes them with their branches; or leave these tasks out",
        )


def _ask(found: "Sequence[Member]", *, yes: bool) -> None:
    """Show what is about to go. Raises `Misconfigured` where nobody could answer; aborts when the answer is no."""
    from cdock.cli.console import clean

    for member in found:
        click.echo(
            f"  {member.called:<9} {member.status:<12} {member.worktree:<20} {clean(member.title)[:60]}",
            err=True,
        )
    if yes:
        return
    click.echo(
        "Commits stay on the forge below refs/cdock/kept, what is not committed on this machine. Agents, containers, "
        "worktrees and branches go, and the issues are closed as not planned.",
        err=True,
    )
    if not sys.stdin.isatty():
        raise Misconfigured(
            "this would ask before it ends anything, and nobody is there to answer",
            code="CD505",
            tried="looking for a terminal",
            fix="cdock kill --yes",
        )
    click.confirm(f"End {len(found)}?", abort=True, err=True)

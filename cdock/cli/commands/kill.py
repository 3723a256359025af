"""`cdock kill`: end tasks for good; what was done is kept as refs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdock.core.errors import Misconfigured, Refused, Unavailable

if TYPE_CHECKING:
    from cdock.cli.members import Member
    from cdock.ports import Forge
    from cdock.wiring import Site


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
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli import wishing
    from cdock.cli.carrying import carry_out, end_runs
    from cdock.cli.members import chosen, joined, of_forge, of_mirror, of_outbox, of_queue
    from cdock.cli.outgoing import because
    from cdock.cli.tasks import parsed_id, read_mirror
    from cdock.core.wishes import WishKind
    from cdock.wiring import credential, forge, site

    if not tasks and not batch:
        raise click.UsageError("name a task, or give --batch")
    here = site(start)
    state, mirror = here.clone.state, read_mirror(here.clone.state)
    connection, away = forge(here, by=credential(here)), None
    try:
        unclaimed = of_forge(connection, here.settings)
    except Unavailable as error:
        unclaimed, away = of_queue(mirror), error
    every = joined(of_mirror(mirror), unclaimed, of_outbox(state))
    meant = chosen(every, tasks, batch=batch, tasks=mirror["tasks"])
    found = [member for member in meant if member.status != "foreign"]
    _require_force([member for member in found if member.status == "in-review"], force=force)
    _ask(found, yes=yes)
    _take_back(here, found)
    reason = f"Ended by {wishing.person()} at a terminal."
    claimed = {member.issue: dict(member.task) for member in found if member.task}
    wishes = {wishing.wish(state, WishKind.DROP, task, reason).id for task in claimed.values()}
    left = _close(connection, [m.issue for m in found if m.issue and not m.task], away=away)
    if poller_runs(state):
        issues = {member.issue for member in found} - {0}

        def ended() -> bool:
            # One that was being claimed while its issue was closed is ended like the others.
            for member in of_mirror(read_mirror(state)):
                if member.issue in issues and member.issue not in claimed and member.task:
                    claimed[member.issue] = dict(member.task)
                    wishes.add(wishing.wish(state, WishKind.DROP, claimed[member.issue], reason).id)
            return not any(here.wishes.waits(wish) for wish in wishes)

        wishing.wait(state, "end of the tasks", ended, limit=timeout)
    elif claimed:
        with only_poller(state):
            try:
                carry_out(here, issues=claimed, wishes=wishes)
            except Unavailable as error:
                count = end_runs(here, [parsed_id(task) for task in claimed.values()])
                click.echo(
                    f"ended {count} agents; {because(error)}: the wishes are kept, and `cdock run` does the rest",
                    err=True,
                )
                return error.exit_code
    for member in found:
        if member.issue not in left:
            click.echo(f"{member.called}\t{member.worktree}")
    if left and away:
        raise Unavailable(
            f"{len(left)} that nobody has claimed are still open: {because(away)}",
            tried=f"closing {', '.join(f'#{number}' for number in left)}",
            fix="the same command again, when the forge is back",
        )
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


def _take_back(here: "Site", found: "Sequence[Member]") -> None:
    """Forget what was not sent yet. What may have arrived is left to `cdock sync`, which knows how to find out.

    Raises:
        Refused: there is such; nothing was forgotten.
    """
    ops, issues = {member.op for member in found if member.op}, {member.issue for member in found} - {0}
    kept = [entry for entry in here.outbox.list() if entry.op in ops or entry.number in issues]
    for entry in kept:
        if entry.tries and not entry.number:
            raise Refused(
                f"{entry.name} may be an issue by now",
                code="CD506",
                tried=f"taking back {entry.title!r}, which was sent and not answered",
                fix="`cdock sync` finds out, or drops it with --drop; then the same command again",
            )
    for entry in kept:
        here.outbox.remove(entry.op)


def _close(connection: "Forge", issues: Sequence[int], *, away: Any) -> list[int]:
    """Close issues that nobody has claimed; those that are still open."""
    if away is None:
        for number in issues:
            connection.ensure_closed(number, dropped=True)
        return []
    return list(issues)

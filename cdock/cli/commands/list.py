"""`cdock list`: the tasks by batch and by plan."""

from pathlib import Path

import click

from cdock.cli.commands.status import FIELDS, tell


@click.command(short_help="Every task, by batch and by plan.")
@click.option("--json", "fields", metavar="FIELDS", help=f"As JSON; fields: {', '.join(FIELDS)}.")
@click.option("--group/--no-group", default=True, show_default=True, help="Whether to group them.")
@click.pass_obj
def command(start: Path, fields: str | None, group: bool) -> int:
    """Show every task as `cdock status --group` does: those of a batch together, then those of a plan, then all others.

    Of batches and plans the issues that nobody has claimed yet are shown as well.

    \b
    Examples:
      cdock list
      cdock list --json issue,batch,status
    """
    return tell(start, fields, group=group)

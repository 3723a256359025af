"""`cdock retry`: a new round for tasks that are stuck, with what was learnt."""

from pathlib import Path
from typing import Any

import click

STUCK = ("failed", "needs-help", "waiting")


@click.command(short_help="A new round for tasks that are stuck.")
@click.argument("tasks", nargs=-1, metavar="[TASK|PATTERN]...")
@click.option("--failed", is_flag=True, help="All tasks that ran out of tries, and ask nothing else.")
@click.pass_obj
def command(start: Path, tasks: tuple[str, ...], failed: bool) -> int:
    """Try again: the next attempt is told what the earlier ones tried and why they failed.

    A PATTERN such as 'auth-*' names all tasks whose id fits and that are stuck or stopped.

    \b
    Examples:
      cdock retry 42
      cdock retry 'auth-*' 57
      cdock retry --failed
    """
    from cdock.cli import wishing
    from cdock.cli.tasks import find_state, find_tasks, is_pattern, read_mirror, require_here, task_id_of
    from cdock.core.errors import Refused
    from cdock.core.wishes import WishKind

    if not tasks and not failed:
        raise click.UsageError("name a task, or give --failed")
    state = find_state(start)
    known = read_mirror(state)["tasks"]
    chosen = {task_id_of(task): task for task in known if failed and out_of_tries(task)}
    for name in tasks:
        for task in find_tasks(known, [name]):
            if task["status"] in STUCK:
                chosen[task_id_of(task)] = require_here(task)
            elif not is_pattern(name):
                raise Refused(
                    f"{task_id_of(task)} is {task['status']}: there is nothing to try again",
                    code="CD446",
                    tried=f"looking for one of {', '.join(STUCK)}",
                    fix=f'cdock prompt {task["github"]["issue_number"]} "…" tells its agent what to do',
                )
    for name, task in chosen.items():
        wishing.wish(state, WishKind.RETRY, task)
        click.echo(f"#{task['github']['issue_number']}\t{name}")
    if chosen:
        click.echo(f"a new round for {len(chosen)}: {wishing.who_does_it(state)}", err=True)
    else:
        click.echo("no task is stuck", err=True)
    return 0


def out_of_tries(task: dict[str, Any]) -> bool:
    """Whether a budget ended the work on a task of the mirror, rather than a question of its agent."""
    return task["status"] == "failed" or (task["status"] == "needs-help" and bool(task.get("stuck")))

"""`cdock help-agent`: ask people about a task, from outside of its container as from inside."""

from pathlib import Path
from typing import Any

import click


@click.command("help-agent", short_help="Open a help issue for a task.")
@click.argument("question", nargs=-1)
@click.option("-F", "--file", metavar="FILE", help="The question from a file; - is standard input.")
@click.option("--task", "named", metavar="TASK", help="The task; else the one whose worktree this is.")
@click.pass_obj
def command(start: Path, question: tuple[str, ...], file: str | None, named: str | None) -> int:
    """Open a help issue with QUESTION for the task whose worktree you are in, or for --task.

    The running attempt ends, keeping its work, and goes on with the answer. Agents have the same verb where they work.
    Lines such as `- [ ] Use PostgreSQL` become boxes, one tick of which is an answer.

    \b
    Examples:
      cdock help-agent --task 42 "Should old sessions be logged out?"
      cd .cdock/worktrees/add-login.a7b2c8d && cdock help-agent "Is this the right file?"
    """
    from cdock.cli import wishing
    from cdock.cli.outgoing import text_of
    from cdock.cli.tasks import find_state, find_task, read_mirror, require_here, task_id_of
    from cdock.core.wishes import WishKind

    state = find_state(start)
    tasks = read_mirror(state)["tasks"]
    found = require_here(find_task(tasks, named) if named else _of_worktree(tasks, start))
    asked = text_of(" ".join(question) if question else None, file)
    wishing.wish(state, WishKind.HELP, found, wishing.words(asked, what="the question"))
    click.echo(f"a question about {task_id_of(found)}: {wishing.who_does_it(state)}", err=True)
    return 0


def _of_worktree(tasks: list[dict[str, Any]], start: Path) -> dict[str, Any]:
    """The task whose worktree `start` is in.

    Raises:
        Refused: it is in none.
    """
    from cdock.core.errors import Refused

    here = start.resolve()
    for task in tasks:
        worktree = task.get("worktree")
        if worktree and here.is_relative_to(Path(worktree).resolve()):
            return task
    raise Refused(
        "this is not the worktree of a task",
        code="CD447",
        tried=f"comparing {here} with the worktrees in this clone's mirror",
        fix="name the task: cdock help-agent --task 42 …",
    )

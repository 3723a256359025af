"""`cdock answer`: answer the question of a task's agent, online or not."""

import json
from pathlib import Path
from typing import Any

import click


@click.command(short_help="Answer the question of a task's agent.")
@click.argument("task")
@click.argument("text", nargs=-1)
@click.option("-F", "--file", metavar="FILE", help="The answer from a file; - is standard input.")
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Whether to wait a few seconds for GitHub; kept it is either way.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(
    start: Path, task: str, text: tuple[str, ...], file: str | None, wait: bool, as_json: bool
) -> int:
    """Write TEXT as a comment on the open help issue of TASK; the same agent goes on with it.

    TASK is its issue, its id, the beginning of its id, or the help issue itself. The answer is kept on this machine
    first; while GitHub is away that is all that happens, and it is delivered later, once, if the question is still
    open by then.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from cdock.cli.outgoing import hand_over, say_kept, text_of
    from cdock.cli.tasks import find_state, read_mirror
    from cdock.core.outbox import new_answer

    state = find_state(start)
    number = _help_of(read_mirror(state)["tasks"], task)
    said = text_of(" ".join(text) if text else None, file)
    entry = new_answer(uuid4(), on=number, body=said, now=datetime.now(UTC).replace(microsecond=0))
    handed = hand_over(start, state, entry, wait=wait)
    handed.require_accepted()
    if as_json:
        fields = {name: handed.record[name] for name in ("op", "state", "on", "url")}
        click.echo(json.dumps({"schema": 1, "data": fields, "meta": {"why": handed.why}}, ensure_ascii=False))
    elif handed.done:
        click.echo(f"#{number} {handed.record['url']}")
    else:
        say_kept(handed, what="the answer", say=lambda line: click.echo(line, err=True))
    return 0


def _help_of(tasks: list[dict[str, Any]], named: str) -> int:
    """The open help issue of the task that is named, or that is named itself.

    Raises:
        Refused: there is no such task, or it asks nothing.
    """
    from cdock.cli.tasks import find_task, task_id_of
    from cdock.core.errors import Refused

    bare = named.strip().removeprefix("#").rpartition("/")[2]
    asked = [task["help_number"] for task in tasks if task.get("help_number")]
    if bare.isdecimal() and int(bare) in asked:
        return int(bare)
    task = find_task(tasks, named)
    if number := task.get("help_number"):
        return int(number)
    raise Refused(
        f"{task_id_of(task)} asks nothing: it has no open help issue that was seen",
        code="CD443",
        tried="looking into the mirror, which is as old as `cdock status` says",
        fix=f"write a comment on #{task['github']['issue_number']}, or wait until it asks",
    )

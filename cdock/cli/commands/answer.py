"""`cdock answer`: answer the question of a task's agent, online or not."""

import json
from pathlib import Path
from typing import Any

import click

from cdock.cli.saying import say, words_options


@click.command(short_help="Answer the question of a task's agent.")
@click.argument("task")
@click.argument("text", nargs=-1)
@click.option("-F", "--file", metavar="FILE", help="The answer from a file; - is standard input.")
@words_options
@click.pass_obj
def command(
    start: Path, task: str, text: tuple[str, ...], file: str | None, wait: bool, as_json: bool
) -> int:
    """Write TEXT as a comment on the open help issue of TASK; the same agent goes on with it.

    TASK is its issue, its id, the beginning of its id, or the help issue itself. Without TEXT the question is shown,
    with the choices that the help issue offers as boxes. The answer is kept on this machine first; while the
    forge is away that is all that happens, and it is delivered later, once, if the question is still open by then.

    \b
    Examples:
      cdock answer 42
      cdock answer 42 "The table is called customers since March."
      cdock answer auth --file answer.md
    """
    from cdock.cli.outgoing import text_of
    from cdock.cli.tasks import find_state, read_mirror

    state = find_state(start)
    found = _asking(read_mirror(state)["tasks"], task)
    if not text and file is None:
        return _show(found, as_json=as_json)
    number = int(found["help_number"])
    said = text_of(" ".join(text) if text else None, file)
    return say(start, state, on=number, body=said, what="the answer", wait=wait, as_json=as_json)


def _asking(tasks: list[dict[str, Any]], named: str) -> dict[str, Any]:
    """The task that is named, itself or by its open help issue.

    Raises:
        Refused: there is no such task, or it asks nothing.
    """
    from cdock.cli.tasks import find_task, issue_of, task_id_of
    from cdock.core.errors import Refused

    number = issue_of(named)
    asked = [task for task in tasks if number is not None and task.get("help_number") == number]
    task = asked[0] if asked else find_task(tasks, named)
    if task.get("help_number"):
        return task
    raise Refused(
        f"{task_id_of(task)} asks nothing: it has no open help issue that was seen",
        code="CD443",
        tried="looking into the mirror, which is as old as `cdock status` says",
        fix=f'cdock prompt {task["github"]["issue_number"]} "…" says something to its agent all the same',
    )


def _show(task: dict[str, Any], *, as_json: bool) -> int:
    """Print the question and what it offers."""
    from cdock.cli.console import clean

    number, choices = task["github"]["issue_number"], task.get("choices") or []
    question = str(task.get("question") or "")
    if as_json:
        about = {"issue": number, "help": task["help_number"], "question": question, "choices": choices}
        click.echo(json.dumps({"schema": 1, "data": about, "meta": {}}, ensure_ascii=False))
        return 0
    for line in question.splitlines() or ["(the question is in the help issue)"]:
        click.echo(clean(line))
    for choice in choices:
        click.echo(f"- [ ] {clean(str(choice['text']))}")
    hint = f'cdock answer {number} "…" answers #{task["help_number"]}'
    click.echo(f"{hint}{', and so does a tick there' if choices else ''}", err=True)
    return 0

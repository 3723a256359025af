"""`cdock create`: a new task, online or not."""

import json
from pathlib import Path

import click


@click.command(short_help="A new task: an issue, labelled so that work starts.")
@click.argument("title")
@click.option("-b", "--body", "--prompt", metavar="TEXT", help="What is to be done, in full.")
@click.option("-F", "--body-file", metavar="FILE", help="The same from a file; - is standard input.")
@click.option("-l", "--label", "labels", metavar="LABEL", multiple=True, help="One more label (repeatable).")
@click.option("--worktree", default="", metavar="NAME", help="What its worktree and branch are called.")
@click.option("--acceptance", metavar="CMD", multiple=True, help="A command that has to pass (repeatable).")
@click.option("--files", metavar="GLOB", multiple=True, help="Files that it changes (repeatable).")
@click.option(
    "--depends",
    type=click.IntRange(min=1),
    metavar="N",
    multiple=True,
    help="An issue before it (repeatable).",
)
@click.option("--agent", default="", metavar="NAME", help="Who works on it.")
@click.option("--model", default="", metavar="NAME", help="The agent's model.")
@click.option(
    "--ready/--no-ready", default=True, show_default=True, help="Whether it gets the label that starts work."
)
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Whether to wait a few seconds for its number; kept it is either way.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(
    start: Path,
    title: str,
    body: str | None,
    body_file: str | None,
    labels: tuple[str, ...],
    worktree: str,
    acceptance: tuple[str, ...],
    files: tuple[str, ...],
    depends: tuple[int, ...],
    agent: str,
    model: str,
    ready: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Open an issue with TITLE, labelled agent-ready, and print its number and address.

    What its options say becomes sections of its text. It is kept on this machine first. While the forge is away that is
    all that happens: `cdock sync`, or the poller by itself, opens the issue when it is back, once.

    \b
    Examples:
      cdock create "Add OAuth login" --acceptance "pytest -q" --files 'src/auth/**'
      cdock create fix-42 --prompt "Write a failing test" --worktree fix-42 --depends 41
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from cdock.cli.making import Wanted, body_of, require_agents, require_free
    from cdock.cli.outgoing import hand_over, say_kept, text_of
    from cdock.cli.tasks import find_state
    from cdock.core.outbox import new_issue

    state = find_state(start)
    if worktree:
        from cdock.cli.pairs import require_name

        require_name(worktree)
        require_free(state, [worktree])
    require_agents(start, {agent} - {""})
    wanted = Wanted(
        title,
        words=text_of(body, body_file),
        worktree=worktree,
        acceptance=acceptance,
        files=files,
        depends=tuple(dict.fromkeys(depends)),
        agent=agent,
        model=model,
    )
    entry = new_issue(
        uuid4(),
        title=title,
        body=body_of(wanted),
        labels=labels,
        ready=ready,
        now=datetime.now(UTC).replace(microsecond=0),
    )
    handed = hand_over(start, state, entry, wait=wait)
    handed.require_accepted()
    if as_json:
        fields = {name: handed.record[name] for name in ("op", "state", "number", "url", "title")}
        click.echo(json.dumps({"schema": 1, "data": fields, "meta": {"why": handed.why}}, ensure_ascii=False))
    elif handed.done:
        click.echo(f"#{handed.record['number']} {handed.record['url']}")
    else:
        say_kept(handed, what="the task", say=lambda line: click.echo(line, err=True))
    return 0

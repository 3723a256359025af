"""`cdock fanout`: one task tried by several agents side by side, online or not."""

import json
from pathlib import Path

import click

MOST = 50
"""Members of one batch."""
PREFIX = 27
"""Characters of a prefix: with its id, it is the name of a batch."""


@click.command(short_help="The same task for several agents, to pick the best.")
@click.argument("count", metavar="N", type=click.IntRange(1, MOST))
@click.argument("prefix", required=False, default="")
@click.option("-p", "--prompt", metavar="TEXT", help="What each of them is told.")
@click.option("-F", "--file", metavar="FILE", help="The same from a file; - is standard input.")
@click.option(
    "--title", default="", metavar="TEXT", help="The title of the issues; else the prompt's first line."
)
@click.option("--agents", default="", metavar="A,B", help="Who works on them, in turn.")
@click.option("--model", default="", metavar="NAME", help="The agents' model.")
@click.option("--acceptance", metavar="CMD", multiple=True, help="A command that has to pass (repeatable).")
@click.option("--files", metavar="GLOB", multiple=True, help="Files that it changes (repeatable).")
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Whether to wait a few seconds for their numbers; kept they are either way.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(
    start: Path,
    count: int,
    prefix: str,
    prompt: str | None,
    file: str | None,
    title: str,
    agents: str,
    model: str,
    acceptance: tuple[str, ...],
    files: tuple[str, ...],
    wait: bool,
    as_json: bool,
) -> int:
    """Open N issues with the same prompt, labelled agent-ready, in worktrees PREFIX-a1 to PREFIX-aN.

    Together they are a batch, whose name is printed. None of them gets a pull request before `cdock pick BATCH` has
    chosen one and closed the others; `cdock kill --batch BATCH` ends all. Without PREFIX a name is made up. All are
    kept on this machine first, as `cdock create` does.

    \b
    Examples:
      cdock fanout 5 --prompt "Refactor auth"
      cdock fanout 3 auth-refactor --file task.md --agents claude,codex --acceptance "pytest -q"
    """
    from uuid import uuid4

    from cdock.cli.making import Wanted, as_rows, require_agents, require_free, send, tell, title_of
    from cdock.cli.outgoing import text_of
    from cdock.cli.tasks import find_state
    from cdock.cli.wishing import words

    said = words(text_of(prompt, file), what="the prompt")
    _check_prefix(prefix)
    turns = [name.strip() for name in agents.split(",") if name.strip()]
    id_ = uuid4().hex[:8]
    batch = f"{prefix}-{id_}" if prefix else id_
    names = [f"{prefix or f'fanout-{id_}'}-a{number}" for number in range(1, count + 1)]
    state = find_state(start)
    require_free(state, names)
    require_agents(start, set(turns))
    head = title.strip() or title_of(said)
    wanted = [
        Wanted(
            f"{head} ({place + 1} of {count})",
            words=said,
            worktree=name,
            batch=batch,
            acceptance=acceptance,
            files=files,
            agent=turns[place % len(turns)] if turns else "",
            model=model,
        )
        for place, name in enumerate(names)
    ]
    handed = send(start, state, wanted, wait=wait)
    if as_json:
        data = {"batch": batch, "tasks": as_rows(wanted, handed)}
        click.echo(json.dumps({"schema": 1, "data": data, "meta": {}}, ensure_ascii=False))
        for each in handed:
            each.require_accepted()
        return 0
    click.echo(f"batch {batch}")
    tell(wanted, handed)
    click.echo(f"when they are done: cdock pick {batch}; to end them: cdock kill --batch {batch}", err=True)
    return 0


def _check_prefix(prefix: str) -> None:
    """Raises `Misconfigured` when worktrees and the batch cannot be called so."""
    from cdock.cli.pairs import name_problem
    from cdock.core.errors import Misconfigured

    why = name_problem(prefix) if prefix else ""
    if not why and len(prefix) > PREFIX:
        why = f"{prefix!r} is longer than {PREFIX} characters"
    if why:
        raise Misconfigured(
            why,
            code="CD500",
            tried="naming worktrees and the batch by the prefix",
            fix='cdock fanout 5 auth-refactor --prompt "…"',
        )

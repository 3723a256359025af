"""`cdock multi`: several tasks at once, online or not."""

import json
from pathlib import Path

import click


@click.command(short_help="Several tasks at once, each with its own prompt.")
@click.argument("tasks", nargs=-1, metavar="[NAME:PROMPT]...")
@click.option(
    "-F",
    "--file",
    metavar="FILE",
    help="Read them from a file, one NAME: PROMPT a line; - is standard input.",
)
@click.option("--acceptance", metavar="CMD", multiple=True, help="A command that has to pass (repeatable).")
@click.option("--agent", default="", metavar="NAME", help="Who works on them.")
@click.option("--model", default="", metavar="NAME", help="The agent's model.")
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
    tasks: tuple[str, ...],
    file: str | None,
    acceptance: tuple[str, ...],
    agent: str,
    model: str,
    wait: bool,
    as_json: bool,
) -> int:
    """Open an issue for each PROMPT, labelled agent-ready, whose worktree is called NAME.

    The first colon parts the two, and the quotes are your shell's. `cdock multi -` reads lines from standard input. All
    are kept on this machine first; while the forge is away that is all that happens, and each is opened later, once.

    \b
    Examples:
      cdock multi fix-auth:"Fix the login bug" add-tests:"Add tests: login, logout"
      cdock multi --file sprint.txt
    """
    from cdock.cli.making import Wanted, as_rows, require_agents, require_free, send, tell, title_of
    from cdock.cli.outgoing import text_of
    from cdock.cli.pairs import pairs_in, pairs_of
    from cdock.cli.tasks import find_state

    if tasks == ("-",):
        tasks, file = (), file or "-"
    if bool(tasks) == (file is not None):
        raise click.UsageError("give tasks as NAME:PROMPT, or a file with them")
    pairs = pairs_of(tasks) if file is None else pairs_in(text_of(None, file))
    state = find_state(start)
    require_free(state, [pair.name for pair in pairs])
    require_agents(start, {agent} - {""})
    wanted = [
        Wanted(
            title_of(pair.prompt),
            words=pair.prompt,
            worktree=pair.name,
            acceptance=acceptance,
            agent=agent,
            model=model,
        )
        for pair in pairs
    ]
    handed = send(start, state, wanted, wait=wait)
    if as_json:
        rows = as_rows(wanted, handed)
        click.echo(json.dumps({"schema": 1, "data": rows, "meta": {}}, ensure_ascii=False))
        for each in handed:
            each.require_accepted()
        return 0
    tell(wanted, handed)
    return 0

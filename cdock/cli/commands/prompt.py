"""`cdock prompt`: tell the agent of a task something, while it works or for its next turn."""

from pathlib import Path

import click


@click.command(short_help="Tell the agent of a task something.")
@click.argument("task")
@click.argument("text", nargs=-1)
@click.option("-F", "--file", metavar="FILE", help="The words from a file; - is standard input.")
@click.option("--wait", is_flag=True, help="End only when an agent has read it.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --wait waits.",
)
@click.pass_obj
def command(
    start: Path, task: str, text: tuple[str, ...], file: str | None, wait: bool, timeout: float
) -> int:
    """Say TEXT to the agent of TASK; - stands for standard input.

    An agent that can be spoken to while it works reads it before its next step, and nothing is interrupted. To any
    other, and when none runs, it is said at the beginning of the next turn, in the same conversation.

    \b
    Examples:
      cdock prompt 42 "The table is called customers since March."
      git diff | cdock prompt 42 -
      cdock prompt auth --wait "Run the slow tests too."
    """
    from cdock.adapters.files.wishes import FileWishes
    from cdock.cli import wishing
    from cdock.cli.outgoing import text_of
    from cdock.cli.tasks import find_state, find_task, read_mirror, require_here, task_id_of
    from cdock.core.wishes import WishKind

    state = find_state(start)
    found = require_here(find_task(read_mirror(state)["tasks"], task))
    said = text_of(None, "-") if text == ("-",) else text_of(" ".join(text) if text else None, file)
    wish = wishing.wish(state, WishKind.PROMPT, found, wishing.words(said, what="the message"))
    click.echo(f"for the agent of {task_id_of(found)}: {wishing.who_does_it(state)}", err=True)
    if wait:
        wishes = FileWishes(state / "wishes")
        wishing.wait(state, "agent that read it", lambda: not wishes.waits(wish.id), limit=timeout)
        click.echo("read", err=True)
    return 0

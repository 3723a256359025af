"""`cdock create`: a new task, online or not."""

import json
from pathlib import Path

import click


@click.command(short_help="A new task: an issue, labelled so that work starts.")
@click.argument("title")
@click.option("-b", "--body", metavar="TEXT", help="What is to be done, in full.")
@click.option("-F", "--body-file", metavar="FILE", help="The same from a file; - is standard input.")
@click.option("-l", "--label", "labels", metavar="LABEL", multiple=True, help="One more label (repeatable).")
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
    ready: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Open an issue with TITLE, labelled agent-ready, and print its number and address.

    It is kept on this machine first. While the forge is away that is all that happens: `cdock sync`, or the poller by
    itself, opens the issue when it is back, once.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from cdock.cli.outgoing import hand_over, say_kept, text_of
    from cdock.cli.tasks import find_state
    from cdock.core.outbox import new_issue

    state = find_state(start)
    entry = new_issue(
        uuid4(),
        title=title,
        body=text_of(body, body_file),
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

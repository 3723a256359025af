"""Words of a person on an issue, said at the terminal: kept first, and delivered once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def words_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a verb that says something on an issue: `wait` and `as_json`."""
    wait = click.option(
        "--wait/--no-wait",
        default=True,
        show_default=True,
        help="Whether to wait a few seconds for the forge; kept it is either way.",
    )
    return wait(click.option("--json", "as_json", is_flag=True, help="As JSON.")(command))


def say(start: Path, state: Path, *, on: int, body: str, what: str, wait: bool, as_json: bool) -> int:
    """Write `body` as a comment on the issue `on`, as the person's words; the exit code. `what` is what it is called.

    Raises:
        Refused: the forge will not take it; it is kept.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from cdock.cli.outgoing import hand_over, say_kept
    from cdock.core.outbox import new_answer

    entry = new_answer(uuid4(), on=on, body=body, now=datetime.now(UTC).replace(microsecond=0))
    handed = hand_over(start, state, entry, wait=wait)
    handed.require_accepted()
    if as_json:
        fields = {name: handed.record[name] for name in ("op", "state", "on", "url")}
        click.echo(json.dumps({"schema": 1, "data": fields, "meta": {"why": handed.why}}, ensure_ascii=False))
    elif handed.done:
        click.echo(f"#{on} {handed.record['url']}")
    else:
        say_kept(handed, what=what, say=lambda line: click.echo(line, err=True))
    return 0

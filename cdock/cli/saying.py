"""Slash commands from the terminal: a person's words on an issue, kept first and delivered once."""

import json
from pathlib import Path

import click


def say_command(start: Path, state: Path, *, on: int, command: str, wait: bool, as_json: bool) -> int:
    """Write `command` as a comment on the issue `on`, as the person's words; the exit code.

    Raises:
        Refused: the forge will not take it; it is kept.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from cdock.cli.outgoing import hand_over, say_kept
    from cdock.core.outbox import new_answer

    entry = new_answer(uuid4(), on=on, body=command, now=datetime.now(UTC).replace(microsecond=0))
    handed = hand_over(start, state, entry, wait=wait)
    handed.require_accepted()
    if as_json:
        fields = {name: handed.record[name] for name in ("op", "state", "on", "url")}
        click.echo(json.dumps({"schema": 1, "data": fields, "meta": {"why": handed.why}}, ensure_ascii=False))
    elif handed.done:
        click.echo(f"#{on} {command} {handed.record['url']}")
    else:
        say_kept(handed, what=f"`{command}` for #{on}", say=lambda line: click.echo(line, err=True))
    return 0

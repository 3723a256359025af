"""`cdock stage`: what a person says of one task: it is complete, it is blocked, it starts anew."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdock.cli.saying import say, words_options
from cdock.core.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from cdock.wiring import Site

WORDS = {"block": "/cdock pause", "reset": "/cdock retry"}
"""What is said on the issue."""


@click.command(short_help="Say that a task is complete, blocked, or starts anew.")
@click.argument("task")
@click.argument("what", type=click.Choice(["complete", *WORDS]))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@words_options
@click.pass_obj
def command(start: Path, task: str, what: str, yes: bool, wait: bool, as_json: bool) -> int:
    """Say of TASK that it is complete: its issue is closed as such, and what comes after it may start.

    That is refused while it has work that is not on the default branch. `block` lets a running attempt end and starts
    no other (`/cdock pause`); `reset` starts a new round with what was learnt (`/cdock retry`). These two are comments,
    kept on this machine first, and delivered later while the forge is away.

    \b
    Examples:
      cdock stage 42 complete
      cdock stage auth block
    """
    from cdock.cli.tasks import find_task, read_mirror, require_here
    from cdock.wiring import site

    here = site(start)
    found = require_here(find_task(read_mirror(here.clone.state)["tasks"], task))
    number = found["github"]["issue_number"]
    if what != "complete":
        _require_sense(found, what)
        said, state = WORDS[what], here.clone.state
        return say(
            start, state, on=number, body=said, what=f"`{said}` for #{number}", wait=wait, as_json=as_json
        )
    _require_merged(here, found)
    _ask(found, yes=yes)
    _close(here, number)
    click.echo(f"#{number} is closed as completed")
    return 0


def _require_sense(task: dict[str, Any], what: str) -> None:
    number, status = task["github"]["issue_number"], task["status"]
    if what == "reset" and status in ("in-progress", "in-review"):
        raise Refused(
            f"#{number} is {status}: it cannot start anew",
            code="CD510",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix=f"`cdock stop {number}` first"
            if status == "in-progress"
            else "close its pull request first, or ask for changes in a review",
        )


def _require_merged(here: "Site", task: dict[str, Any]) -> None:
    """Raises `Refused` while the default branch lacks something of the task."""
    from cdock.adapters.git.landing import LandingGround
    from cdock.wiring import credential, repository

    ground = LandingGround(here.place, url=repository(here).clone_url, token=credential(here).token)
    heads = ground.heads(here.settings.branch.prefix)
    tip, number = heads.tips.get(task["branch"], ""), task["github"]["issue_number"]
    ahead = ground.ahead(tip, of=heads.commit) if tip else 0
    if ahead:
        raise Refused(
            f"{heads.default} lacks {ahead} commit{'' if ahead == 1 else 's'} of #{number}",
            code="CD511",
            tried=f"comparing {task['branch']} with it on the forge",
            fix=f"`cdock land {number}`; or `cdock kill {number}` gives the work up and keeps it as a ref",
        )


def _ask(task: dict[str, Any], *, yes: bool) -> None:
    from cdock.cli.console import clean

    number = task["github"]["issue_number"]
    if yes:
        return
    if not sys.stdin.isatty():
        raise Misconfigured(
            "this would ask before it closes the issue, and nobody is there to answer",
            code="CD505",
            tried="looking for a terminal",
            fix="cdock stage --yes",
        )
    running = ", whose agent is ended" if task["status"] == "in-progress" else ""
    click.confirm(f"Close #{number} {clean(task['title'])!r} as completed{running}?", abort=True, err=True)


def _close(here: "Site", number: int) -> None:
    from cdock.core.issues import Watch
    from cdock.wiring import credential, forge

    connection, labels = forge(here, by=credential(here)), here.settings.policy().labels
    connection.look(Watch(ready=labels.ready, help=labels.help_issue, held=frozenset({number})))
    connection.ensure_closed(number)

"""`cdock verify`: run a task's acceptance commands on its branch, and say what one thinks of it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cdock.core.runs import CheckResult
    from cdock.wiring import Site

SHOWN = 2_000
"""Characters of the output that an agent is told with a rejection."""


@click.command(short_help="Run a task's acceptance commands and say what you think of it.")
@click.argument("task")
@click.option("-y", "--yes", is_flag=True, help="Do not ask: approve what passes, and only that.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; asks nothing.")
@click.pass_obj
def command(start: Path, task: str, yes: bool, as_json: bool) -> int:
    """Run the acceptance commands of TASK on its branch as it is on the forge, in a fresh workspace, and show them.

    Then it asks. Approving changes nothing: the pull request, or the gate of its plan, is where work is accepted. What
    you say when you reject it is told to its agent, which goes on with that. The exit code is 0 for approved, else 1.

    \b
    Examples:
      cdock verify 42
      cdock verify 42 --yes
    """
    from cdock.cli.checks import desk, run_checks
    from cdock.cli.tasks import find_task, read_mirror, task_id_of
    from cdock.wiring import site

    here = site(start)
    found = find_task(read_mirror(here.clone.state)["tasks"], task)
    commands = _acceptance(here, found)
    commit = _tip(here, found)
    click.echo(f"{task_id_of(found)} at {commit[:12]}", err=True)
    result = run_checks(desk(here), commit, commands, name=f"verify {task_id_of(found)}")
    passed = result.exit_code == 0
    if as_json:
        row = {
            "issue": found["github"]["issue_number"],
            "task": task_id_of(found),
            "commit": commit,
            "exit_code": result.exit_code,
            "output": result.tail,
        }
        click.echo(json.dumps({"schema": 1, "data": row, "meta": {}}, ensure_ascii=False))
        return 0 if passed else 1
    click.echo("passed" if passed else f"failed with exit code {result.exit_code}", err=True)
    if yes or not sys.stdin.isatty():
        return _approved(found) if passed else 1
    if click.confirm("Approve?", default=passed, err=True):
        return _approved(found)
    words = click.prompt("What is to be done otherwise (empty: say nothing)", default="", err=True).strip()
    if words:
        _reject(start, here, found, words, result)
    return 1


def _acceptance(here: "Site", task: dict[str, Any]) -> tuple[str, ...]:
    from cdock.core.errors import Refused

    own = (task.get("brief") or {}).get("acceptance", ())
    commands = tuple(dict.fromkeys((*here.settings.policy().acceptance, *own)))
    if commands:
        return commands
    raise Refused(
        f"#{task['github']['issue_number']} has no acceptance commands, and cdock.toml has none",
        code="CD466",
        tried="looking for [acceptance] commands and for a section Acceptance in its issue",
        fix="add them there; `cdock bash TASK` is a shell in its workspace meanwhile",
    )


def _tip(here: "Site", task: dict[str, Any]) -> str:
    """The newest commit of the task's branch on the forge, fetched."""
    from cdock.adapters.git.landing import LandingGround
    from cdock.core.errors import Refused
    from cdock.wiring import credential, repository

    ground = LandingGround(here.place, url=repository(here).clone_url, token=credential(here).token)
    if tip := ground.heads(task["branch"]).tips.get(task["branch"]):
        return tip
    raise Refused(
        f"{task['branch']} is not on the forge",
        code="CD467",
        tried="looking for the work to verify",
        fix="wait until its agent has committed something; `cdock diff TASK` shows what there is here",
    )


def _approved(task: dict[str, Any]) -> int:
    if (task.get("brief") or {}).get("plan"):
        click.echo("its plan goes on when its stage is approved: `cdock approve`", err=True)
    return 0


def _reject(start: Path, here: "Site", task: dict[str, Any], words: str, result: "CheckResult") -> None:
    """Tell the agent; how that starts it again depends on where the task stands."""
    from datetime import UTC, datetime, timedelta
    from uuid import uuid4

    from cdock.cli import wishing
    from cdock.cli.outgoing import hand_over, say_kept
    from cdock.cli.tasks import require_here
    from cdock.core.outbox import new_answer
    from cdock.core.quoting import fenced
    from cdock.core.wishes import WishKind

    if result.exit_code:
        # What the work prints is not what the person says, and mentions nobody in their name.
        tail = fenced(result.tail, limit=SHOWN)
        words = f"{words}\n\nThe acceptance commands ended with exit code {result.exit_code}:\n\n{tail}"
    state, number = here.clone.state, task["github"]["issue_number"]
    if task["status"] == "in-review":
        # A command to try again is refused there, and a comment on the issue is talk among people.
        wishing.wish(state, WishKind.PROMPT, require_here(task), wishing.words(words, what="the rejection"))
        click.echo(f"told to its agent: {wishing.who_does_it(state)}", err=True)
        return
    now = datetime.now(UTC).replace(microsecond=0)
    said = hand_over(start, state, new_answer(uuid4(), on=number, body=words, now=now), wait=True)
    again = new_answer(uuid4(), on=number, body="/cdock retry", now=now + timedelta(seconds=1))
    handed = hand_over(start, state, again, wait=said.done)
    for each in (said, handed):
        each.require_accepted()
    if handed.done:
        click.echo(f"#{number} {handed.record['url']}", err=True)
    else:
        say_kept(handed, what="the rejection", say=lambda line: click.echo(line, err=True))

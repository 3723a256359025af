"""`cdock approve`: let a plan become issues, or its next stage start, online or not."""

from pathlib import Path
from typing import Any

import click

from cdock.cli.saying import say, words_options


@click.command(short_help="Let a plan go on: publish its proposal, or start its next stage.")
@click.argument("plan")
@click.argument("stage", required=False, type=click.IntRange(min=1))
@words_options
@click.pass_obj
def command(start: Path, plan: str, stage: int | None, wait: bool, as_json: bool) -> int:
    """Comment `/cdock approve` on the issue of PLAN, which approves STAGE: the one that is finished, and open.

    Of a plan that is still talked about, it approves the proposal. What is known on this machine is looked at first.
    The word is kept here, too: while the forge is away that is all that happens, and it is delivered later, once.

    \b
    Examples:
      cdock approve 7
      cdock approve 7 2
    """
    from cdock.cli.tasks import find_state, find_task, issue_of, read_mirror

    state = find_state(start)
    tasks = read_mirror(state)["tasks"]
    number = issue_of(plan)
    known = {task["github"]["issue_number"]: task for task in tasks}
    if number is None or number in known:
        task = known[number] if number else find_task(tasks, plan)
        number, stage = task["github"]["issue_number"], _stage(task, stage)
    said = f"/cdock approve {stage}" if stage else "/cdock approve"
    return say(start, state, on=number, body=said, what=f"`{said}` for #{number}", wait=wait, as_json=as_json)


def _stage(task: dict[str, Any], wanted: int | None) -> int | None:
    """The stage that is approved; it is said, so that a late word approves no other. None for a proposal.

    Raises:
        Refused: it is no plan, or that stage does not wait for anybody.
    """
    from cdock.cli.tasks import require_here
    from cdock.core.errors import Refused

    number, opened = task["github"]["issue_number"], int(task.get("opened") or 0)
    why = fix = ""
    if not task.get("plans"):
        why = f"#{number} is no plan: work is approved by merging its pull request"
        fix = f"`cdock land {number}` merges it; `cdock list` shows plans"
    elif require_here(task) and not opened:
        if wanted:
            why = f"#{number} is still talked about, and has no stages yet"
            fix = f"`cdock approve {number}` approves its proposal"
    elif wanted not in (None, opened):
        why = f"stage {opened} of #{number} is the one that is open"
        fix = f"`cdock approve {number}`, when it is finished"
    elif task["status"] == "planned":
        why = f"stage {opened} of #{number} is not finished"
        fix = "wait until nothing of it is going on: `cdock list` shows its tasks"
    if why:
        raise Refused(
            why,
            code="CD509",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix=fix,
        )
    return opened or None

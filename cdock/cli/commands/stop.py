"""`cdock stop`: end work on a task, keeping what was done."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from cdock.core.ids import TaskId
    from cdock.wiring import Site

TICKS = 40
"""Rounds after which this command gives up; stopping takes about six."""


@click.command(short_help="Stop work on a task; what was done is kept.")
@click.argument("task")
@click.pass_obj
def command(start: Path, task: str) -> int:
    """Stop the agent of TASK. Its commits are pushed; the label agent-ready lets it go on.

    The running poller does it; where none runs, this command does. While the forge is away the agent is ended all the
    same, and what has to be written there follows when it is back.
    """
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli import wishing
    from cdock.cli.console import talk
    from cdock.cli.tasks import find_task, parsed_id, read_mirror, require_here
    from cdock.core.wishes import WishKind
    from cdock.wiring import site

    here = site(start)
    found = require_here(find_task(read_mirror(here.clone.state)["tasks"], task))
    name = parsed_id(found)
    if found["status"] == "in-review":
        raise Refused(
            f"nothing runs for {name}: its pull request waits for a review",
            code="CD409",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="close the pull request to end the task",
        )
    wish = wishing.wish(here.clone.state, WishKind.STOP, found)
    if poller_runs(here.clone.state):
        talk().print(f"asked the poller to stop {name}", markup=False)
        return 0
    with only_poller(here.clone.state):
        try:
            _stop(here, name, issue=found["github"]["issue_number"], wish=wish.id)
        except Unavailable as error:
            ended = _end_runs(here, name)
            talk().print(
                f"{'ended the agent of' if ended else 'no agent runs for'} {name}; the forge is away "
                f"({error.message}): the wish is kept, and `cdock run` writes it down there",
                markup=False,
                soft_wrap=True,
            )
            return 0
    talk().print(f"stopped {name}; its work is kept", markup=False)
    return 0


def _stop(here: "Site", name: "TaskId", *, issue: int, wish: str) -> None:
    """Let the loop do it, as the poller would.

    Raises:
        Unavailable: the forge is away.
        Refused: it did not come to its end.
    """
    from cdock.cli.live import journaled
    from cdock.reconciler.loop import tick
    from cdock.wiring import build

    # No slots: this command ends work, it never begins any.
    house = build(here, only=frozenset({issue}), max_parallel=0)
    with journaled({house.name: here}):
        for _ in range(TICKS):
            if not tick(house) and not here.wishes.waits(wish):
                return
    raise Refused(
        f"{name} could not be stopped",
        code="CD409",
        tried=f"{TICKS} rounds of looking and acting",
        fix="the wish is kept: `cdock run` carries it out",
    )


def _end_runs(here: "Site", name: "TaskId") -> bool:
    """End what runs for the task on this machine, which needs nobody else; whether there was anything."""
    from cdock.wiring import runner

    runs = runner(here)
    alive = [run for run in runs.list() if run.task == name and run.alive]
    for run in alive:
        runs.stop(run.name, grace=here.settings.policy().stop_grace.total_seconds())
    return bool(alive)

"""`cdock stop`: end work on a task, keeping what was done."""

from pathlib import Path

import click

from cdock.core.errors import Refused

TICKS = 40
"""Rounds after which this command gives up; stopping takes about six."""


@click.command(short_help="Stop work on a task; what was done is kept.")
@click.argument("task")
@click.pass_obj
def command(start: Path, task: str) -> int:
    """Stop the agent of TASK. Its commits are pushed; the label agent-ready lets it go on.

    The running poller does it; where none runs, this command does.
    """
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli.console import talk
    from cdock.cli.tasks import find_task, read_mirror, task_id_of
    from cdock.core.ids import parse_task_id
    from cdock.reconciler.loop import tick
    from cdock.wiring import build, site

    here = site(start)
    found = find_task(read_mirror(here.clone.state)["tasks"], task)
    name = parse_task_id(task_id_of(found))
    assert name is not None, "the mirror's ids are ours"  # noqa: S101 - for the type checker
    here.wishes.stop(name)
    if poller_runs(here.clone.state):
        talk().print(f"asked the poller to stop {name}", markup=False)
        return 0
    number = found["github"]["issue_number"]
    with only_poller(here.clone.state):
        # No slots: this command ends work, it never begins any.
        house = build(here, only=frozenset({number}), max_parallel=0)
        for _ in range(TICKS):
            if not tick(house) and name not in house.wishes.stops():
                break
        else:
            raise Refused(
                f"{name} could not be stopped",
                code="CD409",
                tried=f"{TICKS} rounds of looking and acting",
                fix="the wish is kept: `cdock run` carries it out",
            )
    talk().print(f"stopped {name}; its work is kept", markup=False)
    return 0

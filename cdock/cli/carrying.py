"""Carrying out wishes where no poller runs: the loop does it in this process, and begins nothing else."""

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from cdock.core.errors import Refused

if TYPE_CHECKING:
    from cdock.core.ids import TaskId
    from cdock.wiring import Site

LIMIT = 300.0
"""Seconds after which a command gives up; an agent has its grace to end, and all else takes a few seconds."""


def carry_out(
    here: "Site", *, issues: Collection[int], wishes: Collection[str], limit: float = LIMIT
) -> None:
    """Let the loop work on these `issues` until it has granted the `wishes` and nothing of them is left to do.

    The caller holds the lock of the clone's poller.

    Raises:
        Unavailable: the forge is away.
        Refused: it did not come to its end within `limit` seconds; the wishes are kept.
    """
    from cdock.cli.live import journaled
    from cdock.reconciler.loop import tick
    from cdock.wiring import build

    # No slots: such a command ends or chooses work, it never begins any.
    house = build(here, only=frozenset(issues), max_parallel=0)
    end = time.monotonic() + limit
    with journaled({house.name: here}):
        while True:
            acted = tick(house)
            if not acted and not any(here.wishes.waits(wish) for wish in wishes):
                return
            if time.monotonic() > end:
                names = ", ".join(f"#{number}" for number in sorted(issues))
                raise Refused(
                    f"what you asked for of {names} is not done",
                    code="CD409",
                    tried=f"looking and acting for {limit:g} s",
                    fix="the wish is kept: `cdock run` carries it out, and says what is in the way",
                )
            # After a step that failed the loop pauses; all others follow one another.
            if not acted:
                house.clock.sleep(house.look_every)


def end_runs(here: "Site", tasks: "Sequence[TaskId]") -> int:
    """End what runs for the tasks on this machine, which needs nobody else; how many runs that were."""
    from cdock.wiring import runner

    runs, wanted = runner(here), frozenset(tasks)
    alive = [run for run in runs.list() if run.task in wanted and run.alive]
    for run in alive:
        runs.stop(run.name, grace=here.settings.policy().stop_grace.total_seconds())
    return len(alive)

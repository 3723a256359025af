"""Publish the plans that were approved on this machine: a little in each tick, beside everything else."""

import logging

from cdock.core.errors import CdockError, Limited, Unavailable
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.reconciler.house import House, Pause
from cdock.reconciler.publishing import publishing

log = logging.getLogger("cdock")

SLICE = 10.0
"""Seconds of one tick. A large plan takes minutes, and meanwhile claims have to be renewed and agents looked after."""


def publish_approved(house: House) -> bool:
    """Go on with every approved plan; whether anything was done. What a port raises makes one of them pause."""
    memory, started = house.memory, house.clock.elapsed()
    try:
        kept = {draft.id: draft for draft in house.plans.list() if draft.stand is Stand.APPROVED}
    except Unavailable as error:
        log.warning("plans cannot be read", extra={"error": error.message, "fix": error.fix})
        return False
    for id_ in {*memory.pressing, *memory.unpressed} - set(kept):
        # It was dropped, or published by somebody else.
        memory.pressing.pop(id_, None)
        memory.unpressed.pop(id_, None)
    acted = False
    for draft in kept.values():
        pause = memory.unpressed.get(draft.id)
        if pause is None or pause.until <= started:
            acted = True
            _go_on(house, draft, until=started + SLICE)
    return acted


def _go_on(house: House, draft: Draft, *, until: float) -> None:
    """Some steps of one publishing, at least one. One that fails begins anew: it skips what is done."""
    memory = house.memory
    before, steps = memory.pressing.pop(draft.id, (draft, None))
    if steps is None or before != draft:
        # A person changed it meanwhile.
        steps = publishing(house, draft)
    try:
        for made in steps:
            if house.clock.elapsed() >= until:
                memory.pressing[draft.id] = made, steps
                return
    except CdockError as error:
        _pause(house, draft, error)
        return
    memory.unpressed.pop(draft.id, None)


def _pause(house: House, draft: Draft, error: CdockError) -> None:
    memory, policy = house.memory, house.policy
    before = memory.unpressed.get(draft.id)
    failures = (before.failures if before else 0) + 1
    pause = min(policy.backoff * (1 << min(failures - 1, 16)), policy.backoff_limit).total_seconds()
    if isinstance(error, Limited):
        pause = max(pause, (error.until - house.clock.now()).total_seconds())
    memory.unpressed[draft.id] = Pause(until=house.clock.elapsed() + pause, failures=failures, step="publish")
    level = logging.INFO if isinstance(error, Unavailable) else logging.WARNING
    log.log(
        level,
        "plan waits",
        extra={
            "issue": draft.numbers.get(PARENT),
            "error": error.message,
            "fix": error.fix,
            "pause": round(pause, 1),
        },
    )

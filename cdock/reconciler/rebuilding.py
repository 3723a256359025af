"""Make what is kept on this machine anew from the forge alone: worktrees, their notes, the mirror."""

import logging
from dataclasses import dataclass

from cdock.core.cases import cases_of
from cdock.core.errors import CdockError
from cdock.core.plan import status_of
from cdock.core.task import Claim, Status
from cdock.reconciler.claiming import about
from cdock.reconciler.house import House
from cdock.reconciler.mirror import write_mirror
from cdock.reconciler.observe import observe
from cdock.reconciler.working import prepare

log = logging.getLogger("cdock")


@dataclass(frozen=True)
class Rebuilt:
    """What was found: our claims, those of other pollers, and by issue what could not be made again."""

    ours: tuple[Claim, ...]
    others: tuple[Claim, ...]
    failed: dict[int, CdockError]


def rebuild(house: House) -> Rebuilt:
    """A worktree for each of our claims that has work left, then a new mirror. No claim is moved, no run touched.

    Raises:
        Unavailable: the forge cannot be read.
        Refused: it will not have us.
    """
    world = observe(house)
    failed: dict[int, CdockError] = {}
    for case in cases_of(world):
        if case.claim is None or case.claim.holder != house.me or case.workspace is not None:
            continue
        if status_of(case, world, house.policy) in (Status.DONE, Status.CANCELLED):
            continue
        try:
            prepare(house, case)
        except CdockError as error:
            # What is wrong with one must not keep the others from being made.
            failed[case.claim.issue] = error
            log.warning("no worktree", extra=about(case.claim.task, error=error.message, fix=error.fix))
    write_mirror(house, observe(house))
    claims = sorted(house.memory.claims.values(), key=lambda claim: claim.issue)
    return Rebuilt(
        ours=tuple(claim for claim in claims if claim.holder == house.me),
        others=tuple(claim for claim in claims if claim.holder != house.me),
        failed=failed,
    )

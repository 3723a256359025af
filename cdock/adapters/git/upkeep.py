"""Keep our repositories fast: pack what many small fetches left behind."""

import logging

from cdock.adapters.git.command import Git
from cdock.core.errors import CdockError

TIMEOUT = 240.0
"""Seconds; less than others wait for the lock under which this is done."""
LOOSE = 6000
PACKS = 50

log = logging.getLogger(__name__)


def tidy(git: Git) -> None:
    """Pack loose objects and join packs when there are many; costs a few milliseconds when there are not.

    Nothing is ever dropped: the store borrows from the mirror, and containers from both, without git knowing. It is
    no error when it cannot be done now, for instance because another process is at it.
    """
    limits = {
        "gc.auto": LOOSE,
        "gc.autoPackLimit": PACKS,
        "gc.autoDetach": "false",
        "gc.pruneExpire": "never",
        "gc.worktreePruneExpire": "never",
    }
    options = [part for key, value in limits.items() for part in ("-c", f"{key}={value}")]
    try:
        git.run(*options, "gc", "--auto", "--quiet", timeout=TIMEOUT)
    except CdockError as error:
        log.info("objects are packed another time", extra={"error": error.message})

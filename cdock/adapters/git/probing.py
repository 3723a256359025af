"""Whether a forge can hold claims below a name: whether it takes such refs, compares before moving, and lets go."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from cdock.adapters.git.command import Git, error_of
from cdock.adapters.git.pushing import positions
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable

TIMEOUT = 30.0
"""Seconds for each of the about ten pushes and readings."""
RACERS = 3

log = logging.getLogger(__name__)


def working_namespace(
    namespaces: Sequence[str], *, local: Git, remote: Git, url: str, timeout: float = TIMEOUT
) -> str:
    """The first of `namespaces` below which the repository at `url` can hold claims.

    A ref beside the claims is made, moved, and deleted again. `local` and `remote` are the same repository on this
    machine, the latter with the token for `url`.

    Raises:
        Refused: none of them will do.
        NotPermitted: this token may not push at all.
        Unavailable: the forge did not answer, so nothing is known.
    """
    faults = []
    for namespace in namespaces:
        fault = _Probe(
            f"{namespace}-probe/{uuid4()}", local=local, remote=remote, url=url, timeout=timeout
        ).run()
        if not fault:
            return namespace
        log.info("claims cannot be kept there", extra={"namespace": namespace, "reason": fault})
        faults.append(f"{namespace}: {fault}")
    raise Refused(
        f"the forge cannot hold claims ({'; '.join(faults)})",
        code="CD454",
        tried=f"making, moving and deleting a ref at {url}",
        fix=f"let cdock's account push to and delete below {namespaces[0]}/ or {namespaces[-1]}/",
    )


class _Probe:
    """One throw-away ref on the forge."""

    def __init__(self, ref: str, *, local: Git, remote: Git, url: str, timeout: float) -> None:
        self._ref = ref
        self._local = local
        self._remote = remote
        self._url = url
        self._timeout = timeout
        self._tree = local.run("mktree").text

    def run(self) -> str:
        """What is wrong; empty when all is well. The ref is gone afterwards, unless the forge keeps it."""
        try:
            return self._fault()
        finally:
            try:
                if self._at():
                    self._push("", expected=None)
            except CdockError as error:
                log.warning("a trial ref stays behind", extra={"ref": self._ref, "error": error.message})

    def _fault(self) -> str:
        first, other, third, *racers = (self._commit() for _ in range(3 + RACERS))
        if fault := self._push(first, expected=""):
            return f"it does not take such refs ({fault})"
        if self._at() != first:
            return "it took a new ref, and does not show it"
        # Over one that is there, and over one that was never there: both must fail.
        if not (self._push(other, expected="") and self._push(third, expected=other) and self._at() == first):
            return "it moves refs without comparing them"
        # git compares by itself before it sends anything; only pushes at the same time show what the forge does.
        with ThreadPoolExecutor(RACERS) as pool:
            faults = list(pool.map(partial(self._push, expected=first), racers))
        won = [commit for commit, fault in zip(racers, faults, strict=True) if not fault]
        if len(won) > 1:
            return "it let two pushes at the same time both replace the same ref"
        if not won:
            return f"it does not move such refs ({faults[0]})"
        if self._at() != won[0]:
            return "it said that it moved a ref, and shows another commit"
        if fault := self._push("", expected=won[0]):
            return f"it does not delete such refs ({fault})"
        return "" if not self._at() else "it deleted a ref, and still shows it"

    def _push(self, commit: str, *, expected: str | None) -> str:
        """What git said against it; empty when it was done."""
        lease = () if expected is None else (f"--force-with-lease={self._ref}:{expected}",)
        done = self._remote.run(
            *("push", "--quiet", "--porcelain", "--no-verify", *lease, self._url, f"{commit}:{self._ref}"),
            timeout=self._timeout,
            check=False,
        )
        if not done.code:
            return ""
        error = error_of(done)
        if isinstance(error, NotPermitted | Unavailable):
            raise error
        # The forge's own words about the ref are among what git prints for programs.
        refused = [line for line in done.text.splitlines() if line.startswith("!")]
        return " ".join((refused[0] if refused else error.message).split())[-200:]

    def _at(self) -> str:
        return positions(self._remote, self._url, [self._ref], timeout=self._timeout).get(self._ref, "")

    def _commit(self) -> str:
        return self._local.run("commit-tree", self._tree, input=f"trial {uuid4()}".encode()).text

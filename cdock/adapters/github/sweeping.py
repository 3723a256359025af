"""The safety sweep: every few minutes all that is watched is read once more, in small slices.

Two lists sorted by change show nearly everything. What they cannot show is found here: deleted comments, issues that
were deleted or moved elsewhere, changes that a lagging replica kept from us. Unchanged, all of it costs nothing.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from functools import partial

from cdock.adapters.github.home import Home
from cdock.adapters.github.picture import Picture
from cdock.adapters.github.reading import Reader
from cdock.adapters.sighted import is_listed, starting
from cdock.core.errors import Unavailable
from cdock.core.issues import Watch

log = logging.getLogger(__name__)

SLICE = 50
"""Reads of one look, at most."""


class Sweep:
    """Begins `every` seconds after the last one has ended."""

    def __init__(self, home: Home, reader: Reader, picture: Picture, *, every: float) -> None:
        self._home = home
        self._reader = reader
        self._picture = picture
        self._every = every
        self._due = time.monotonic() + every
        self._steps: deque[Callable[[], object]] | None = None

    @property
    def due(self) -> bool:
        """Whether a sweep is under way, or about to begin."""
        return self._steps is not None or time.monotonic() >= self._due

    def go_on(self, watch: Watch, wanted: Collection[int], *, kept: Collection[int]) -> None:
        """Do the next slice. `wanted` are the issues whose comments are wanted, `kept` are remembered besides.

        Raises:
            Refused: the repository's name leads to another one now.
        """
        if self._steps is None:
            self._home.verify()
            self._steps = self._plan(watch, wanted)
        for _ in range(SLICE):
            if not self._steps:
                self._end(watch, {*wanted, *kept})
                return
            step = self._steps.popleft()
            try:
                step()
            except Unavailable as error:
                # Left to the next sweep: what is watched all the time has been read.
                log.debug("a read of the sweep failed", extra={"error": error.message})
                return

    def _plan(self, watch: Watch, wanted: Collection[int]) -> deque[Callable[[], object]]:
        steps: deque[Callable[[], object]] = deque(
            partial(self._labelled, label) for label in starting(watch)
        )
        for number in sorted(wanted):
            steps += [partial(self._reader.issue, number), partial(self._comments, number)]
        steps += [partial(self._reader.branch, branch) for branch in sorted(watch.branches)]
        return steps

    def _labelled(self, label: str) -> None:
        listed = self._reader.labelled(label)
        if listed is None:
            return
        there = [thread.issue for thread in self._picture.threads()]
        missing = [issue.number for issue in there if issue.open and issue.wears(label)]
        assert self._steps is not None, "a step of a sweep"  # noqa: S101 - for the type checker
        self._steps.extend(partial(self._reader.issue, number) for number in missing if number not in listed)

    def _comments(self, number: int) -> None:
        thread = self._picture.thread(number)
        if thread and (thread.count != 0 or thread.said):
            self._reader.comments(number)

    def _end(self, watch: Watch, kept: Collection[int]) -> None:
        """Forget what nobody wants: it is read again when somebody does."""
        self._steps, self._due = None, time.monotonic() + self._every
        self._picture.forget(
            thread.issue.number
            for thread in self._picture.threads()
            if thread.issue.number not in kept and not is_listed(thread.issue, watch)
        )
        self._picture.pulls.forget(set(self._picture.pulls.branches()) - watch.branches)

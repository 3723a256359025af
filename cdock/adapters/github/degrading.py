"""Optional features at run time: one that the token or the host lacks is left out, with one warning."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from cdock.adapters.github.faults import Unsupported
from cdock.core.errors import NotPermitted, Refused

T = TypeVar("T")

log = logging.getLogger(__name__)

AGAIN = 3600.0
"""Seconds until a feature that was lacking is tried again, for somebody may have given the permission. Asking in vain
all the time can itself trip a limit."""


class OptionalFeatures:
    """Which features were found lacking, by names for people: those of `permissions.FEATURES` where they are there.

    `clock` is in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._again_at: dict[str, float] = {}
        self._warned: set[str] = set()

    def attempt(self, feature: str, do: Callable[[], T], *, otherwise: T) -> T:
        """What `do` gives, or `otherwise` where the feature is lacking. All other errors of `do` are raised."""
        if not self.available(feature):
            return otherwise
        try:
            given = do()
        except (NotPermitted, Unsupported) as error:
            self.lacks(feature, error)
            return otherwise
        with self._lock:
            self._warned.discard(feature)
        return given

    def available(self, feature: str) -> bool:
        """Whether it is worth trying: it was not found lacking lately."""
        with self._lock:
            return self._clock() >= self._again_at.get(feature, float("-inf"))

    def lacks(self, feature: str, error: Refused) -> None:
        """It was found lacking; `error` says how."""
        with self._lock:
            self._again_at[feature] = self._clock() + AGAIN
            first = feature not in self._warned
            self._warned.add(feature)
        if first:
            log.warning(
                f"left out, for the token or the host lacks it: {feature}",
                extra={"feature": feature, "error": error.message, "fix": error.fix},
            )

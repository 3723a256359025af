"""What the forge publishes, copied into the mirror: the default branch, the branches and unfinished work of tasks."""

import logging
import signal
import time

from cdock.adapters.git.command import Git, Token, error_of, origin_of
from cdock.adapters.git.history import commit_at
from cdock.adapters.git.place import Place, branch_ref
from cdock.core.errors import Refused, Unavailable

DEFAULT = "refs/cdock/default"
_BRANCHES = "refs/remotes/forge/"
_AWAY = 30.0
"""Seconds to wait for news of a default branch that is known already, and until a forge that is away is asked again."""

log = logging.getLogger(__name__)


class Published:
    """The mirror of the repository at `url`. Branches deleted on the forge are kept: somebody may be at work on them.

    `timeout` of one fetch is in seconds; the first one brings the whole repository.
    """

    def __init__(self, place: Place, *, url: str, token: Token, timeout: float) -> None:
        self._place = place
        self._url = url
        self._timeout = timeout
        self._git = Git(place.mirror, token=token, origin=origin_of(url))
        self._begun: dict[str, float] = {}
        self._failed = float("-inf")

    def fetch(self, prefix: str) -> None:
        """Bring the mirror up to date with the default branch and all branches that start with `prefix`.

        A fetch that another thread began after this was asked for serves both.
        """
        pattern = f"{branch_ref(f'{prefix}x')[:-1]}*"
        copy = f"{branch_in_mirror(f'{prefix}x')[:-1]}*"
        asked = time.monotonic()
        with self._place.lock("mirror"):
            if self._begun.get(prefix, float("-inf")) > asked:
                return
            begun = time.monotonic()
            self._fetch(f"+HEAD:{DEFAULT}", f"+{pattern}:{copy}", timeout=self._timeout)
            self._begun[prefix] = begun

    def default(self) -> str:
        """The newest commit of the default branch: whoever has a conflict with it must not be shown an older one.

        While the forge is away it is the newest that is known, and that is asked for once in half a minute at most.

        Raises:
            Unavailable: the forge is away, and nothing is known.
        """
        with self._place.lock("mirror"):
            known = commit_at(self._git, DEFAULT)
            if time.monotonic() - self._failed < _AWAY:
                if known:
                    return known
                raise Unavailable(
                    "the default branch is not known yet, and could not be fetched a moment ago",
                    tried="looking for the newest commit of the default branch",
                    fix="nothing: cdock tries again by itself",
                )
            try:
                self._fetch(f"+HEAD:{DEFAULT}", timeout=min(_AWAY, self._timeout) if known else self._timeout)
            except Unavailable as error:
                self._failed = time.monotonic()
                if not known:
                    raise
                log.info("forge away, the default branch is taken as it was", extra={"error": error.message})
                return known
            return commit_at(self._git, DEFAULT)

    def _fetch(self, *refspecs: str, timeout: float) -> None:
        try:
            self._git.run(
                # Old histories have harmless faults that the forge accepted long ago; only new work is judged.
                *("-c", "fetch.fsckObjects=false"),
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self._url),
                *refspecs,
                timeout=timeout,
            )
        except Refused as error:
            if "remote ref HEAD" in error.message:
                raise Refused(
                    "the repository on the forge has no commit yet",
                    tried="fetching its default branch",
                    fix="push a first commit to the default branch",
                ) from error
            raise

    def fetch_side(self, ref: str, *, into: str, max_file: int) -> str:
        """Bring the unfinished work that the forge keeps as `ref` into the mirror; its commit, empty without one.

        `max_file` is how many bytes it may have.

        Raises:
            Refused: it has more, or is broken.
            Unavailable: the forge did not answer.
        """
        with self._place.lock("mirror"):
            done = self._git.run(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self._url, f"+{ref}:{into}"),
                timeout=self._timeout,
                max_file=max_file,
                check=False,
            )
        if done.code == 0:
            return commit_at(self._git, into)
        if f"couldn't find remote ref {ref}" in done.err:
            return ""
        if f"died of signal {signal.SIGXFSZ:d}" in done.err:
            raise Refused(f"{ref} is more than {max_file} bytes", tried=done.tried)
        raise error_of(done)


def branch_in_mirror(branch: str) -> str:
    """The ref of a branch of the forge inside the mirror."""
    return branch_ref(branch).replace("refs/heads/", _BRANCHES, 1)

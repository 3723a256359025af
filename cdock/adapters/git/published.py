"""What the forge publishes, copied into the mirror: the default branch and the branches of tasks."""

import time

from cdock.adapters.git.command import Git, Token, origin_of
from cdock.adapters.git.place import Place, branch_ref
from cdock.core.errors import Refused

DEFAULT = "refs/cdock/default"
_BRANCHES = "refs/remotes/forge/"


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
            try:
                self._git.run(
                    # Old histories have harmless faults that the forge accepted long ago; only new work is judged.
                    *("-c", "fetch.fsckObjects=false"),
                    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self._url),
                    *(f"+HEAD:{DEFAULT}", f"+{pattern}:{copy}"),
                    timeout=self._timeout,
                )
            except Refused as error:
                if "remote ref HEAD" in error.message:
                    raise Refused(
                        "the repository on the forge has no commit yet",
                        tried="fetching its default branch",
                        fix="push a first commit to the default branch",
                    ) from error
                raise
            self._begun[prefix] = begun


def branch_in_mirror(branch: str) -> str:
    """The ref of a branch of the forge inside the mirror."""
    return branch_ref(branch).replace("refs/heads/", _BRANCHES, 1)

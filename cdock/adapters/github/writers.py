"""Who may write to the repository. Only their labels, comments and closings count."""

import time
from urllib.parse import quote

from cdock.adapters.github.client import Client
from cdock.adapters.github.normalize import may_write

FRESH = 300.0
"""Seconds an answer is believed; after that it is asked for again, and costs nothing when it is the same."""


class Writers:
    """Permissions of accounts, each asked for when first needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[float, bool]] = {}

    def include(self, login: str, *, repository: str) -> bool:
        """Whether `login` may push to `repository` (its path below `/repos/`). An account that is gone may not.

        Raises:
            Unavailable: it could not be found out.
            Refused: the token may not ask.
        """
        if not login:
            return False
        key = f"{repository}/{login}".casefold()
        asked_at, allowed = self._known.get(key, (0.0, False))
        now = time.monotonic()
        if key not in self._known or now - asked_at > FRESH:
            path = f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission"
            row = self._client.find(path)
            allowed = row is not None and may_write(row)
            self._known[key] = (now, allowed)
        return allowed

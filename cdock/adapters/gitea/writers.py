"""Whose word counts: who we are, and who may write to the repository."""

import threading
import time
from collections.abc import Collection
from urllib.parse import quote

from cdock.adapters.gitea.client import Client
from cdock.adapters.gitea.home import Home
from cdock.adapters.gitea.normalize import login_of
from cdock.adapters.marked import same_login
from cdock.adapters.payload import Row, text_of

FRESH = 300.0
"""Seconds an answer is believed."""
WRITING = frozenset({"write", "admin", "owner"})
"""The permissions that let push."""


class Writers:
    """Permissions of accounts, each asked for when first needed.

    Gitea does not tell bots from people. The word of an account in `trusted` counts whatever it may do, and anybody
    else's when their permission is one of `roles`.
    """

    def __init__(
        self, client: Client, home: Home, *, trusted: Collection[str] = (), roles: Collection[str] = WRITING
    ) -> None:
        self._client = client
        self._home = home
        self._trusted = frozenset(name.casefold() for name in trusted)
        self._roles = frozenset(roles)
        self._known: dict[str, tuple[float, bool]] = {}
        self._lock = threading.Lock()

    def me(self) -> str:
        """Our own login."""
        return self._client.login()

    def wrote(self, row: Row) -> bool:
        """Whether our own account wrote this issue or comment."""
        return same_login(login_of(row), self.me())

    def include(self, login: str) -> bool:
        """Whether the word of `login` counts. That of an account that is gone does not.

        Raises:
            Unavailable: it could not be found out.
            NotPermitted: the token may not ask: Gitea answers administrators of the repository only.
        """
        if not login:
            return False
        if login.casefold() in self._trusted:
            return True
        if same_login(login, self.me()):
            return self._home.may_push
        with self._lock:
            asked_at, allowed = self._known.get(login.casefold(), (0.0, False))
            known = login.casefold() in self._known
        now = time.monotonic()
        if not known or now - asked_at > FRESH:
            row = self._client.find(self._home.path(f"collaborators/{quote(login, safe='')}/permission"))
            allowed = row is not None and text_of(row, "permission") in self._roles
            with self._lock:
                self._known[login.casefold()] = (now, allowed)
        return allowed

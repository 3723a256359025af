"""Whose word counts: who we are, and who may write to the repository."""

import threading
import time
from collections.abc import Collection
from urllib.parse import quote

from cdock.adapters.github.client import Client
from cdock.adapters.github.home import Home
from cdock.adapters.github.normalize import User, role_of, same_login
from cdock.adapters.payload import Row, login_of

FRESH = 300.0
"""Seconds an answer is believed; after that it is asked for again, and costs nothing when it is the same."""
WRITING = frozenset({"write", "maintain", "admin"})
"""The roles that may push."""


class Writers:
    """Permissions of accounts, each asked for when first needed.

    A bot's word counts when its login is in `trusted` (with or
    without `[bot]` at the end), whatever it may do, and a person's when the role is one of `roles`.
    """

    def __init__(
        self,
        client: Client,
        home: Home,
        *,
        trusted: Collection[str] = (),
        roles: Collection[str] = WRITING,
    ) -> None:
        self._client = client
        self._home = home
        self._trusted = frozenset(map(_bare, trusted))
        self._roles = frozenset(roles)
        self._known: dict[str, tuple[float, bool]] = {}
        self._lock = threading.Lock()

    def me(self) -> str:
        """Our own login.

        Raises:
            NotPermitted: the token has no user, and is not one of an App that we know.
        """
        return self._client.login()

    def wrote(self, row: Row) -> bool:
        """Whether our own account wrote this issue or comment."""
        return same_login(login_of(row), self.me())

    def is_me(self, user: User) -> bool:
        """Whether this is our own account. GraphQL names a bot without its suffix."""
        return same_login(user.login, self.me()) or (user.bot and _bare(user.login) == _bare(self.me()))

    def count(self, user: User) -> bool:
        """Whether what `user` did counts: as `include`, or it is our own account, whatever it may do.

        For deeds, not for words: cdock labels what was approved, and a person may use the same account.
        """
        return self.include(user) or self.is_me(user)

    def include(self, user: User) -> bool:
        """Whether the word of `user` counts. That of an account that is gone does not.

        Raises:
            Unavailable: it could not be found out.
            Refused: the token may not ask.
        """
        if not user.login:
            return False
        if user.bot and _bare(user.login) in self._trusted:
            return True
        if user.bot:
            # An App has no role. Ours was given its rights by whoever set cdock up, and GitHub lets nobody name an App
            # like another's account.
            return _bare(user.login) == _bare(self.me())
        return self._may_write(user.login)

    def _may_write(self, login: str) -> bool:
        repository = self._home.full_name
        key = f"{repository}/{login}".casefold()
        with self._lock:
            asked_at, allowed = self._known.get(key, (0.0, False))
            known = key in self._known
        now = time.monotonic()
        if not known or now - asked_at > FRESH:
            path = f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission"
            row = self._client.find(path)
            allowed = row is not None and role_of(row) in self._roles
            with self._lock:
                self._known[key] = (now, allowed)
        return allowed


def _bare(login: str) -> str:
    """A bot's login without its suffix, which GraphQL leaves out."""
    return login.casefold().removesuffix("[bot]")

"""A GitHub App as our account: its key signs for tokens of an hour, which are renewed before they end.

PyGithub could renew them by itself, but with waits and repetitions of its own. Here only its signature is used; the
requests go through our client, with its time-out and its word on limits.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdock.adapters.github.gate import FREE, Gate
from cdock.adapters.github.hosts import Repository
from cdock.adapters.refusals import Absent
from cdock.core.errors import Misconfigured, NotPermitted, Refused, Unavailable

if TYPE_CHECKING:
    from cdock.adapters.github.client import Client

log = logging.getLogger(__name__)

RENEW_BEFORE = 600.0
"""Seconds before its end that a token is renewed: whatever was begun with it should come to its own end."""
AGAIN = 30.0
"""Seconds until a renewal that failed is tried again, while the token is still good."""
YOUNG = 60.0
"""Seconds in which a token that is not accepted shows that a new one would not help."""
CLOCKS = timedelta(seconds=45)
"""How far the clocks of this machine and of the host may be apart; signatures hold for minutes."""


@dataclass(frozen=True)
class App:
    """An App by its id (a number, or a client id) and its private key in PEM; `installation` 0 is looked up."""

    id: str
    key: str = field(repr=False)
    installation: int = 0


class _Signature:
    """The App in its own name: signed anew for each request, good for some minutes."""

    def __init__(self, app: App) -> None:
        from github import Auth

        self.source = f"the key of the GitHub App {app.id}"
        self.account = f"app-{app.id}"
        self.permissions = None
        self._auth = Auth.AppAuth(app.id, app.key)

    def token(self) -> str:
        return self._auth.create_jwt()

    def login(self) -> str:
        return ""

    def refused(self, token: str) -> bool:
        return False


class Installation:
    """The `Credential` of an App where it is installed for a repository's owner.

    `timeout` is in seconds, and so is `clock`, which never jumps.

    Raises:
        Misconfigured: the key is none.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        app: App,
        timeout: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._app = app
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._permissions: Mapping[str, str] = {}
        self._made_at = self._renew_at = self._ends_at = 0.0
        self._id = app.installation
        self._login = ""
        self._client = self._made_client()

    @property
    def source(self) -> str:
        """See `Credential.source`."""
        return f"the GitHub App {self._app.id}"

    @property
    def account(self) -> str:
        """See `Credential.account`. An App is installed once for an owner, and so are its limits."""
        return f"app-{self._app.id}-{self._repository.owner.casefold()}"

    @property
    def permissions(self) -> Mapping[str, str]:
        """See `Credential.permissions`. Known with the first token."""
        self.token()
        return self._permissions

    def token(self) -> str:
        """The installation's token, renewed where it is near its end.

        Raises:
            Unavailable: it could not be renewed now, and the old one is no more.
            NotPermitted: the App is not known, or not installed here.
        """
        with self._lock:
            if not self._token or self._clock() >= self._renew_at:
                try:
                    self._renew()
                except Unavailable as error:
                    if not self._token or self._clock() >= self._ends_at:
                        raise
                    self._renew_at = self._clock() + AGAIN
                    log.warning("the token could not be renewed yet", extra={"error": error.message})
            return self._token

    def login(self) -> str:
        """The App's own user, by which its comments are known. Raises as `token` does."""
        with self._lock:
            if not self._login:
                slug = self._asked(lambda: self._client.read("/app")).get("slug")
                if not isinstance(slug, str) or not slug:
                    raise Unavailable(f"{self._client.host} does not tell the App's name", tried="GET /app")
                self._login = f"{slug}[bot]"
            return self._login

    def refused(self, token: str) -> bool:
        """See `Credential.refused`. A token may be revoked, and a clock may have been wrong."""
        with self._lock:
            if token != self._token:
                return True
            self._token = ""
            return self._clock() - self._made_at > YOUNG

    def _renew(self) -> None:
        path = f"/app/installations/{self._installation()}/access_tokens"
        row = self._asked(lambda: self._client.write_row("POST", path, {}))
        token, ends = row.get("token"), _moment(row.get("expires_at"))
        if not isinstance(token, str) or not token or ends is None:
            raise Unavailable(f"{self._client.host} sent no token of the App", tried=f"POST {path}")
        # By the host's own clock, so that ours may be wrong.
        lifetime = (ends - (self._client.told_at or datetime.now(UTC))).total_seconds()
        self._made_at = self._clock()
        self._ends_at = self._made_at + lifetime
        self._renew_at = self._made_at + max(lifetime - RENEW_BEFORE, lifetime / 2)
        given = row.get("permissions")
        self._permissions = given if isinstance(given, dict) else {}
        self._token = token

    def _installation(self) -> int:
        if not self._id:
            name = self._repository.full_name
            try:
                row = self._asked(lambda: self._client.read(f"/repos/{name}/installation"))
            except Absent as error:
                raise NotPermitted(
                    f"the GitHub App {self._app.id} is not installed for {name}",
                    tried=error.tried,
                    fix="Install it on the repository, from the App's page in its owner's settings.",
                ) from error
            self._id = int(row.get("id") or 0)
        return self._id

    def _asked(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return ask()
        except Absent:
            raise
        except Refused as error:
            raise NotPermitted(error.message, tried=error.tried, fix=self._fix()) from error

    def _fix(self) -> str:
        there = self._client.told_at
        if there and abs(there - datetime.now(UTC)) > CLOCKS:
            return f"Set this machine's clock: {self._client.host} says {there:%Y-%m-%d %H:%M:%S} UTC."
        return f"Check that the key is one of the GitHub App {self._app.id}, and that it is not suspended."

    def _made_client(self) -> "Client":
        from cdock.adapters.github.client import Client

        signature = _Signature(self._app)
        try:
            signature.token()
        except (
            Exception
        ) as error:  # whatever the libraries for keys and signatures raise; it may show the key
            raise Misconfigured(
                f"the key of the GitHub App {self._app.id} is no private key ({type(error).__name__})",
                tried="sign with it",
                fix="Name the .pem file that GitHub gave when the key was made.",
            ) from None
        host = self._repository.host
        return Client(host, credential=signature, gate=Gate(FREE, host=host.name), timeout=self._timeout)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

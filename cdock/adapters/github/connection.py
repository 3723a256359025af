"""One HTTP connection for PyGithub's requester that keeps the query when GitHub moves a repository.

PyGithub follows a 301 but drops what stands behind the question mark, and so turns "the issues with this label" into
"the issues". Writes are not followed at all: the one who asked has to find out where the repository is now.

This module loads PyGithub (a third of a second), so only `client` imports it, and only when a client is made.
"""

from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urljoin, urlsplit

import requests
from github.Auth import Auth
from github.Requester import HTTPSRequestsConnectionClass, RequestsResponse

from cdock.adapters.github.hosts import is_loopback
from cdock.core.errors import Refused, Unavailable

_REDIRECTS = (301, 302, 307, 308)
_LONGEST_CHAIN = 5


class Bearer(Auth):
    """The Authorization header of the next request, as `token` gives it when it is built."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    @property
    def token_type(self) -> str:
        """The word before the token; for an App's own signature GitHub takes no other."""
        return "Bearer"

    @property
    def token(self) -> str:
        """What stands after it."""
        return self._token()


class Connection(HTTPSRequestsConnectionClass):
    """A keep-alive session with one server, `timeout` seconds for connecting and for each silence.

    `redirects` counts the moves that were met: when it changes, names known before are out of date.
    """

    def __init__(self, base_url: str, *, timeout: float) -> None:
        parts = urlsplit(base_url)
        secure = parts.scheme == "https"
        host = parts.hostname or ""
        super().__init__(f"[{host}]" if ":" in host else host, parts.port or (443 if secure else 80))
        self.protocol = parts.scheme
        self.seconds = timeout
        self.redirects = 0
        self.session.mount("http://", self.adapter)
        prepare_session(self.session, base_url)

    def getresponse(self) -> RequestsResponse:
        """Send the request; reads follow moves on the same server.

        Raises:
            Unavailable: the answer is not ready, or moves in a circle; or a write met a move.
            Refused: the server points to another one, which must not see our token.
        """
        origin = f"{self.protocol}://{self.host}:{self.port}"
        url = f"{origin}{self.url}"
        for _ in range(_LONGEST_CHAIN):
            answer = self.session.request(
                self.verb,
                url,
                headers=self.headers,
                data=self.input,
                timeout=self.seconds,
                allow_redirects=False,
            )
            if answer.status_code == 202 and self.verb == "GET":
                # PyGithub would sleep and ask again without end.
                raise Unavailable(f"{self.host} is still preparing its answer", fix="cdock looks again.")
            if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                return RequestsResponse(answer)
            self.redirects += 1
            url = self._target(url, answer)
        raise Unavailable(
            f"{self.host} sends every request on to another address",
            fix="Check the host in the settings; a proxy or a login page may be in between.",
        )

    def _target(self, url: str, answer: requests.Response) -> str:
        target = urljoin(url, answer.headers["location"])
        here, there = urlsplit(url), urlsplit(target)
        if _address(url) != _address(target):
            raise Refused(
                f"{self.host} redirected to another server, {there.hostname}, which must not see the token",
                fix="Check the host in the settings and set it to the address that really serves the repository.",
            )
        if self.verb != "GET":
            raise Unavailable(
                f"{self.host} says the repository or the issue has moved", fix="cdock looks for it again."
            )
        return target if there.query else there._replace(query=here.query).geturl()


def prepare_session(session: requests.Session, url: str) -> None:
    """Make a session fit for the API at `url`."""
    # A cookie would change every ETag, and an API needs none.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # A proxy set for the outside must not be asked for this machine.
    session.trust_env = not is_loopback(urlsplit(url).hostname or "")


def _address(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)

"""The line to one GitHub host as one account: requests go out one by one, and what answers say of limits is kept.

Nothing here retries and nothing waits for a rate limit: PyGithub's own retries repeat POST and would make twins, and a
sleeping client lets leases run out. Callers get `Limited` or `Unavailable` and plan the same step again.
"""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdock.adapters.github.faults import message_of, pause_of
from cdock.adapters.github.gate import EVERYTHING, Gate, Turn
from cdock.adapters.github.headers import Quota, expiry_of, quota_of, scopes_of
from cdock.adapters.github.hosts import Host
from cdock.adapters.github.tokens import Credential, fingerprint
from cdock.adapters.payload import Answer, server_time
from cdock.adapters.refusals import silence
from cdock.core.errors import Unavailable

if TYPE_CHECKING:
    from cdock.adapters.github.graphql import Endpoint, Reply

log = logging.getLogger(__name__)

API_VERSION = "2022-11-28"
CORE, GRAPHQL = "core", "graphql"
"""What GitHub calls the two quotas of requests."""
SOON = timedelta(days=7)
"""How long before its end a token is worth a warning."""

Query = Mapping[str, str | int]


class Wire:
    """Safe to use from several threads: PyGithub and gql are not, so one lock stands around them.

    `timeout` in seconds is for connecting and for each silence of the server.
    """

    def __init__(self, host: Host, *, credential: Credential, gate: Gate, timeout: float) -> None:
        from github import Github

        from cdock.adapters.github.connection import Bearer, Connection

        self.host = host
        self.gate = gate
        self._credential = credential
        self._token = ""
        self._timeout = timeout
        self._requester = Github(
            auth=Bearer(lambda: self._token),
            base_url=host.rest,
            user_agent="cdock",
            retry=None,
            lazy=True,
            api_version=API_VERSION,
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester
        self._connection = Connection(host.rest, timeout=timeout)
        self._endpoint: Endpoint | None = None
        self._lock = threading.Lock()
        self._warned = False
        self.quotas: dict[str, Quota] = {}
        """What the last answers said is left, by kind of request."""
        self.scopes: frozenset[str] | None = None
        """The scopes of a classic token; None for another kind, or before the first answer."""
        self.expires_at: datetime | None = None
        """When the token ends, where the host says so."""
        self.told_at: datetime | None = None
        """The host's clock at its last answer."""

    @property
    def redirects(self) -> int:
        """How often the server said that something has moved."""
        return self._connection.redirects

    @property
    def fingerprint(self) -> str:
        """Tells which token was used last; empty before the first request."""
        return fingerprint(self._token) if self._token else ""

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()
        if self._endpoint:
            self._endpoint.close()

    def send(
        self,
        method: str,
        url: str,
        query: Query,
        headers: Mapping[str, str],
        body: Any,
        *,
        tried: str,
        turn: Turn | None,
    ) -> Answer:
        """Send a request of the REST API once; writes have a `turn` of the gate.

        Raises:
            OutcomeUnknown: a write got no answer.
            Limited: a rate limit; nothing was applied.
            Unavailable: no answer, and nothing was applied.
        """
        with self._lock:
            self._prepare(CORE, tried=tried, turn=turn)
            try:
                status, received, text = self._requester.requestJson(
                    method, url, dict(query), dict(headers), body, self._connection
                )
            except (OSError, ValueError) as error:
                raise silence(error, tried=tried, host=self.host.name, writing=turn is not None) from error
            answer = Answer(status, received, text)
            self._note(answer, resource=CORE, tried=tried, writing=turn is not None)
        return answer

    def ask(self, document: str, variables: Mapping[str, Any], *, tried: str, turn: Turn | None) -> "Reply":
        """Send a GraphQL document once; mutations have a `turn` of the gate. Raises as `send` does."""
        from cdock.adapters.github.graphql import Endpoint, limited

        with self._lock:
            self._prepare(GRAPHQL, tried=tried, turn=turn)
            if self._endpoint is None:
                self._endpoint = Endpoint(self.host.graphql, token=lambda: self._token, timeout=self._timeout)
            try:
                reply = self._endpoint.send(document, variables)
            except (OSError, ValueError) as error:
                raise silence(error, tried=tried, host=self.host.name, writing=turn is not None) from error
            answer = Answer(reply.status, reply.headers, reply.body)
            if limited(reply):
                # Said with status 200, beside the headers of a 403; not all servers have those.
                headers = {"x-ratelimit-remaining": "0", **reply.headers}
                answer = Answer(403, headers, '{"message": "rate limit"}')
            self._note(answer, resource=GRAPHQL, tried=tried, writing=turn is not None)
        return reply

    def text(self, path: str, *, tried: str, most: int) -> Answer:
        """The end of a text that the REST API has, or leads to: at most `most` bytes. Raises as `send` does."""
        from cdock.adapters.github import downloads

        with self._lock:
            self._prepare(CORE, tried=tried, turn=None)
            try:
                answer = downloads.ask(
                    self._connection.session,
                    f"{self.host.rest}{path}",
                    token=self._token,
                    version=API_VERSION,
                    timeout=self._timeout,
                    most=most,
                )
            except (OSError, ValueError) as error:
                raise silence(error, tried=tried, host=self.host.name, writing=False) from error
            self._note(answer, resource=CORE, tried=tried, writing=False)
        if "location" not in answer.headers:
            return answer
        text = downloads.tail(
            answer.headers["location"],
            tried=tried,
            timeout=self._timeout,
            most=most,
            local=self.host.loopback,
        )
        return Answer(200, answer.headers, text)

    def _prepare(self, resource: str, *, tried: str, turn: Turn | None) -> None:
        self.gate.admit(resource, tried=tried)
        self._token = self._credential.token()
        if turn:
            turn.sending()

    def _note(self, answer: Answer, *, resource: str, tried: str, writing: bool) -> None:
        headers = answer.headers
        self.told_at = server_time(headers) or self.told_at
        if quota := quota_of(headers):
            self.quotas[quota.resource] = quota
        if answer.status == 401 and self._credential.refused(self._token):
            raise Unavailable(
                f"{self.host.name} takes this token no more; cdock asks for a new one",
                tried=tried,
                fix="Nothing to do: cdock looks again.",
            )
        if (scopes := scopes_of(headers)) is not None:
            self.scopes = scopes
        if moment := expiry_of(headers):
            self._note_end(moment)
        said = message_of(answer.body) if answer.status in (403, 429) else ""
        pause = pause_of(answer.status, headers, said, now=datetime.now(UTC), repeated=self.gate.limits_met)
        if pause is None:
            self.gate.passed(writing=writing)
            return
        primary = headers.get("x-ratelimit-remaining") == "0" and "retry-after" not in headers
        of = headers.get("x-ratelimit-resource", resource) if primary else EVERYTHING
        self.gate.close(pause, resource=of, writing=writing)
        self.gate.admit(resource if of in (EVERYTHING, resource) else of, tried=tried)

    def _note_end(self, moment: datetime) -> None:
        self.expires_at = moment
        if not self._warned and moment - (self.told_at or datetime.now(UTC)) <= SOON:
            self._warned = True
            log.warning(
                "the token expires soon", extra={"host": self.host.name, "at": f"{moment:%Y-%m-%d %H:%M} UTC"}
            )

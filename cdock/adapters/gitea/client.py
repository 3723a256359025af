"""One account's requests to one Gitea server: gated writes, whole lists, and errors in cdock's own words.

Nothing here retries. A write is done, or not applied (`Refused`, `Limited`, `Unavailable`), or of unknown outcome
(`OutcomeUnknown`): then look before sending it again.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cdock.adapters.gate import EVERYTHING, Gate, Turn
from cdock.adapters.gitea.faults import error_of, pause_of
from cdock.adapters.payload import Answer, server_time
from cdock.adapters.refusals import Absent, content_of, made_by, object_in, rows_in, silence
from cdock.core.errors import NotPermitted, Unavailable

if TYPE_CHECKING:
    import requests

Query = Mapping[str, str | int]
Row = dict[str, Any]

LIMIT = 50
"""Rows of a page: the most that a server gives unless it is set up otherwise."""
MOST_PAGES = 1_000


class Client:
    """Safe to use from several threads: one lock stands around the session.

    `web` is the server's address without a slash at the end, `token` gives the token that is good now, and `timeout` in
    seconds is for connecting and for each silence of the server.
    """

    def __init__(self, web: str, *, token: Callable[[], str], gate: Gate, timeout: float) -> None:
        self.host = urlsplit(web).netloc
        self._api = f"{web}/api/v1"
        self._token = token
        self._gate = gate
        self._timeout = timeout
        self._session: requests.Session | None = None
        self._lock = threading.Lock()
        self._login = ""
        self.told_at: datetime | None = None
        """The server's clock at its last answer."""

    def close(self) -> None:
        """Let go of the connection."""
        if self._session:
            self._session.close()

    def login(self) -> str:
        """The login of the token's account.

        Raises:
            NotPermitted: the server does not say whose it is.
        """
        if not self._login:
            self._login = str(self.read("/user").get("login") or "")
            if not self._login:
                raise NotPermitted(
                    f"{self.host} does not say whose token this is",
                    tried="GET /user",
                    fix="Use a token of a user account.",
                )
        return self._login

    def read(self, path: str) -> Row:
        """The object at `path`.

        Raises:
            Unavailable: no usable answer, or a limit.
            Refused: the server said no; `Absent` when there is no such thing.
        """
        tried = f"GET {path}"
        content = content_of(self._send("GET", path).body, tried=tried, host=self.host, writing=False)
        return object_in(content, tried=tried, host=self.host)

    def find(self, path: str) -> Row | None:
        """As `read`, with None when there is no such thing."""
        try:
            return self.read(path)
        except Absent:
            return None

    def whole(self, path: str) -> list[Row]:
        """The rows of a list that is given all at once, as Gitea gives what stands on one issue."""
        return self._rows(self._send("GET", path), path)

    def rows(self, path: str, query: Query | None = None) -> Iterator[Row]:
        """The rows of a list, page after page as they are asked for.

        How long a page is, is for the server to say: it is over when all that it counts were shown, or with an empty
        page where it does not count.
        """
        seen = 0
        for number in range(1, MOST_PAGES + 1):
            answer = self._send("GET", path, {**(query or {}), "page": number, "limit": LIMIT})
            rows = self._rows(answer, path)
            yield from rows
            seen += len(rows)
            total = answer.headers.get("x-total-count", "")
            if not rows or (total.isascii() and total.isdigit() and seen >= int(total)):
                return
        raise Unavailable(
            f"{self.host} sent more than {MOST_PAGES} pages for GET {path}", tried=f"GET {path}"
        )

    def write(self, method: str, path: str, body: Any = None, *, may_wait: bool = False) -> Any:
        """Send a change once, in turn; the JSON it is answered with, None where there is none.

        Say `may_wait` for what only shows how things stand and can be shown later.

        Raises:
            OutcomeUnknown: the change may have been applied all the same.
            Limited: it was not applied, because of a limit.
            Unavailable: it was not applied, because the server could not be reached.
            Refused: the server said no.
        """
        tried = f"{method} {path}"
        with self._gate.turn(EVERYTHING, may_wait=may_wait, tried=tried) as turn:
            answer = self._send(method, path, body=body, turn=turn)
        return content_of(answer.body, tried=tried, host=self.host, writing=True) if answer.body else None

    def write_row(self, method: str, path: str, body: Any, *, may_wait: bool = False) -> Row:
        """As `write`, for a change that is answered with what it made."""
        row = self.write(method, path, body, may_wait=may_wait)
        return made_by(row, tried=f"{method} {path}", host=self.host)

    def _rows(self, answer: Answer, path: str) -> list[Row]:
        tried = f"GET {path}"
        content = content_of(answer.body, tried=tried, host=self.host, writing=False)
        # Gitea writes an empty list as null in places, such as the timeline.
        return rows_in([] if content is None else content, tried=tried, host=self.host)

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Any = None,
        turn: Turn | None = None,
    ) -> Answer:
        tried = f"{method} {path}"
        with self._lock:
            self._gate.admit(EVERYTHING, tried=tried)
            headers = {"Accept": "application/json", "Authorization": f"token {self._token()}"}
            if turn:
                turn.sending()
            answer = self._exchange(method, path, query, headers, body, tried=tried, writing=turn is not None)
        if (pause := pause_of(answer.status, answer.headers)) is not None:
            self._gate.close(pause, resource=EVERYTHING, writing=turn is not None)
            self._gate.admit(EVERYTHING, tried=tried)
        self._gate.passed(writing=turn is not None)
        if answer.status >= 300:
            raise error_of(answer.status, answer.body, tried=tried, host=self.host, writing=turn is not None)
        return answer

    def _exchange(
        self,
        method: str,
        path: str,
        query: Query | None,
        headers: Mapping[str, str],
        body: Any,
        *,
        tried: str,
        writing: bool,
    ) -> Answer:
        if self._session is None:
            from cdock.adapters.gitea.session import open_session

            self._session = open_session(self._api)
        try:
            reply = self._session.request(
                method,
                f"{self._api}{path}",
                params=dict(query or {}),
                headers=dict(headers),
                json=body,
                timeout=self._timeout,
                allow_redirects=False,
            )
            answer = Answer(reply.status_code, {k.lower(): v for k, v in reply.headers.items()}, reply.text)
        except (OSError, ValueError) as error:
            raise silence(error, tried=tried, host=self.host, writing=writing) from None
        self.told_at = server_time(answer.headers) or self.told_at
        return answer

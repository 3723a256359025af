"""One account's requests to one GitHub host: conditional reads, gated writes, and errors in cdock's own words.

Nothing here retries and nothing waits for a rate limit: PyGithub's own retries repeat POST and would make twins, and a
sleeping client lets leases run out. Callers get `Unavailable` and plan the same step again.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cdock.adapters.github.etags import ETagCache, Page
from cdock.adapters.github.faults import (
    Absent,
    OutcomeUnknown,
    Unsupported,
    error_of,
    message_of,
    pause_of,
)
from cdock.adapters.github.gate import WriteGate
from cdock.adapters.github.hosts import graphql_url
from cdock.core.errors import Limited, Unavailable

if TYPE_CHECKING:
    from cdock.adapters.github.graphql import Endpoint, Reply

log = logging.getLogger(__name__)

API_VERSION = "2022-11-28"
ACCEPT = "application/vnd.github+json"
PER_PAGE = 100
MOST_PAGES = 1_000

_NOT_GITHUB = "A proxy or a login page may be in between; check the host in the settings."

Query = Mapping[str, str | int]


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: str


class Poll:
    """A page that was read but counts as seen only when it is committed: until then the next poll shows it again.

    `content` is the parsed list or object (callers must not change it), `next` the address of the page after it, and
    `changed` whether the server sent it anew; without that there is no content, for it was understood before.
    """

    def __init__(self, page: Page, *, changed: bool, store: Callable[[Page], None]) -> None:
        self.content = page.content
        self.next = page.next
        self.changed = changed
        self._page = page
        self._store = store

    def commit(self) -> None:
        """All that the page shows was understood, so from now on an unchanged one costs nothing."""
        if self._page.etag:
            # Thousands of these are remembered, so what they showed is not.
            self._store(Page(None, self._page.etag, self._page.next))


class Client:
    """Safe to use from several threads: PyGithub is not, so one lock stands around it."""

    def __init__(self, base_url: str, *, token: str, timeout: float, write_spacing: float) -> None:
        from github import Auth, Github

        from cdock.adapters.github.connection import Connection

        self.host = urlsplit(base_url).netloc
        self._requester = Github(
            auth=Auth.Token(token),
            base_url=base_url,
            user_agent="cdock",
            per_page=PER_PAGE,
            retry=None,
            lazy=True,
            api_version=API_VERSION,
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester
        self._connection = Connection(base_url, timeout=timeout)
        self._graphql_url = graphql_url(base_url)
        self._timeout = timeout
        self._token = token
        self._endpoint: Endpoint | None = None
        self._lock = threading.Lock()
        self._gate = WriteGate(write_spacing)
        self._etags = ETagCache(token=token)
        self._closed_until = 0.0
        self._limits_met = 0

    @property
    def redirects(self) -> int:
        """How often the server said that something has moved."""
        return self._connection.redirects

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
        if self._endpoint:
            self._endpoint.close()

    def read(self, path: str) -> dict[str, Any]:
        """The object at `path`; unchanged since the last read, it costs nothing.

        Raises:
            Unavailable: no usable answer, or a rate limit.
            Refused: the host said no; `Absent` when there is no such thing.
        """
        content = self._page(path, {}).content
        if not isinstance(content, dict):
            raise Unavailable(
                f"{self.host} sent no object for GET {path}", tried=f"GET {path}", fix=_NOT_GITHUB
            )
        return content

    def find(self, path: str) -> dict[str, Any] | None:
        """As `read`, with None when there is no such thing."""
        try:
            return self.read(path)
        except Absent:
            return None

    def rows(self, path: str, query: Query | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page as they are asked for, following GitHub's own links."""
        page = self._page(path, {**(query or {}), "per_page": PER_PAGE})
        for _ in range(MOST_PAGES):
            if not isinstance(page.content, list):
                raise Unavailable(
                    f"{self.host} sent no list for GET {path}", tried=f"GET {path}", fix=_NOT_GITHUB
                )
            yield from (row for row in page.content if isinstance(row, dict))
            if not page.next:
                return
            page = self._page(page.next, {})
        raise Unavailable(
            f"{self.host} sent more than {MOST_PAGES} pages for GET {path}", tried=f"GET {path}"
        )

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a change once, in turn; the JSON it is answered with.

        Raises:
            OutcomeUnknown: the change may have been applied all the same.
            Unavailable: it was not applied, because of a rate limit or a move.
            Refused: the host said no.
        """
        tried = f"{method} {path}"
        with self._gate.turn():
            answer = self._send(method, path, {}, {"Accept": ACCEPT}, body, tried=tried)
        return self._content(answer, tried=tried, writing=True) if answer.body else None

    def write_row(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """As `write`, for a change that is answered with what it made."""
        row = self.write(method, path, body)
        if not isinstance(row, dict):
            raise OutcomeUnknown(
                f"{self.host} did not show what {method} {path} made",
                tried=f"{method} {path}",
                fix="cdock looks again.",
            )
        return row

    def poll(self, url: str, query: Query | None = None, *, anew: bool = False) -> Poll:
        """A page of which only changes matter, and which is asked for again and again in the same words.

        `url` is a path, or a `next` as GitHub wrote it; `query` is sent as it is, so name `per_page`. Meant for
        lists with the newest first: a row that is added behind a full page does not change it. With `anew` the page
        is sent whether it changed or not.

        Raises:
            Unavailable: no usable answer, or a rate limit.
            Refused: the host said no; `Absent` when there is no such thing.
        """
        query = query or {}
        tried = f"GET {urlsplit(url).path}"
        # Apart from what `rows` read, which counts as seen at once.
        key = f"poll {self._etags.key(url, query, accept=ACCEPT)}"
        known = self._etags.find(key)
        headers = {"Accept": ACCEPT, **({"If-None-Match": known.etag} if known and not anew else {})}
        answer = self._send("GET", url, query, headers, None, tried=tried)
        if answer.status == 304 and known:
            page = Page(known.content, answer.headers.get("etag", known.etag), known.next)
            self._etags.store(key, page)
            return Poll(page, changed=False, store=lambda _: None)
        content = self._content(answer, tried=tried, writing=False)
        page = Page(content, answer.headers.get("etag", ""), _next_link(answer.headers))
        return Poll(page, changed=True, store=partial(self._etags.store, key))

    def graphql(self, document: str, variables: Mapping[str, Any], *, writing: bool) -> dict[str, Any]:
        """Send a GraphQL document once, a mutation in turn with all writes; the `data` it is answered with.

        An answer with any error raises, and what data came with it is not given out.

        Raises:
            Unsupported: the host has no GraphQL, or does not know these fields.
            OutcomeUnknown: a mutation may have been applied all the same, or only a part of it was.
            Limited: the quota is used up; nothing was applied.
            Unavailable: no usable answer, and nothing was applied.
            Refused: the host said no; `Absent` when there is no such thing, `NotPermitted` when the token may not.
        """
        tried = f"the {'mutation' if writing else 'query'} {_operation(document)}"
        with self._gate.turn() if writing else nullcontext():
            reply = self._exchange(document, variables, tried=tried, writing=writing)
        from cdock.adapters.github.graphql import error_of_reply

        if reply.status in (404, 501) or (reply.status == 405 and not reply.result):
            raise Unsupported(
                f"{self.host} has no GraphQL at {urlsplit(self._graphql_url).path}",
                tried=tried,
                fix="Check the host in the settings; an older or another forge may not have it.",
            )
        if error := error_of_reply(reply, tried=tried, host=self.host, writing=writing):
            raise error
        if reply.status >= 300:
            raise error_of(
                reply.status, reply.headers, reply.body, tried=tried, host=self.host, writing=writing
            )
        if not isinstance(reply.data, dict):
            raise (OutcomeUnknown if writing else Unavailable)(
                f"{self.host} answered {tried} with something that is no GraphQL result",
                tried=tried,
                fix=_NOT_GITHUB,
            )
        return reply.data

    def _exchange(self, document: str, variables: Mapping[str, Any], *, tried: str, writing: bool) -> "Reply":
        from cdock.adapters.github.graphql import Endpoint, limited

        with self._lock:
            self._check_limit(tried)
            if self._endpoint is None:
                self._endpoint = Endpoint(self._graphql_url, token=self._token, timeout=self._timeout)
            try:
                reply = self._endpoint.send(document, variables)
            except (OSError, ValueError) as error:
                kind = OutcomeUnknown if writing else Unavailable
                raise kind(
                    f"{self.host} did not answer {tried} ({type(error).__name__})",
                    tried=tried,
                    fix="Check the network; cdock looks again.",
                ) from error
            # GraphQL says with status 200 that the quota is used up; its headers are those of a 403.
            status = 403 if limited(reply) else reply.status
            body = reply.body if status == reply.status else '{"message": "rate limit"}'
            self._note_limit(_Answer(status, reply.headers, body), tried=tried)
        return reply

    def _page(self, url: str, query: Query) -> Page:
        tried = f"GET {urlsplit(url).path}"
        key = self._etags.key(url, query, accept=ACCEPT)
        known = self._etags.find(key)
        headers = {"Accept": ACCEPT}
        # A full last page stays as it is when a row is added behind it: only its missing `next` link is stale, and a
        # 304 would hide that. Such a page is read in full.
        if known and (known.next or not isinstance(known.content, list) or len(known.content) < PER_PAGE):
            headers["If-None-Match"] = known.etag
        answer = self._send("GET", url, query, headers, None, tried=tried)
        if answer.status == 304 and known:
            page = Page(known.content, answer.headers.get("etag", known.etag), known.next)
        else:
            content = self._content(answer, tried=tried, writing=False)
            page = Page(content, answer.headers.get("etag", ""), _next_link(answer.headers))
        if page.etag:
            self._etags.store(key, page)
        return page

    def _content(self, answer: _Answer, *, tried: str, writing: bool) -> Any:
        try:
            return json.loads(answer.body)
        except ValueError as error:
            kind = OutcomeUnknown if writing else Unavailable
            raise kind(
                f"{self.host} answered {tried} with something that is not JSON",
                tried=tried,
                fix=_NOT_GITHUB,
            ) from error

    def _send(
        self, method: str, url: str, query: Query, headers: dict[str, str], body: Any, *, tried: str
    ) -> _Answer:
        with self._lock:
            self._check_limit(tried)
            try:
                status, received, text = self._requester.requestJson(
                    method, url, dict(query), headers, body, self._connection
                )
            except (OSError, ValueError) as error:
                # The error's own words may hold the address of a proxy with its password.
                kind = Unavailable if method == "GET" else OutcomeUnknown
                raise kind(
                    f"{self.host} did not answer {tried} ({type(error).__name__})",
                    tried=tried,
                    fix="Check the network; cdock looks again.",
                ) from error
            answer = _Answer(status, received, text)
            self._note_limit(answer, tried=tried)
        if status >= 300 and status != 304:
            raise error_of(status, received, text, tried=tried, host=self.host, writing=method != "GET")
        return answer

    def _check_limit(self, tried: str) -> None:
        """Hammering a limited account can get it banned, so nothing is sent until the limit has passed."""
        left = self._closed_until - time.monotonic()
        if left > 0:
            raise self._limited(timedelta(seconds=left), tried=tried)

    def _note_limit(self, answer: _Answer, *, tried: str) -> None:
        now = datetime.now(UTC)
        said = message_of(answer.body) if answer.status in (403, 429) else ""
        pause = pause_of(answer.status, answer.headers, said, now=now, repeated=self._limits_met)
        if pause is None:
            self._limits_met = 0
            return
        self._limits_met += 1
        self._closed_until = time.monotonic() + pause.total_seconds()
        log.warning("rate limit met", extra={"host": self.host, "seconds": pause.total_seconds()})
        raise self._limited(pause, tried=tried)

    def _limited(self, left: timedelta, *, tried: str) -> Limited:
        until = datetime.now(UTC) + left + timedelta(seconds=1)
        return Limited(
            f"{self.host} limits this account's requests until {until:%H:%M:%S} UTC",
            until=until,
            tried=tried,
            fix="cdock looks again after that. Fewer pollers on one account, or a longer interval, help.",
        )


def _operation(document: str) -> str:
    """The name of a document's operation, for messages."""
    found = re.search(r"\b(?:query|mutation)\s+(\w+)", document)
    return found[1] if found else "without a name"


def _next_link(headers: Mapping[str, str]) -> str:
    """The address of the next page as GitHub wrote it; its cursors cannot be made up."""
    found = re.search(r'<([^<>]+)>\s*;[^<>]*\brel="?next"?', headers.get("link", ""))
    return found[1] if found else ""

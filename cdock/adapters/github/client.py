"""One account's requests to one GitHub host: conditional reads, gated writes, and errors in cdock's own words.

A write is done, or not applied (`Refused`, `Limited`, `Unavailable`), or of unknown outcome (`OutcomeUnknown`): then
look before sending it again.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cdock.adapters.github.etags import ETagCache, Page
from cdock.adapters.github.faults import Unsupported, error_of
from cdock.adapters.github.gate import Gate, Turn
from cdock.adapters.github.headers import Quota
from cdock.adapters.github.hosts import Host
from cdock.adapters.github.tokens import Credential
from cdock.adapters.github.wire import CORE, GRAPHQL, Wire
from cdock.adapters.github.wire import Query as Query
from cdock.adapters.payload import Answer
from cdock.adapters.refusals import BETWEEN, Absent, OutcomeUnknown, content_of, made_by, object_in, rows_in
from cdock.core.errors import NotPermitted, Unavailable

ACCEPT = "application/vnd.github+json"
PER_PAGE = 100
MOST_PAGES = 1_000


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
    """Safe to use from several threads. `gate` is that of the credential's account (`gate.gate_for`)."""

    def __init__(self, host: Host, *, credential: Credential, gate: Gate, timeout: float) -> None:
        self.host = urlsplit(host.rest).netloc
        self._wire = Wire(host, credential=credential, gate=gate, timeout=timeout)
        self._credential = credential
        self._etags = ETagCache(token=credential.account)
        self._etags_of = ""
        self._login = ""

    @property
    def redirects(self) -> int:
        """How often the server said that something has moved."""
        return self._wire.redirects

    @property
    def quota(self) -> Quota | None:
        """What is left of the REST API's requests, as the last answer said; asking for it would cost some."""
        return self._wire.quotas.get(CORE)

    @property
    def scopes(self) -> frozenset[str] | None:
        """The scopes of a classic token; None for another kind of token, or before the first answer."""
        return self._wire.scopes

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends, where the host says so."""
        return self._wire.expires_at

    @property
    def told_at(self) -> datetime | None:
        """The host's clock at its last answer."""
        return self._wire.told_at

    def close(self) -> None:
        """Let go of the connection."""
        self._wire.close()

    def login(self) -> str:
        """The login of the account that the credential is of.

        Raises:
            NotPermitted: the token has no user, and is not one of an App that we know.
        """
        if not self._login:
            self._login = self._credential.login() or self._login_of_user()
        return self._login

    def _login_of_user(self) -> str:
        try:
            login = self.read("/user").get("login", "")
        except NotPermitted as error:
            if "integration" not in error.message:
                raise
            raise NotPermitted(
                f"the token for {self.host} is one of a GitHub App or a workflow, which has no user",
                tried="GET /user",
                fix="Give cdock the App itself (CDOCK_APP_ID and CDOCK_APP_KEY_FILE), or the token of a user account: "
                "`gh auth login`, or a personal access token in CDOCK_TOKEN.",
            ) from error
        if not login:
            raise NotPermitted(
                f"{self.host} does not say whose token this is",
                tried="GET /user",
                fix="Use a token of a user account.",
            )
        return str(login)

    def read(self, path: str) -> dict[str, Any]:
        """The object at `path`; unchanged since the last read, it costs nothing.

        Raises:
            Unavailable: no usable answer, or a rate limit.
            Refused: the host said no; `Absent` when there is no such thing.
        """
        return object_in(self._page(path, {}).content, tried=f"GET {path}", host=self.host)

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
            yield from rows_in(page.content, tried=f"GET {path}", host=self.host)
            if not page.next:
                return
            page = self._page(page.next, {})
        raise Unavailable(
            f"{self.host} sent more than {MOST_PAGES} pages for GET {path}", tried=f"GET {path}"
        )

    def write(self, method: str, path: str, body: Any = None, *, may_wait: bool = False) -> Any:
        """Send a change once, in turn; the JSON it is answered with.

        Say `may_wait` for what only shows how things stand and can be shown later, such as an edit of a status
        comment or a label: a quarter of the account's budget is kept for all else.

        Raises:
            OutcomeUnknown: the change may have been applied all the same.
            Limited: it was not applied, because of the account's budget or a rate limit.
            Unavailable: it was not applied, because of a move or because the host could not be reached.
            Refused: the host said no.
        """
        tried = f"{method} {path}"
        with self._wire.gate.turn(CORE, may_wait=may_wait, tried=tried) as turn:
            answer = self._send(method, path, {}, {"Accept": ACCEPT}, body, tried=tried, turn=turn)
        return content_of(answer.body, tried=tried, host=self.host, writing=True) if answer.body else None

    def write_row(self, method: str, path: str, body: Any, *, may_wait: bool = False) -> dict[str, Any]:
        """As `write`, for a change that is answered with what it made."""
        row = self.write(method, path, body, may_wait=may_wait)
        return made_by(row, tried=f"{method} {path}", host=self.host)

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
        content = content_of(answer.body, tried=tried, host=self.host, writing=False)
        page = Page(content, answer.headers.get("etag", ""), _next_link(answer.headers))
        return Poll(page, changed=True, store=partial(self._etags.store, key))

    def text(self, path: str, *, most: int) -> str:
        """The end of a text such as a log, at most `most` bytes. Where it lies at another host, that gets no token.

        Raises:
            Unavailable: no usable answer, or a rate limit.
            Refused: the host said no; `Absent` when there is no such thing.
        """
        tried = f"GET {path}"
        answer = self._wire.text(path, tried=tried, most=most)
        if answer.status >= 300:
            raise error_of(
                answer.status, answer.headers, answer.body, tried=tried, host=self.host, writing=False
            )
        return answer.body

    def graphql(
        self, document: str, variables: Mapping[str, Any], *, writing: bool, may_wait: bool = False
    ) -> dict[str, Any]:
        """Send a GraphQL document once, a mutation in turn with all writes; the `data` it is answered with.

        An answer with any error raises, and what data came with it is not given out. `may_wait` is for mutations,
        as for `write`.

        Raises:
            Unsupported: the host has no GraphQL, or does not know these fields.
            OutcomeUnknown: a mutation may have been applied all the same, or only a part of it was.
            Limited: the quota is used up; nothing was applied.
            Unavailable: no usable answer, and nothing was applied.
            Refused: the host said no; `Absent` when there is no such thing, `NotPermitted` when the token may not.
        """
        tried = f"the {'mutation' if writing else 'query'} {_operation(document)}"
        gate = self._wire.gate
        with gate.turn(GRAPHQL, may_wait=may_wait, tried=tried) if writing else nullcontext() as turn:
            reply = self._wire.ask(document, variables, tried=tried, turn=turn)
        from cdock.adapters.github.graphql import error_of_reply

        if reply.status in (404, 501) or (reply.status == 405 and not reply.result):
            raise Unsupported(
                f"{self.host} has no GraphQL at {urlsplit(self._wire.host.graphql).path}",
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
                fix=BETWEEN,
            )
        return reply.data

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
            content = content_of(answer.body, tried=tried, host=self.host, writing=False)
            page = Page(content, answer.headers.get("etag", ""), _next_link(answer.headers))
        if page.etag:
            self._etags.store(key, page)
        return page

    def _send(
        self,
        method: str,
        url: str,
        query: Query,
        headers: Mapping[str, str],
        body: Any,
        *,
        tried: str,
        turn: Turn | None = None,
    ) -> Answer:
        answer = self._wire.send(method, url, query, headers, body, tried=tried, turn=turn)
        if self._etags_of != (newest := self._wire.fingerprint):
            if self._etags_of:
                # GitHub mixes the token into its ETags, so those of the one before are worthless.
                self._etags = ETagCache(token=self._credential.account)
            self._etags_of = newest
        if answer.status >= 300 and answer.status != 304:
            raise error_of(
                answer.status,
                answer.headers,
                answer.body,
                tried=tried,
                host=self.host,
                writing=turn is not None,
            )
        return answer


def _operation(document: str) -> str:
    """The name of a document's operation, for messages."""
    found = re.search(r"\b(?:query|mutation)\s+(\w+)", document)
    return found[1] if found else "without a name"


def _next_link(headers: Mapping[str, str]) -> str:
    """The address of the next page as GitHub wrote it; its cursors cannot be made up."""
    found = re.search(r'<([^<>]+)>\s*;[^<>]*\brel="?next"?', headers.get("link", ""))
    return found[1] if found else ""

"""Record HTTP exchanges of Python clients, each judged by GitHub's contract as it happens.

    with recorded_pygithub() as recorder:      # or recorder.watch(session) for a session of requests
        Github(base_url=…).get_repo("alice/demo")
    assert recorder.violations == []

For clients in other languages, and for whole processes, see `proxy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

from .contract import Contract, Violation, load_contract

GRAPHQL = ("/graphql", "/api/graphql")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer as they were on the wire, and what the contract says to them."""

    method: str
    url: str
    sent: bytes
    status: int
    answer: bytes
    media_type: str
    violations: tuple[Violation, ...] = ()


class Recorder:
    """The exchanges seen so far, oldest first. Several threads may add to it."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.exchanges: list[Exchange] = []

    @property
    def violations(self) -> list[Violation]:
        """All violations seen so far, each one once."""
        return list(dict.fromkeys(found for exchange in self.exchanges for found in exchange.violations))

    @property
    def operations(self) -> set[str]:
        """The names of the published operations that were answered with success."""
        names = {
            self.contract.operation(each.method, each.url) for each in self.exchanges if each.status < 400
        }
        return {name for name in names if name}

    def record(
        self, *, method: str, url: str, accept: str, sent: bytes, status: int, answer: bytes, media_type: str
    ) -> Exchange:
        """Judge and keep one exchange; one that is not REST is kept without a judgement."""
        violations: list[Violation] = []
        if is_rest(url, accept=accept):
            violations += self.contract.request(method, url, sent)
            violations += self.contract.response(method, url, status, answer, media_type=media_type)
        exchange = Exchange(method, url, sent, status, answer, media_type, tuple(violations))
        self.exchanges.append(exchange)
        return exchange

    def watch(self, session: requests.Session) -> None:
        """Record everything that `session` does from now on, redirects included."""
        session.hooks["response"].append(self._seen)

    def _seen(self, response: requests.Response, **_: Any) -> None:
        request = response.request
        sent = request.body or b""
        self.record(
            method=request.method or "",
            url=request.url or "",
            accept=str(request.headers.get("Accept", "")),
            sent=sent.encode() if isinstance(sent, str) else sent,
            status=response.status_code,
            answer=response.content,
            media_type=response.headers.get("Content-Type", ""),
        )


@contextmanager
def recorded_pygithub(contract: Contract | None = None) -> Iterator[Recorder]:
    """Record every call of every PyGithub client that connects inside the block.

    It uses the door PyGithub keeps for its own tests; the connections are the usual ones. Without a
    contract it loads the kept one.
    """
    recorder = Recorder(contract or load_contract())

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            recorder.watch(self.session)

    class Secure(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            recorder.watch(self.session)

    Requester.injectConnectionClasses(Plain, Secure)
    try:
        yield recorder
    finally:
        Requester.resetConnectionClasses()


def is_rest(url: str, *, accept: str) -> bool:
    """Whether a request is for the REST interface, and not for GraphQL, git, a page or the forge's own doors."""
    path = urlsplit(url).path
    return not (path in GRAPHQL or ".git/" in path or path.startswith("/_") or "text/html" in accept)

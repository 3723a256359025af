"""One ASGI application: REST, GraphQL, git and pages behind one check of who is addressed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from cdock.forge import git, persons
from cdock.forge.graphql.endpoint import GraphqlApi
from cdock.forge.rest.endpoint import RestApi
from cdock.forge.rest.rates import Rates
from cdock.forge.store import Store

Interface = Literal["rest", "graphql", "git", "page"]

_REST_ROOTS: Final = frozenset(
    (
        "app",
        "apps",
        "graphql",
        "installation",
        "meta",
        "orgs",
        "rate_limit",
        "repos",
        "repositories",
        "search",
        "user",
        "users",
        "versions",
    )
)
_GRAPHQL: Final = frozenset(("/graphql", "/api/graphql"))
_BOARDS: Final = re.compile(r"/(?:users|orgs)/[^/]+/projects(?:/.*)?")
_HOSTS: Final = frozenset(("127.0.0.1", "localhost", "::1", "github.localhost"))


def build_app(
    store: Store,
    *,
    pages: Sequence[BaseRoute],
    rates: Rates | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
) -> ASGIApp:
    """The forge on an open store; without `pages` it has none.

    `wrap` puts something around everything that is addressed to the forge, such as the controls of tests.
    """
    rates = rates or Rates()
    rest = RestApi(store, rates)
    graphql = GraphqlApi(store, rates=rates)
    transport = git.GitTransport(store)
    site = Starlette(routes=[persons.avatar_route(store), *pages])

    async def forge(scope: Scope, receive: Receive, send: Send) -> None:
        path, interface = scope["path"], interface_of(scope)
        if interface == "git":
            await transport(scope, receive, send)
        elif interface == "graphql" and scope["method"] == "POST":
            await graphql(scope, receive, send)
        elif interface in ("rest", "graphql"):
            await rest(scope, receive, send)
        elif path.count("/") == 1 and await run_in_threadpool(persons.is_login, store, path[1:]):
            # A user has no page of their own; what they own stands on the front page.
            await RedirectResponse("/", status_code=302)(scope, receive, send)
        else:
            await site(scope, receive, send)

    inner = wrap(forge) if wrap else forge

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await site(scope, receive, send)
            return
        addressed = _addressed(scope)
        if addressed is None:
            refusal = PlainTextResponse("This forge answers for its own addresses only.\n", status_code=403)
            await refusal(scope, receive, send)
            return
        await inner(addressed, receive, send)

    return app


def interface_of(scope: Scope) -> Interface:
    """Which of the forge's faces a request is for."""
    path = scope["path"]
    if git.PATH.fullmatch(path):
        return "git"
    if not (_host(scope["headers"]).startswith("api.") or _is_rest(path, scope)):
        return "page"
    return "graphql" if path in _GRAPHQL else "rest"


def _addressed(scope: Scope) -> Scope | None:
    """The request with a plain path; None when it is meant for another host.

    A page elsewhere that makes its own name lead here (DNS rebinding) is known by that name; ports say nothing.
    Programs with a proxy set send the whole address as target, and for a foreign one we would be an open proxy.
    """
    path: str = scope["path"]
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    if "://" in path.partition("?")[0][:10]:
        target = urlsplit(path)
        headers = [pair for pair in headers if pair[0] != b"host"] + [(b"host", target.netloc.encode())]
        raw = scope.get("raw_path") or path.encode()
        raw_path = b"/" + raw.split(b"://", 1)[1].partition(b"/")[2]
        scope = {
            **scope,
            "path": unquote(raw_path.decode("latin-1")),
            "raw_path": raw_path,
            "headers": headers,
        }
    host = _host(headers)
    if not scope["path"].startswith("/") or not (host in _HOSTS or host.endswith(".github.localhost")):
        return None
    return scope


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str:
    return urlsplit("//" + dict(headers).get(b"host", b"").decode("latin-1")).hostname or ""


def _is_rest(path: str, scope: Scope) -> bool:
    if path.startswith("/api/"):
        return True
    if path == "/":
        accept = dict(scope["headers"]).get(b"accept", b"")
        return b"text/html" not in accept
    return path.split("/", 2)[1] in _REST_ROOTS and not _BOARDS.fullmatch(path)

"""The GraphQL interface as an ASGI application: who asks, what, and at what cost."""

from __future__ import annotations

import json
import logging
import secrets
from datetime import datetime
from typing import Any, Final

from graphql import GraphQLError, OperationType
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cdock.forge.auth import BadCredentials, login_of
from cdock.forge.domain.logins import Login
from cdock.forge.graphql import errors, running
from cdock.forge.graphql.asked import Ask
from cdock.forge.graphql.cost import cost_of
from cdock.forge.graphql.running import Document
from cdock.forge.rest import permissions
from cdock.forge.rest.rates import Rate, Rates
from cdock.forge.rest.urls import Urls, urls_of
from cdock.forge.store import Store

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 4 * 1024 * 1024
"""Bytes; documents are short, and a body of an issue has at most 65,536 characters."""

DOCS: Final = "https://docs.github.com/graphql"
ANONYMOUS: Final = "This endpoint requires you to be authenticated."

Json = dict[str, Any]


class GraphqlApi:
    """Answers `POST /graphql` and `POST /api/graphql`."""

    def __init__(self, store: Store, *, rates: Rates) -> None:
        self._store = store
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            content = await _content(request)
        except ClientDisconnect:
            return
        response = await run_in_threadpool(self._respond, request, content)
        await response(scope, receive, send)

    def _respond(self, request: Request, content: bytes | None) -> Response:
        login: Login | None = None
        rate: Rate | None = None
        try:
            if not request.headers.get("user-agent"):
                return _response(403, _message("Request forbidden by administrative rules."))
            with self._store.read() as tx:
                login = login_of(tx, request.headers.get("authorization", ""))
                now = tx.now
            if login is None:
                return _response(401, _message(ANONYMOUS))
            rate = self._spend(login, 0, now=now)
            asked = _asked(request, content)
            if isinstance(asked, str):
                return _response(400, _message(asked), login=login, rate=rate)
            document = running.understood(asked["query"])
            body, rate = self._answer(login, document, asked, request, now=now)
        except BadCredentials as error:
            return _response(401, _message(str(error)))
        except Exception:
            log.exception("a GraphQL request failed")
            return _response(500, _message("Server Error"), login=login, rate=rate)
        return _response(200, body, login=login, rate=rate)

    def _answer(
        self, login: Login, document: Document, asked: Json, request: Request, *, now: datetime
    ) -> tuple[Json, Rate]:
        name, variables = asked.get("operationName"), asked.get("variables") or {}
        operation = document.operation(name)
        if document.errors or document.parsed is None or operation is None:
            wrong = document.errors or (GraphQLError(_no_operation(name)),)
            return {"errors": [errors.shown(one) for one in wrong]}, self._spend(login, 1, now=now)
        cost = cost_of(document.parsed, operation, variables)
        rate = self._spend(login, cost.points, now=now)
        changes = operation.operation == OperationType.MUTATION
        handles = self._store.write if changes else self._store.read
        with handles() as tx:
            ask = Ask(tx, login, _urls(request), rate, cost)
            result = running.run(ask, document.parsed, variables=variables, operation=name)
        body: Json = {}
        # A request with variables that do not fit was not begun, and has no data at all.
        if result.data is not None or any(one.path for one in result.errors or ()):
            body["data"] = result.data
        if result.errors:
            body["errors"] = [errors.shown(one) for one in result.errors]
        return body, rate

    def _spend(self, login: Login, cost: int, *, now: datetime) -> Rate:
        return self._rates.spend(login.user.id, cost, now=now, resource="graphql")


async def _content(request: Request) -> bytes | None:
    """The request's body, or None when it is too long."""
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_LIMIT:
            parts.append(chunk)
    return b"".join(parts) if size <= BODY_LIMIT else None


def _asked(request: Request, content: bytes | None) -> Json | str:
    """What the body asks, or why that cannot be read."""
    if request.method != "POST" or content is None:
        return "A query attribute must be specified and must be a string."
    try:
        value = json.loads(content or b"null")
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return "Problems parsing JSON"
    if not isinstance(value, dict) or not isinstance(value.get("query"), str):
        return "A query attribute must be specified and must be a string."
    if not isinstance(value.get("variables") or {}, dict):
        return "Variables must be an object."
    if not isinstance(value.get("operationName") or "", str):
        return "The operation's name must be a string."
    value["operationName"] = value.get("operationName") or None
    return value


def _urls(request: Request) -> Urls:
    prefix = "/api/v3" if request.scope["path"].startswith("/api/") else ""
    return urls_of(request.headers.get("host", ""), prefix)


def _no_operation(name: str | None) -> str:
    return f'No operation named "{name}"' if name else "An operation name is required"


def _message(text: str) -> Json:
    return {"message": text, "documentation_url": DOCS}


def _response(status: int, body: Json, *, login: Login | None = None, rate: Rate | None = None) -> Response:
    headers = {
        "X-GitHub-Request-Id": secrets.token_hex(16).upper(),
        "X-GitHub-Media-Type": "github.v4; format=json",
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    headers |= permissions.headers(login, ())
    if rate is not None:
        headers |= rate.headers
    missing = [
        one["message"] for one in body.get("errors", ()) if one["message"].startswith(errors.UNANSWERED)
    ]
    if missing:
        headers["X-Forge-Unimplemented"] = missing[0].removeprefix(errors.UNANSWERED).strip()
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status_code=status, headers=headers)

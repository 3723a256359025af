"""The REST interface as an ASGI application: who asks, in which version, what changed since."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Mapping
from email.utils import format_datetime, parsedate_to_datetime
from importlib import import_module
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cdock.forge.appkeys import app_of
from cdock.forge.auth import BadCredentials, login_of
from cdock.forge.domain import repos
from cdock.forge.domain.apps import App
from cdock.forge.domain.errors import DomainError, Moved
from cdock.forge.domain.logins import Login
from cdock.forge.domain.repos import Repo
from cdock.forge.rest import permissions, routing
from cdock.forge.rest.answers import Answer, BadRequest, refusal, refused
from cdock.forge.rest.call import Body, Call
from cdock.forge.rest.rates import Rate, Rates, Resource, resource_of
from cdock.forge.rest.urls import Urls, urls_of
from cdock.forge.store import Store, Tx

log = logging.getLogger(__name__)

VERSIONS: Final = ("2022-11-28", "2026-03-10")
BODY_LIMIT: Final = 64 * 1024 * 1024
"""Bytes; the largest thing sent here is a file in a blob."""

NAMELESS: Final = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
)

_IN_REPO: Final = re.compile(
    r"/(?:repos/(?P<owner>[^/]+)/(?P<name>[^/]+)|repositories/(?P<id>\d{1,18}))(?P<rest>/.*)?"
)
_COMMON: Final = {
    "Cache-Control": "private, max-age=60, s-maxage=60",
    "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
    "X-GitHub-Media-Type": "github.v3; format=json",
    "X-Accepted-OAuth-Scopes": "repo",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Expose-Headers": "ETag, Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset",
}

# Handlers register themselves when they are imported.
for _module in (
    "apps",
    "checks",
    "code",
    "comments",
    "gitdata",
    "history",
    "hooks",
    "issues",
    "labels",
    "meta",
    "milestones",
    "people",
    "projects",
    "pulls",
    "ratelimit",
    "reactions",
    "repos",
    "reviews",
    "search",
    "statuses",
    "structure",
):
    import_module(f"cdock.forge.rest.{_module}")


class RestApi:
    """Answers everything under `/` and `/api/v3` that GitHub's REST interface has and we know."""

    def __init__(self, store: Store, rates: Rates) -> None:
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
        asked = _Asked(request)
        login: Login | None = None
        version = VERSIONS[0]
        try:
            if content is None:
                return self._response(asked, refused(413, "Payload too large"), None, version)
            if not request.headers.get("user-agent"):
                return self._response(asked, refused(403, NAMELESS), None, version)
            version = _version(request)
            handles = self._store.read if asked.method == "GET" else self._store.write
            with handles() as tx:
                header = request.headers.get("authorization", "")
                app = app_of(tx, header)
                login = login_of(tx, header) if app is None else None
                asked.payer = login.user.id if login else app.bot.id if app else None
                answer = _answer(tx, asked, login, app, version, content, self._budgets(asked.payer))
        except (DomainError, BadRequest, BadCredentials) as error:
            answer = _refusal(error)
        except Exception:
            log.exception("%s %s failed", asked.method, asked.path)
            answer = refused(500, "Server Error")
        return self._response(asked, answer, login, version)

    def _response(self, asked: _Asked, answer: Answer, login: Login | None, version: str) -> Response:
        headers = dict(_COMMON) | {
            "X-GitHub-Request-Id": secrets.token_hex(16).upper(),
            "x-github-api-version-selected": version,
            **answer.headers,
        }
        headers |= permissions.headers(login, asked.wanted)
        if answer.links:
            headers["Link"] = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in answer.links.items())
        if answer.modified is not None:
            headers["Last-Modified"] = format_datetime(answer.modified, usegmt=True)
        body = answer.body if isinstance(answer.body, bytes) else _json(answer)
        status = answer.status
        if asked.method == "GET" and status == 200:
            headers["ETag"] = _etag(login, asked.headers.get("accept", ""), body)
            if _unchanged(asked.headers, headers):
                status, body = 304, b""
        free = asked.path == "/rate_limit" or (status == 304 and login is not None)
        headers |= self._spend(asked.payer, 0 if free else 1, resource_of(asked.path)).headers
        if status not in {204, 304}:
            headers["Content-Type"] = answer.media
        return Response(b"" if asked.head else body, status_code=status, headers=headers)

    def _budgets(self, payer: int | None) -> dict[Resource, Rate]:
        return self._rates.all(payer, now=self._store.now())

    def _spend(self, payer: int | None, cost: int, resource: Resource) -> Rate:
        return self._rates.spend(payer, cost, now=self._store.now(), resource=resource)


class _Asked:
    """What the request line and headers say. The path is still percent-encoded and without prefix."""

    payer: int | None = None
    """The id of the user whose budget pays, once it is known; None for everybody who is not logged in."""

    def __init__(self, request: Request) -> None:
        raw = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
        path = raw.decode("latin-1").partition("?")[0]
        self.prefix = (
            "/api/v3" if re.match(r"/api/v3(/|$)", path) else "/api" if path.startswith("/api/") else ""
        )
        self.path = path[len(self.prefix) :].rstrip("/") or "/"
        self.head = request.method == "HEAD"
        self.method = "GET" if self.head else request.method
        self.query = _query(request.scope["query_string"].decode("latin-1"))
        self.query_text: str = request.scope["query_string"].decode("latin-1")
        self.headers = request.headers
        self.urls: Urls = urls_of(request.headers.get("host", ""), self.prefix)
        match = _IN_REPO.fullmatch(self.path)
        self.wanted = permissions.accepted(
            self.method, (match["rest"] or "") if match else self.path, in_repo=match is not None
        )


def _query(text: str) -> dict[str, str]:
    """The last value of each key; those of a list (`fields[]=1&fields[]=2`) are joined by commas."""
    found: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        found[key] = f"{found[key]},{value}" if key.endswith("[]") and key in found else value
    return found


async def _content(request: Request) -> bytes | None:
    """The request's body, or None when it is too long."""
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_LIMIT:
            parts.append(chunk)
    return b"".join(parts) if size <= BODY_LIMIT else None


def _answer(
    tx: Tx,
    asked: _Asked,
    login: Login | None,
    app: App | None,
    version: str,
    content: bytes,
    rates: Mapping[Resource, Rate],
) -> Answer:
    actor = login.user if login else None
    # What an App sees in its own name is what its bot would see.
    viewer = app.bot if app else actor
    if "%00" in asked.path or "%00" in asked.query_text:
        raise BadRequest("Null characters are not allowed in a request's address")
    target: Repo | None = None
    path = asked.path
    if match := _IN_REPO.fullmatch(path):
        path = match["rest"] or ""
        found = routing.find(asked.method, path, in_repo=True)
        if found is not None:
            try:
                target = (
                    repos.by_id(tx, int(match["id"]), actor=viewer)
                    if match["id"]
                    else repos.find(tx, match["owner"], match["name"], actor=viewer)
                )
            except Moved as moved:
                return _moved(asked, f"/repositories/{moved.repo_id}{path}")
    else:
        found = routing.find(asked.method, path, in_repo=False)
    if found is None:
        absent = refused(404, "Not Found")
        name = f"{asked.method} {asked.prefix}{asked.path}"
        log.warning("unimplemented: %s", name)
        return Answer(absent.body, status=404, headers={"X-Forge-Unimplemented": name})
    handler, params = found
    permissions.check(tx, login, asked.method, path, target)
    call = Call(
        tx=tx,
        actor=actor,
        urls=asked.urls,
        version=version,
        accept=asked.headers.get("accept", ""),
        params=params,
        query=asked.query,
        body=Body(_parsed(content)),
        target=target,
        path=path,
        rates=rates,
        login=login,
        app=app,
    )
    return handler(call)


def _parsed(content: bytes) -> object:
    if not content.strip():
        return None
    try:
        value: object = json.loads(content)
        # JSON can spell halves of characters, which are no text.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadRequest("Problems parsing JSON") from error
    if not isinstance(value, dict | list):
        raise BadRequest("Body should be a JSON object")
    return value


def _moved(asked: _Asked, path: str) -> Answer:
    address = asked.urls.api + path + (f"?{asked.query_text}" if asked.query_text else "")
    body = {
        "message": "Moved Permanently",
        "url": address,
        "documentation_url": "https://docs.github.com/rest",
    }
    return Answer(body, status=301, headers={"Location": address})


def _refusal(error: DomainError | BadRequest | BadCredentials) -> Answer:
    try:
        return refusal(error)
    except DomainError:
        log.exception("a request failed for reasons of ours")
        return refused(500, str(error))


def _version(request: Request) -> str:
    asked = request.headers.get("x-github-api-version") or VERSIONS[0]
    if asked not in VERSIONS:
        raise BadRequest(
            f"'{asked}' is not a supported API version. Supported versions are: {', '.join(VERSIONS)}"
        )
    return asked


def _json(answer: Answer) -> bytes:
    if answer.body is None:
        return b""
    return json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()


def _etag(login: Login | None, accept: str, body: bytes) -> str:
    digest = hashlib.sha256(f"{login.token_id if login else ''}\n{accept}\n".encode() + body)
    return f'W/"{digest.hexdigest()}"'


def _unchanged(asked: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    known = asked.get("if-none-match")
    if known is not None:
        mine = headers["ETag"].removeprefix("W/")
        return known.strip() == "*" or mine in {tag.strip().removeprefix("W/") for tag in known.split(",")}
    since = asked.get("if-modified-since")
    if since is None or "Last-Modified" not in headers:
        return False
    try:
        return parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False

"""One visit of a browser: who asks, what they sent, and the answer with its safety headers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cdock.forge.domain import errors, logins, repos
from cdock.forge.domain.users import User
from cdock.forge.store import Store, Tx
from cdock.forge.web import assets, wording
from cdock.forge.web.places import Place

FORM_LIMIT = 2 * 1024 * 1024
"""Bytes of a posted form; the longest text allowed is far below it."""

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
SAFETY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
}

REFUSALS: tuple[tuple[type[errors.DomainError], int, str, str], ...] = (
    (errors.LoginNeeded, 401, "Please log in", "This needs somebody who is logged in."),
    (errors.NotFound, 404, "Nothing here", "There is nothing at this address, or you may not see it."),
    (errors.Forbidden, 403, "Not yours to do", "You may read this, but not do that."),
    (errors.NotAllowed, 409, "Not possible now", ""),
    (errors.Conflict, 409, "It changed meanwhile", ""),
    (errors.Gone, 410, "Gone", ""),
    (errors.Invalid, 422, "That cannot be saved", ""),
)
"""Kind of error, HTTP status, title of the page, and words in place of a message meant for programs."""
_FOR_PROGRAMS = frozenset(
    ("Requires authentication", "Not Found", "Must have admin rights to Repository.", "Branch not found")
)
_CODES = {
    "missing_field": "is needed",
    "missing": "does not exist",
    "already_exists": "is taken already",
    "invalid": "is not valid",
}


@dataclass(frozen=True)
class Visit:
    """A request with what every page needs to know about it."""

    request: Request
    store: Store
    user: User | None
    secret: str
    """The session's secret; empty for a visitor who is not logged in."""
    form: FormData

    @property
    def path(self) -> str:
        """Where the browser is."""
        return self.request.url.path

    def part(self, name: str) -> str:
        """A part of the address, such as the owner."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """A value of the address's query, empty when it is not there."""
        return self.request.query_params.get(name, "")

    def text(self, name: str) -> str:
        """A posted text, byte for byte; empty when it is not there."""
        value = self.form.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """All posted values of one name."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def repo(self, tx: Tx) -> repos.Repo:
        """The repository of this address. Raises NotFound or Moved."""
        return repos.find(tx, self.part("owner"), self.part("repo"), actor=self.user)

    def page(
        self, template: str, *, place: Place | None = None, status: int = 200, **values: Any
    ) -> Response:
        """An HTML page from a template."""
        html = _TEMPLATES.get_template(template).render(
            user=self.user,
            csrf=csrf_token(self.secret),
            here=self.path,
            host=self.request.url.netloc,
            place=place,
            **values,
        )
        return HTMLResponse(html, status_code=status)


Handler: TypeAlias = Callable[[Visit], Response]


def page_route(path: str, handler: Handler, *, store: Store) -> Route:
    """A page to read."""
    return Route(path, _endpoint(handler, store), methods=["GET"])


def action_route(path: str, handler: Handler, *, store: Store) -> Route:
    """A form to post; the handler runs only when the form is one of ours, sent by somebody logged in."""
    return Route(path, _endpoint(handler, store), methods=["POST"])


def see(path: str) -> Response:
    """After a form: look at this page now."""
    return RedirectResponse(path, status_code=303)


def cookie_name(request: Request) -> str:
    """Browsers keep cookies by host and not by port, so two forges on one machine need two names."""
    return f"forge-{request.url.port or 80}"


def csrf_token(secret: str) -> str:
    """What a form of this session carries; nobody without the session's cookie can know it."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest() if secret else ""


def local_path(address: str) -> str:
    """The address when it is a place on this forge, else the front page: a login must not lead elsewhere."""
    parts = urlsplit(address)
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and not (parts.scheme or parts.netloc) and address.isprintable() else "/"


def _endpoint(handler: Handler, store: Store) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and (not length.isdigit() or int(length) > FORM_LIMIT):
            raise HTTPException(413)
        # A body without an announced length would get round the limit.
        if request.method == "POST" and "content-length" not in request.headers:
            raise HTTPException(411)
        form = await request.form(max_files=0, max_fields=1000) if request.method == "POST" else FormData()
        return await run_in_threadpool(_answer, handler, request, store, form)

    return endpoint


def _answer(handler: Handler, request: Request, store: Store, form: FormData) -> Response:
    secret = request.cookies.get(cookie_name(request), "")
    user = None
    if secret:
        with store.read() as tx:
            user = logins.session_user(tx, secret)
    visit = Visit(request=request, store=store, user=user, secret=secret if user else "", form=form)
    try:
        if request.method == "POST":
            _require_own_form(visit)
        response = handler(visit)
    except errors.Moved as moved:
        response = _moved(visit, moved)
    except errors.DomainError as error:
        response = _refusal(visit, error)
    for name, value in SAFETY.items():
        response.headers.setdefault(name, value)
    return _unless_unchanged(request, response)


def _require_own_form(visit: Visit) -> None:
    if visit.user is None:
        raise errors.LoginNeeded
    sent, expected = visit.text("csrf"), csrf_token(visit.secret)
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise errors.Forbidden("This form is not from your session. Go back, reload the page and try again.")
    if visit.request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise errors.Forbidden("This form was sent from another site.")


def _moved(visit: Visit, moved: errors.Moved) -> Response:
    with visit.store.read() as tx:
        repo = repos.by_id(tx, moved.repo_id, actor=visit.user)
    rest = visit.path.split("/", 3)[3:]
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    return RedirectResponse(quote("/".join(["", repo.full_name, *rest])) + query, status_code=301)


def _refusal(visit: Visit, error: errors.DomainError) -> Response:
    unknown = (errors.DomainError, 500, "Something broke", "")
    _, status, title, words = next((row for row in REFUSALS if isinstance(error, row[0])), unknown)
    message = words if words and str(error) in _FOR_PROGRAMS else str(error)
    if isinstance(error, errors.Invalid) and error.errors:
        message = " ".join(_in_words(problem) for problem in error.errors)
    # What somebody wrote comes back with the refusal: a text typed on a phone is not to be lost.
    written = [(name, text) for name in ("title", "body") if (text := visit.text(name).strip())]
    return visit.page(
        "error.html", status=status, title=title, status_code=status, message=message, written=written
    )


def _in_words(problem: errors.FieldError) -> str:
    words = problem.message or f"{problem.field or problem.resource} {_CODES.get(problem.code, problem.code)}"
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _unless_unchanged(request: Request, response: Response) -> Response:
    if request.method != "GET" or response.status_code != 200 or "etag" in response.headers:
        return response
    etag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'
    response.headers["ETag"] = etag
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag not in known:
        return response
    kept = ("content-security-policy", "cache-control", "vary", "etag", "set-cookie")
    return Response(status_code=304, headers={k: v for k, v in response.headers.items() if k in kept})


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS)
    environment.globals.update(wording.GLOBALS | {"asset_address": assets.asset_address})
    return environment


_TEMPLATES = _environment()

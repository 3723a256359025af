"""Logging in by a one-time code, logging out, and the front page that greets who is there."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from cdock.forge.domain import errors, issuelist, logins, projects, repos
from cdock.forge.web.visits import Visit, cookie_name, local_path, see


def front_page(visit: Visit) -> Response:
    """GET /"""
    with visit.store.read() as tx:
        found = [
            (
                repo,
                issuelist.count(tx, repo, issuelist.Query(kind="issue")),
                issuelist.count(tx, repo, issuelist.Query(kind="pull")),
            )
            for repo in repos.list_visible(tx, actor=visit.user)
        ]
        boards = projects.list_visible(tx, actor=visit.user)
    return visit.page("front.html", repos=found, boards=boards)


def login(visit: Visit) -> Response:
    """GET /_login: with a code a session begins; without one the page says how to get a code."""
    code, next_path = visit.asked("code"), local_path(visit.asked("next") or "/")
    if not code:
        return visit.page("login.html", next_path=next_path, failed=False)
    with visit.store.write() as tx:
        secret = logins.redeem_code(tx, code)
    if secret is None:
        if visit.user is not None:
            return see(next_path)
        return visit.page("login.html", status=403, next_path=next_path, failed=True)
    response = see(next_path)
    response.set_cookie(
        cookie_name(visit.request),
        secret,
        max_age=int(logins.SESSION_LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
    )
    return response


def nothing(visit: Visit) -> Response:
    """GET of any address without a page."""
    raise errors.NotFound


def logout(visit: Visit) -> Response:
    """POST /_logout"""
    with visit.store.write() as tx:
        logins.end_session(tx, visit.secret)
    response = see(f"/_login?{urlencode({'next': '/'})}")
    response.delete_cookie(cookie_name(visit.request), path="/", httponly=True, samesite="lax")
    return response

"""Apps over REST: what they ask in their own name with their key, and what their installations may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdock.forge.auth import BadCredentials
from cdock.forge.domain import access, apps, logins, repos
from cdock.forge.domain.access import Inaccessible
from cdock.forge.domain.apps import App, Installation
from cdock.forge.domain.errors import Forbidden, Invalid, LoginNeeded, NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Answer, BadRequest
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route, route
from cdock.forge.rest.shapes import app as shapes
from cdock.forge.rest.shapes import repo as repo_shapes
from cdock.forge.store import text_of


@route("GET", "/app")
def own_app(call: Call) -> Answer:
    """The App that asks."""
    shown = _app(call)
    count = len(apps.installations(call.tx, shown))
    return Answer(shapes.app(call.urls, shown) | {"installations_count": count})


@route("GET", "/apps/{slug}")
def show(call: Call) -> Answer:
    """An App by name."""
    return Answer(shapes.app(call.urls, apps.find(call.tx, call.params["slug"])))


@route("GET", "/app/installations")
def installations(call: Call) -> Answer:
    """Everywhere the App is installed."""
    found = apps.installations(call.tx, _app(call))
    return numbered(call, [shapes.installation(call.urls, one) for one in part(call, found)], len(found))


@route("GET", "/app/installations/{id:int}")
def installation(call: Call) -> Answer:
    """One place where the App is installed."""
    return Answer(shapes.installation(call.urls, _installation(call)))


@repo_route("GET", "/installation")
def installation_of_repo(call: Call) -> Answer:
    """The App's installation for a repository."""
    return Answer(shapes.installation(call.urls, apps.installation_in(call.tx, _app(call), call.repo)))


@route("POST", "/app/installations/{id:int}/access_tokens")
def create_token(call: Call) -> Answer:
    """A token for an hour, for all that the App was given there, or for less."""
    call.objects()
    shown = _installation(call)
    permissions = _permissions(call, shown)
    chosen = _chosen(call, shown)
    token, expires = logins.create_app_token(
        call.tx,
        shown,
        permissions=permissions,
        repo_ids=[repo.id for repo in _all(call, shown)] if chosen is None else [repo.id for repo in chosen],
    )
    body: dict[str, Any] = {
        "token": token,
        "expires_at": text_of(expires),
        "permissions": permissions,
        "repository_selection": "selected",
    }
    if chosen is not None:
        body["repositories"] = [repo_shapes.standard(call, repo) for repo in chosen]
    return Answer(body, status=201)


@route("GET", "/installation/repositories")
def repositories(call: Call) -> Answer:
    """The repositories that the token is for."""
    if call.login is None:
        raise LoginNeeded
    if call.login.kind != "app":
        raise Forbidden(
            "You must authenticate with an installation access token in order to list repositories."
        )
    found = [repos.by_id(call.tx, repo_id) for repo_id in sorted(call.login.repo_ids or ())]
    body = {
        "total_count": len(found),
        "repository_selection": "selected",
        "repositories": [repo_shapes.standard(call, repo) for repo in part(call, found)],
    }
    return numbered(call, body, len(found))


def _app(call: Call) -> App:
    if call.app is not None:
        return call.app
    if call.login is not None and call.login.kind == "app":
        raise Inaccessible(call.login)
    raise BadCredentials("A JSON web token could not be decoded")


def _installation(call: Call) -> Installation:
    found = apps.installation(call.tx, call.number("id"))
    if found.app.id != _app(call).id:
        raise NotFound
    return found


def _permissions(call: Call, shown: Installation) -> dict[str, str]:
    given = dict(shown.app.permissions)
    asked: Any = call.body.raw("permissions")
    # An empty choice is none, as with GitHub: everything that was given.
    if not asked:
        return given
    if not isinstance(asked, Mapping):
        raise BadRequest("permissions must be an object")
    for area, level in asked.items():
        known = given.get(area)
        if (
            level not in access.LEVELS
            or known is None
            or access.LEVELS.index(known) < access.LEVELS.index(level)
        ):
            raise Invalid("The permissions requested are not granted to this installation.")
    return {"metadata": "read", **asked}


def _chosen(call: Call, shown: Installation) -> list[Repo] | None:
    names = call.body.texts("repositories")
    ids: Any = call.body.raw("repository_ids")
    if not names and not ids:
        return None
    wanted = {name.lower() for name in names or ()}
    known = _all(call, shown)
    found = [repo for repo in known if repo.name.lower() in wanted or repo.id in (ids or ())]
    if len(found) < len(wanted) + len(ids or ()):
        raise Invalid(
            "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
    return found


def _all(call: Call, shown: Installation) -> list[Repo]:
    return apps.repositories(call.tx, shown)

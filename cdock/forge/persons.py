"""Where the addresses of users lead: to a picture, and to the page that lists repositories by owner."""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdock.forge.domain import users
from cdock.forge.domain.errors import NotFound
from cdock.forge.store import Store

_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" role="img" aria-label="{login}">'
    '<rect width="40" height="40" rx="20" fill="hsl({hue} 45% 42%)"/>'
    '<text x="20" y="27" font-family="system-ui, sans-serif" font-size="19" font-weight="600" fill="#fff" '
    'text-anchor="middle">{letter}</text></svg>'
)


def is_login(store: Store, name: str) -> bool:
    """Whether somebody is called this."""
    with store.read() as tx:
        try:
            users.find(tx, name)
        except NotFound:
            return False
    return True


def avatar_route(store: Store) -> Route:
    """The route that `avatar_url` of users leads to: their first letter on a colour of their own."""

    def picture(request: Request) -> Response:
        with store.read() as tx:
            try:
                person = users.by_id(tx, request.path_params["user_id"])
            except NotFound:
                return Response("Not Found", status_code=404, media_type="text/plain")
        # Neighbouring ids get colours far apart.
        hue = person.id * 137 % 360
        drawn = _PICTURE.format(login=html.escape(person.login), hue=hue, letter=person.login[0].upper())
        return Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    return Route("/_avatar/{user_id:int}", picture)

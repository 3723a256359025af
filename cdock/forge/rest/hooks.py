"""Webhooks over REST."""

from __future__ import annotations

import base64
from typing import Any, Final

from cdock.forge.domain import deliveries, webhooks
from cdock.forge.domain.deliveries import Delivery
from cdock.forge.domain.errors import Invalid, invalid, missing
from cdock.forge.domain.webhooks import Hook
from cdock.forge.rest.answers import NOTHING, Answer, BadRequest
from cdock.forge.rest.call import Body, Call, parse_number
from cdock.forge.rest.paging import followed, numbered, part, per_page
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import hook as shapes

_CURSOR: Final = "v1_"


@repo_route("GET", "/hooks")
def list_hooks(call: Call) -> Answer:
    """The webhooks of a repository."""
    found = webhooks.list_all(call.tx, call.repo, actor=call.actor)
    return numbered(call, [shapes.hook(call, call.repo, one) for one in part(call, found)], len(found))


@repo_route("POST", "/hooks")
def create(call: Call) -> Answer:
    """A new webhook."""
    call.objects()
    if call.body.text("name") not in {None, "web"}:
        raise invalid("Hook", "name")
    config = _config(call)
    url = config.text("url")
    if url is None:
        raise missing("Hook", "url")
    made = webhooks.create(
        call.tx,
        call.repo,
        url,
        actor=call.actor,
        content_type=config.text("content_type") or "form",
        secret=config.text("secret"),
        insecure_ssl=_insecure(config) or "0",
        events=call.body.texts("events") or ["push"],
        active=call.body.flag("active") is not False,
    )
    body = shapes.hook(call, call.repo, made)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/hooks/{id:int}")
def show(call: Call) -> Answer:
    """One webhook."""
    return Answer(shapes.hook(call, call.repo, _find(call)))


@repo_route("PATCH", "/hooks/{id:int}")
def update(call: Call) -> Answer:
    """Change a webhook; a config that is given counts as a whole, so one without secret takes the secret away."""
    call.objects()
    shown = _find(call)
    events = call.body.texts("events")
    if (added := call.body.texts("add_events")) is not None:
        events = [*(shown.events if events is None else events), *added]
    if (removed := call.body.texts("remove_events")) is not None:
        events = [name for name in (shown.events if events is None else events) if name not in removed]
    config = _config(call)
    changed = webhooks.update(
        call.tx,
        call.repo,
        shown,
        actor=call.actor,
        url=config.text("url"),
        content_type=config.text("content_type"),
        secret=(config.text("secret") or "") if "config" in call.body else None,
        insecure_ssl=_insecure(config),
        events=events,
        active=call.body.flag("active"),
    )
    return Answer(shapes.hook(call, call.repo, changed))


@repo_route("DELETE", "/hooks/{id:int}")
def delete(call: Call) -> Answer:
    """Remove a webhook."""
    webhooks.delete(call.tx, call.repo, _find(call), actor=call.actor)
    return NOTHING


@repo_route("POST", "/hooks/{id:int}/pings")
def ping(call: Call) -> Answer:
    """Send a ping."""
    webhooks.ping(call.tx, call.repo, _find(call), actor=call.actor)
    return NOTHING


@repo_route("GET", "/hooks/{id:int}/deliveries")
def list_deliveries(call: Call) -> Answer:
    """What was sent, newest first, by cursor."""
    shown = _find(call)
    status = call.query.get("status") or None
    if status not in {None, "success", "failure"}:
        raise Invalid("Validation Failed: status must be success or failure")
    # One more than a page, to know whether there is another.
    found = deliveries.list_page(
        call.tx, shown, before=_before(call.query.get("cursor")), status=status, limit=per_page(call) + 1
    )
    page = found[: per_page(call)]
    cursor = _cursor(page[-1]) if len(found) > len(page) else None
    return followed(call, [shapes.item(call.repo, one) for one in page], cursor)


@repo_route("GET", "/hooks/{id:int}/deliveries/{delivery:int}")
def show_delivery(call: Call) -> Answer:
    """One delivery, with request and answer."""
    found = deliveries.find(call.tx, _find(call), call.number("delivery"))
    return Answer(shapes.delivery(call.repo, found))


@repo_route("POST", "/hooks/{id:int}/deliveries/{delivery:int}/attempts")
def redeliver(call: Call) -> Answer:
    """Send the same once more."""
    shown = _find(call)
    found = deliveries.find(call.tx, shown, call.number("delivery"))
    deliveries.redeliver(call.tx, call.repo, shown, found, actor=call.actor)
    return Answer({}, status=202)


def _find(call: Call) -> Hook:
    return webhooks.find(call.tx, call.repo, call.number("id"), actor=call.actor)


def _config(call: Call) -> Body:
    given: Any = call.body.raw("config")
    if given is not None and not isinstance(given, dict):
        raise BadRequest("config must be an object")
    return Body(given or {})


def _insecure(config: Body) -> str | None:
    """`0` or `1`, which may come as number or text."""
    value: Any = config.raw("insecure_ssl")
    if value is not None and str(value) not in {"0", "1"}:
        raise invalid("Hook", "insecure_ssl")
    return None if value is None else str(value)


def _cursor(last: Delivery) -> str:
    return _CURSOR + base64.urlsafe_b64encode(str(last.id).encode()).decode().rstrip("=")


def _before(cursor: str | None) -> int | None:
    if not cursor:
        return None
    coded = cursor.removeprefix(_CURSOR)
    try:
        number = parse_number(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode())
    except ValueError:
        number = None
    if number is None or not cursor.startswith(_CURSOR):
        raise BadRequest("The cursor is not one that this server gave out")
    return number

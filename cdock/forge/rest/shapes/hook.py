"""Webhooks and what was sent to them as JSON."""

from __future__ import annotations

import json

from cdock.forge.domain import deliveries
from cdock.forge.domain.deliveries import Delivery
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.webhooks import Hook
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.store import text_of


def hook(call: Call, repo: Repo, shown: Hook) -> Json:
    """A webhook; its secret is never shown."""
    url = f"{call.urls.repo(repo)}/hooks/{shown.id}"
    config = {
        "content_type": shown.content_type,
        "insecure_ssl": shown.insecure_ssl,
        "url": shown.url,
    }
    if shown.secret:
        config["secret"] = "********"  # noqa: S105  # the stars themselves
    last = deliveries.last_of(call.tx, shown)
    answer: dict[str, Json] = {"code": None, "status": "unused", "message": None}
    if last is not None and last.outcome is not None:
        good = 200 <= last.outcome.code < 400
        answer = {
            "code": last.outcome.code or None,
            "status": "active" if good else "misconfigured",
            "message": last.outcome.status,
        }
    return {
        "type": "Repository",
        "id": shown.id,
        "name": "web",
        "active": shown.active,
        "events": list(shown.events),
        "config": config,
        "updated_at": text_of(shown.updated),
        "created_at": text_of(shown.created),
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": answer,
    }


def item(repo: Repo, shown: Delivery) -> Json:
    """Something that was sent, in a list."""
    outcome = shown.outcome
    return {
        "id": shown.id,
        "guid": shown.guid,
        "delivered_at": text_of(shown.sent or shown.created),
        "redelivery": shown.redelivery,
        "duration": outcome.seconds if outcome else 0,
        "status": outcome.status if outcome else "pending",
        "status_code": outcome.code if outcome else 0,
        "event": shown.event,
        "action": shown.action,
        "installation_id": None,
        "repository_id": repo.id,
        "throttled_at": None,
    }


def delivery(repo: Repo, shown: Delivery) -> Json:
    """The same asked for by id, with request and answer."""
    outcome = shown.outcome
    return item(repo, shown) | {
        "url": shown.url or "",
        "request": {
            "headers": dict(outcome.request_headers) if outcome else None,
            "payload": json.loads(shown.payload),
        },
        "response": {
            "headers": dict(outcome.response_headers) if outcome else None,
            "payload": outcome.response_body if outcome else None,
        },
    }

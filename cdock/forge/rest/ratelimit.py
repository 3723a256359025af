"""The budget as an answer. Asking for it is free."""

from __future__ import annotations

from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.routing import route


@route("GET", "/rate_limit")
def rate_limit(call: Call) -> Answer:
    """How much of each budget is left."""
    core = {
        "limit": call.rate.limit,
        "used": call.rate.used,
        "remaining": call.rate.remaining,
        "reset": call.rate.reset,
    }
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": call.rate.reset}
    body: dict[str, object] = {
        "resources": {
            "core": core,
            "search": search,
            "graphql": core | {"used": 0, "remaining": core["limit"]},
        }
    }
    if not call.lean:
        body["rate"] = core
    return Answer(body)

"""The budgets as an answer. Asking for them is free."""

from __future__ import annotations

from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.routing import route


@route("GET", "/rate_limit")
def rate_limit(call: Call) -> Answer:
    """How much of each budget is left."""
    resources = {
        name: {"limit": rate.limit, "used": rate.used, "remaining": rate.remaining, "reset": rate.reset}
        for name, rate in call.rates.items()
    }
    body: dict[str, object] = {"resources": resources}
    if not call.lean:
        body["rate"] = resources["core"]
    return Answer(body)

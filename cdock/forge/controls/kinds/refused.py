"""Tokens that are no longer good, and things that are elsewhere or gone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from cdock.forge.controls.asked import Asked
from cdock.forge.controls.exchange import Exchange
from cdock.forge.controls.faults import BadRule, PassedOver, Rule, kind
from cdock.forge.controls.reply import refusal, reply
from cdock.forge.domain import repos
from cdock.forge.domain.errors import DomainError
from cdock.forge.rest.answers import DOCS
from cdock.forge.rest.permissions import accepted
from cdock.forge.rest.urls import urls_of

_BY_NAME: Final = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
_IN_REPO: Final = re.compile(r"/(?:repos/[^/]+/[^/]+|repositories/\d+)(/.*)?")
_EXPIRATION: Final = "github-authentication-token-expiration"
_VARIANTS: Final = ("bad", "expired", "expiring", "forbidden")
_GONE: Final = {"disabled": "Issues are disabled for this repo", "deleted": "This issue was deleted"}


def _known(args: Mapping[str, Any]) -> None:
    if args["variant"] not in _VARIANTS:
        raise BadRule(f"variant must be one of {', '.join(_VARIANTS)}")


@kind("auth", check=_known, variant="bad", permissions=None, seconds=3600)
async def auth(exchange: Exchange, rule: Rule) -> None:
    """`bad`: 401 from now on. `expired`: 401, the token ended so many seconds ago. `expiring`: all is well, and the
    token ends in so many seconds. `forbidden`: 403, a fine-grained token lacks these permissions, such as
    `issues=write`; without any, those that GitHub asks for."""
    variant = rule.args["variant"]
    span = timedelta(seconds=rule.args["seconds"])
    headers = exchange.rate.headers
    if variant == "expiring":
        live = await exchange.run()
        await exchange.say(live.having(**{_EXPIRATION: _ends(exchange.at + span)}))
    elif variant == "forbidden":
        needed = rule.args["permissions"] or _permissions(exchange.asked)
        message = "Resource not accessible by personal access token"
        await exchange.say(refusal(403, message, {**headers, "X-Accepted-GitHub-Permissions": needed}))
    elif variant == "expired":
        ended = {**headers, _EXPIRATION: _ends(exchange.at - span)}
        await exchange.say(refusal(401, "Bad credentials", ended))
    else:
        await exchange.say(refusal(401, "Bad credentials", headers))


def _permissions(asked: Asked) -> str:
    match = _IN_REPO.fullmatch(asked.path)
    wanted = accepted(asked.method, (match[1] or "") if match else asked.path, in_repo=match is not None)
    return "; ".join(f"{area}={level}" for area, level in wanted)


def _in_repository(asked: Asked) -> bool:
    return bool(_BY_NAME.fullmatch(asked.path))


@kind("moved", interface="rest", applies=_in_repository, to=None, status=301)
async def moved(exchange: Exchange, rule: Rule) -> None:
    """The repository of this name is elsewhere: at its number, as after a rename, or under the name `to`."""
    asked = exchange.asked
    match = _BY_NAME.fullmatch(asked.path)
    if match is None:
        raise PassedOver
    if rule.args["to"]:
        place = f"/repos/{rule.args['to']}"
    else:
        number = await run_in_threadpool(_number, exchange, match[1], match[2])
        if number is None:
            raise PassedOver
        place = f"/repositories/{number}"
    query = f"?{asked.query}" if asked.query else ""
    address = urls_of(asked.headers.get("host", ""), asked.prefix).api + place + (match[3] or "") + query
    body = {"message": "Moved Permanently", "url": address, "documentation_url": DOCS}
    await exchange.say(reply(int(rule.args["status"]), body, {**exchange.rate.headers, "Location": address}))


@kind("gone", interface="rest", reason="deleted")
async def gone(exchange: Exchange, rule: Rule) -> None:
    """410: issues were switched off (`disabled`) or this one was `deleted`."""
    message = _GONE.get(rule.args["reason"], str(rule.args["reason"]))
    await exchange.say(refusal(410, message, exchange.rate.headers))


def _number(exchange: Exchange, owner: str, name: str) -> int | None:
    with exchange.store.read() as tx:
        try:
            return repos.find(tx, owner, name, actor=repos.FORGE).id
        except DomainError:
            return None


def _ends(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")

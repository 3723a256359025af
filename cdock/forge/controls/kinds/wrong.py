"""Behaviours that look-alikes of GitHub get wrong, for drills: turned on, some check of ours has to fail.

Each changes a request or an answer from outside; the forge itself knows how to be right only.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from cdock.forge.controls.exchange import CONDITIONS, Exchange
from cdock.forge.controls.faults import BadRule, PassedOver, Rule, kind
from cdock.forge.controls.reply import Reply

Behaviour = Callable[[Exchange], Awaitable[Reply]]

BEHAVIOURS: Final[dict[str, Behaviour]] = {}

_REPO: Final = r"/(?:repos/[^/]+/[^/]+|repositories/\d+)"


def _known(args: Mapping[str, Any]) -> None:
    if args["behaviour"] not in BEHAVIOURS:
        raise BadRule(f"behaviour must be one of {', '.join(sorted(BEHAVIOURS))}")


@kind("wrong", interface="rest", check=_known, behaviour=None)
async def wrong(exchange: Exchange, rule: Rule) -> None:
    """One of `BEHAVIOURS`."""
    await exchange.say_changed(await BEHAVIOURS[rule.args["behaviour"]](exchange))


def _request(name: str, method: str, path: str) -> Callable[[Behaviour], Behaviour]:
    """Register what is done to requests of this method and path below a repository."""
    pattern = re.compile(_REPO + path)

    def register(behaviour: Behaviour) -> Behaviour:
        async def on_its_own(exchange: Exchange) -> Reply:
            asked = exchange.asked
            if asked.method != method or not pattern.fullmatch(asked.path):
                raise PassedOver
            return await behaviour(exchange)

        BEHAVIOURS[name] = on_its_own
        return behaviour

    return register


def _value(name: str, method: str, path: str) -> Callable[[Callable[[Any, Exchange], Any]], None]:
    """Register another value for successful answers in JSON."""

    def register(change: Callable[[Any, Exchange], Any]) -> None:
        async def changed(exchange: Exchange) -> Reply:
            reply = await exchange.run(without=CONDITIONS)
            if reply.status >= 300 or not reply.is_json:
                return reply
            return reply.saying(change(reply.json, exchange))

        _request(name, method, path)(changed)

    return register


def _status(name: str, method: str, path: str, right: int, instead: int) -> None:
    """Register another status."""

    async def changed(exchange: Exchange) -> Reply:
        reply = await exchange.run()
        return reply.with_status(instead) if reply.status == right else reply

    _request(name, method, path)(changed)


# Lists


@_value("pulls are no issues", "GET", "/issues")
def _pulls_missing(issues: Any, _: Exchange) -> Any:
    return [issue for issue in issues if "pull_request" not in issue]


@_value("issues have a null pull request", "GET", r"/issues/\d+")
def _null_pull(issue: Any, _: Exchange) -> Any:
    return {"pull_request": None, **issue}


@_value("labels are filtered with regard to case", "GET", "/issues")
def _case_matters(issues: Any, exchange: Exchange) -> Any:
    wanted = dict(parse_qsl(exchange.asked.query)).get("labels", "")
    names = {name for name in wanted.split(",") if name}
    return [issue for issue in issues if names <= {label["name"] for label in issue["labels"]}]


@_request("since is passed over", "GET", "/issues/(?:[0-9]+/)?comments")
async def _since_ignored(exchange: Exchange) -> Reply:
    kept = [(key, value) for key, value in parse_qsl(exchange.asked.query) if key != "since"]
    return await exchange.run(query=urlencode(kept))


@_request("issues have a last page", "GET", "/issues")
async def _last_page(exchange: Exchange) -> Reply:
    reply = await exchange.run()
    links = reply.header("link")
    if links is None:
        return reply
    first = re.sub(r"(after|before)=[^&>]+", "page=9", links.partition(",")[0])
    return reply.having(link=f'{links}, {re.sub("rel=.*", "", first)}rel="last"')


# Events


@_value("events are newest first", "GET", r"/issues/\d+/(?:events|timeline)")
def _reversed(events: Any, _: Exchange) -> Any:
    return events[::-1]


@_value("events have no label", "GET", r"/issues/\d+/events")
def _no_label(events: Any, _: Exchange) -> Any:
    return [{key: value for key, value in event.items() if key != "label"} for event in events]


# States


@_value("reopening has no reason", "PATCH", r"/issues/\d+")
def _no_reason(issue: Any, _: Exchange) -> Any:
    return issue | {"state_reason": None} if issue["state"] == "open" else issue


@_value("duplicates are completed", "PATCH", r"/issues/\d+")
def _no_duplicates(issue: Any, _: Exchange) -> Any:
    return issue | {"state_reason": "completed"} if issue["state_reason"] == "duplicate" else issue


@_value("no status is success", "GET", "/commits/.+/status")
def _success(combined: Any, _: Exchange) -> Any:
    return combined if combined["total_count"] else combined | {"state": "success"}


@_value("mergeable is known at once to be false", "GET", r"/pulls/\d+")
def _not_mergeable(pull: Any, _: Exchange) -> Any:
    return pull | {"mergeable": False}


# Statuses

_status("making is answered 200", "POST", "/(?:issues|labels|issues/[0-9]+/comments)", 201, 200)
_status("assigning is answered 200", "POST", "/issues/[0-9]+/assignees", 201, 200)
_status("a reaction that is there is made again", "POST", "/issues/.+/reactions", 200, 201)
_status("private is forbidden", "GET", "(?:/.*)?", 404, 403)
_status("a second merge is a conflict", "PUT", r"/pulls/\d+/merge", 405, 409)
_status("a wrong head is not allowed", "PUT", r"/pulls/\d+/merge", 409, 405)
_status("what cannot be moved forward is a conflict", "PATCH", "/git/refs/.+", 422, 409)


@_request("a bad token is nobody", "GET", "(?:/.*)?")
async def _anonymous(exchange: Exchange) -> Reply:
    if exchange.asked.who is not None:
        return await exchange.run()
    return await exchange.run(without={b"authorization"})


# Words and texts


@_value("write is called push", "GET", "/collaborators/[^/]+/permission")
def _push(answer: Any, _: Exchange) -> Any:
    return answer | {"permission": {"write": "push", "read": "pull"}.get(answer["permission"], "admin")}


@_request("a label that is not there is not found", "DELETE", r"/issues/\d+/labels/[^/]+")
async def _label_not_found(exchange: Exchange) -> Reply:
    reply = await exchange.run()
    return reply.saying(reply.json | {"message": "Not Found"}) if reply.status == 404 else reply


@_request("a label that is there is invalid", "POST", "/labels")
async def _label_invalid(exchange: Exchange) -> Reply:
    reply = await exchange.run()
    if reply.status != 422:
        return reply
    errors = [error | {"code": "invalid"} for error in reply.json["errors"]]
    return reply.saying(reply.json | {"errors": errors})


@_value("lines end as in Unix", "POST", "/issues(?:/[0-9]+/comments)?")
def _unix(made: Any, _: Exchange) -> Any:
    return made | {"body": (made["body"] or "").replace("\r\n", "\n")}


@_value("times have fractions", "POST", "/issues")
def _fractions(issue: Any, _: Exchange) -> Any:
    return issue | {"created_at": issue["created_at"].replace("Z", ".000Z")}


@_value("a required key is missing", "GET", r"/issues/\d+")
def _key_missing(issue: Any, _: Exchange) -> Any:
    return {key: value for key, value in issue.items() if key != "comments"}


@_value("a key is invented", "GET", r"/issues/\d+")
def _key_invented(issue: Any, _: Exchange) -> Any:
    return issue | {"status": issue["state"]}


# Conditions


@_request("nothing is ever new", "GET", "/.+")
async def _never_new(exchange: Exchange) -> Reply:
    known = exchange.asked.headers.get("if-none-match", "")
    reply = await exchange.run()
    return reply.unchanged(known) if known and reply.status == 200 else reply


@_request("everything is always new", "GET", "/.+")
async def _always_new(exchange: Exchange) -> Reply:
    # No tag at all: with one, what is said would be compared after all.
    return (await exchange.run(without=CONDITIONS)).having(etag=None)


@_request("a move forgets the query", "GET", "/.+")
async def _query_lost(exchange: Exchange) -> Reply:
    reply = await exchange.run()
    if reply.status != 301:
        return reply
    return reply.having(location=(reply.header("location") or "").partition("?")[0])

"""Requests that are not quite done, and answers in which something is missing for now."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from cdock.forge.controls.asked import Asked
from cdock.forge.controls.exchange import CONDITIONS, Exchange
from cdock.forge.controls.faults import PassedOver, Rule, kind

_ISSUES: Final = re.compile(r"/(?:repos/[^/]+/[^/]+|repositories/\d+)/issues")
_PULL: Final = re.compile(r"/(?:repos/[^/]+/[^/]+|repositories/\d+)/pulls/\d+")


def _creates_issue(asked: Asked) -> bool:
    return asked.method == "POST" and bool(_ISSUES.fullmatch(asked.path))


@kind(
    "drop_labels",
    interface="rest",
    applies=_creates_issue,
    fields=("labels", "assignees", "assignee", "milestone"),
)
async def drop_labels(exchange: Exchange, rule: Rule) -> None:
    """The issue is made without its labels and the like, and nobody says so: as for somebody without push access."""
    given = exchange.asked.json
    if not isinstance(given, dict) or not given.keys() & set(rule.args["fields"]):
        raise PassedOver
    kept = {key: value for key, value in given.items() if key not in rule.args["fields"]}
    await exchange.say(await exchange.run(body=json.dumps(kept).encode()))


def _reads_pull(asked: Asked) -> bool:
    return asked.method == "GET" and bool(_PULL.fullmatch(asked.path))


@kind("mergeable_delay", interface="rest", applies=_reads_pull, reads=2)
async def mergeable_delay(exchange: Exchange, rule: Rule) -> None:
    """Whether a pull request can be merged is not known yet, the first so many times that each is read."""
    path = exchange.asked.path.lower()
    before = rule.memory.get(path, 0)
    if before >= rule.args["reads"]:
        raise PassedOver
    reply = await exchange.run(without=CONDITIONS)
    if reply.status == 200 and reply.is_json:
        rule.memory[path] = before + 1
        unknown = {"mergeable": None, "rebaseable": None, "mergeable_state": "unknown"}
        reply = reply.saying({**reply.json, **unknown})
    await exchange.say_changed(reply)


@kind("graphql_partial", interface="graphql", path=None, type=None, message=None)
async def graphql_partial(exchange: Exchange, rule: Rule) -> None:
    """One node is null, with an error beside the rest. `path` leads to it, such as `repository.issue`; without it the
    first object below the top."""
    reply = await exchange.run()
    answer = reply.json if reply.is_json else {}
    path = rule.args["path"].split(".") if rule.args["path"] else _first_object(answer.get("data"))
    holder = answer.get("data")
    for name in path[:-1]:
        holder = _below(holder, name)
    if not path or not isinstance(holder, dict) or path[-1] not in holder:
        await exchange.say(reply)
        return
    holder[path[-1]] = None
    message = rule.args["message"] or "Something went wrong while executing your query."
    error = {"path": path, "locations": [], "message": message}
    if rule.args["type"]:
        error["type"] = rule.args["type"]
    await exchange.say(reply.saying({**answer, "errors": [*answer.get("errors", []), error]}))


def _below(holder: Any, name: str) -> Any:
    if isinstance(holder, list):
        return holder[int(name)] if name.isdigit() and int(name) < len(holder) else None
    return holder.get(name) if isinstance(holder, dict) else None


def _first_object(data: Any) -> list[str]:
    for top, value in (data or {}).items():
        if isinstance(value, dict):
            nested = next((key for key, below in value.items() if isinstance(below, dict)), None)
            return [top, nested] if nested else [top]
    return []

"""Errors, silence and broken connections, before the forge has done anything and after it has."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from cdock.forge.controls.exchange import CONDITIONS, Exchange
from cdock.forge.controls.faults import Rule, kind
from cdock.forge.controls.reply import Reply, refusal, text_reply

FOREVER = 600
"""Seconds that a silence lasts unless told otherwise: longer than any client should wait."""


@kind("status", status=502, html=False, message=None, headers=None)
async def status(exchange: Exchange, rule: Rule) -> None:
    """Any error, as JSON or as the page that a proxy in front of GitHub makes. Nothing is done."""
    await exchange.say(_error(exchange, rule))


@kind("commit_then_502", status=502, html=False, message=None, headers=None)
async def commit_then_502(exchange: Exchange, rule: Rule) -> None:
    """All is done, and the client is told that it failed."""
    await exchange.swallow()
    await exchange.say(_error(exchange, rule))


@kind("hang", seconds=FOREVER)
async def hang(exchange: Exchange, rule: Rule) -> None:
    """Nothing is done, nothing is said. Ends with the rule, too."""
    await exchange.hang(rule.args["seconds"], until=rule.over)


@kind("commit_then_hang", seconds=FOREVER)
async def commit_then_hang(exchange: Exchange, rule: Rule) -> None:
    """All is done, nothing is said."""
    await exchange.swallow()
    await exchange.hang(rule.args["seconds"], until=rule.over)


@kind("slow", seconds=1)
async def slow(exchange: Exchange, rule: Rule) -> None:
    """As usual, but later."""
    await asyncio.sleep(rule.args["seconds"])
    await exchange.proceed()


@kind("reset")
async def reset(exchange: Exchange, _: Rule) -> None:
    """Nothing is done, and the connection breaks."""
    await exchange.reset()


@kind("commit_then_reset")
async def commit_then_reset(exchange: Exchange, _: Rule) -> None:
    """All is done, and the connection breaks."""
    await exchange.swallow()
    await exchange.reset()


@kind("truncate", bytes=None, announce="cut")
async def truncate(exchange: Exchange, rule: Rule) -> None:
    """The answer stops in the middle: with a Content-Length that is right for what is sent, or (`announce: whole`)
    for what should have been."""
    reply = await exchange.run(without=CONDITIONS)
    after = len(reply.body) // 2 if rule.args["bytes"] is None else int(rule.args["bytes"])
    if rule.args["announce"] == "whole":
        await exchange.break_off(reply, after=after)
    else:
        cut = reply.body[:after]
        await exchange.say(Reply(reply.status, reply.headers, cut).having(content_length=str(len(cut))))


def _error(exchange: Exchange, rule: Rule) -> Reply:
    code = int(rule.args["status"])
    message = rule.args["message"] or (HTTPStatus(code).phrase if code in set(HTTPStatus) else "Error")
    headers = {**exchange.rate.headers, **(rule.args["headers"] or {})}
    if rule.args["html"]:
        page = f"<html><head><title>{message}</title></head><body><h1>{message}</h1></body></html>\n"
        return text_reply(code, page.encode(), "text/html; charset=utf-8", rule.args["headers"])
    if exchange.asked.interface == "graphql":
        value = {"message": message, "documentation_url": "https://docs.github.com/graphql"}
        return text_reply(code, json.dumps(value).encode(), "application/json; charset=utf-8", headers)
    return refusal(code, message, headers)

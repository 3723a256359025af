"""Answers from a replica that lags behind. Seconds are those of the forge's clock."""

from __future__ import annotations

from datetime import timedelta

from cdock.forge.controls.asked import Asked
from cdock.forge.controls.exchange import CONDITIONS, Exchange
from cdock.forge.controls.faults import PassedOver, Rule, kind
from cdock.forge.controls.reply import refusal
from cdock.forge.store import moment_of


def _reads(asked: Asked) -> bool:
    return asked.reads and asked.path != "/rate_limit"


@kind("stale_read", applies=_reads, seconds=5)
async def stale_read(exchange: Exchange, rule: Rule) -> None:
    """The answer that this address or query gave so many seconds ago (see `memory` for what is known of that)."""
    live = await exchange.run()
    old = exchange.memory.before(exchange.asked, exchange.at - _seconds(rule))
    if old is None:
        await exchange.say(live)
        return
    await exchange.say_changed(old.having(**exchange.rate_headers))


@kind("fresh_404", interface="rest", applies=_reads, seconds=5)
async def fresh_404(exchange: Exchange, rule: Rule) -> None:
    """What was made over REST within the last seconds, and everything below it, is not there yet."""
    if not exchange.memory.born_since(exchange.asked.path, exchange.at - _seconds(rule)):
        raise PassedOver
    await exchange.say(refusal(404, "Not Found", exchange.rate.headers))


@kind("stale_304", interface="rest", applies=_reads, seconds=5)
async def stale_304(exchange: Exchange, rule: Rule) -> None:
    """Nothing is new to a client that asks whether anything is; ends so many seconds after it first did so."""
    known = exchange.asked.headers.get("if-none-match", "").split(",")[0].strip()
    if not known or exchange.at >= rule.memory.setdefault("until", exchange.at + _seconds(rule)):
        raise PassedOver
    reply = await exchange.run()
    if reply.status == 200:
        await exchange.say_unchanged(reply, known)
    else:
        await exchange.say(reply)


@kind("search_lag", interface="rest", applies=lambda asked: asked.path.startswith("/search/"), seconds=5)
async def search_lag(exchange: Exchange, rule: Rule) -> None:
    """What was made within the last seconds is not found by a search."""
    reply = await exchange.run(without=CONDITIONS)
    if reply.status != 200:
        await exchange.say(reply)
        return
    found = reply.json
    indexed = exchange.at - _seconds(rule)
    kept = [item for item in found["items"] if moment_of(item["created_at"]) <= indexed]
    missed = len(found["items"]) - len(kept)
    found |= {"items": kept, "total_count": found["total_count"] - missed}
    await exchange.say_changed(reply.saying(found))


def _seconds(rule: Rule) -> timedelta:
    return timedelta(seconds=rule.args["seconds"])

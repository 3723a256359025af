"""Being told to wait, whether or not there was too much."""

from __future__ import annotations

from dataclasses import replace

from cdock.forge.controls import limits
from cdock.forge.controls.exchange import Exchange
from cdock.forge.controls.faults import Rule, kind


@kind("secondary", status=403, retry_after=60, creating=False)
async def secondary(exchange: Exchange, rule: Rule) -> None:
    """The secondary limit, 403 or 429; `retry_after: null` leaves the header out."""
    reply = limits.secondary(
        exchange.rate,
        now=exchange.at,
        creating=bool(rule.args["creating"]),
        retry_after=rule.args["retry_after"],
        status=int(rule.args["status"]),
    )
    await exchange.say(reply)


@kind("primary", status=403, reset=60)
async def primary(exchange: Exchange, rule: Rule) -> None:
    """The budget is spent and comes back in `reset` seconds."""
    rate = exchange.rate
    spent = replace(
        rate, used=rate.limit, reset=int(exchange.at.timestamp()) + int(rule.args["reset"]), binding=True
    )
    await exchange.say(
        limits.primary(exchange.asked, spent, now=exchange.at, status=int(rule.args["status"]))
    )

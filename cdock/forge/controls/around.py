"""What stands around the forge under test: it watches every request and lets rules and limits meddle."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime, timedelta
from importlib import import_module
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from cdock.forge.controls import asked
from cdock.forge.controls.asked import Asked
from cdock.forge.controls.exchange import Exchange, dated
from cdock.forge.controls.faults import Faults, PassedOver
from cdock.forge.controls.gate import Gate
from cdock.forge.controls.journal import BODY_KEPT, Journal
from cdock.forge.controls.limits import Limits
from cdock.forge.controls.memory import ADDRESSES, Memory
from cdock.forge.rest.rates import Rates, spending
from cdock.forge.store import Store

# Kinds register themselves when they are imported.
import_module("cdock.forge.controls.kinds")

_MINUTE: Final = timedelta(minutes=1)


class Around:
    """The ASGI application that has the forge inside. Without a `journal` nothing is written down or remembered."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        store: Store,
        rates: Rates,
        limits: Limits,
        faults: Faults,
        journal: Journal | None,
    ) -> None:
        self.gate = Gate()
        self._app = self.gate.guarding(app)
        self._store = store
        self._rates = rates
        self._limits = limits
        self._faults = faults
        self._journal = journal
        # Only rules need to know what was said before.
        self._memory = Memory(ADDRESSES if journal else 0)
        self._pushes: dict[str, deque[datetime]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        costs: list[int] = []
        spending.set(costs)
        arrived = time.monotonic()
        try:
            one = await asked.read(scope, receive, store=self._store)
        except ClientDisconnect:
            # Half a request is none.
            return
        exchange = Exchange(
            asked=one,
            scope=scope,
            receive=receive,
            send=dated(send, self._store.now),
            app=self._app,
            store=self._store,
            rates=self._rates,
            memory=self._memory,
            write_down=self._write_down,
            arrived=arrived,
            costs=costs,
        )
        try:
            await self._answer(exchange)
        except Exception:
            # What the server in front of us makes of a failure of ours.
            exchange.write(500)
            raise
        finally:
            exchange.write(None)

    def forget(self) -> None:
        """Remember nothing of what the forge said: it holds other things now."""
        self._memory.clear()

    async def _answer(self, exchange: Exchange) -> None:
        refused = self._limits.refusal(exchange.asked, exchange.rate, now=exchange.at)
        if refused is not None:
            exchange.limit, reply = refused
            await exchange.say(reply)
            return
        for rule in self._faults.working_on(exchange.asked):
            exchange.fault = rule.kind.name
            try:
                await rule.kind.effect(exchange, rule)
            except PassedOver:
                rule.applied -= 1
            else:
                return
        exchange.fault = None
        await exchange.proceed()

    def _write_down(self, exchange: Exchange, status: int | None) -> None:
        one = exchange.asked
        if exchange.done and one.changes:
            self._memory.changed(now=self._store.now())
        if exchange.limit is None:
            self._limits.spend(one, now=exchange.at, done=exchange.done)
        if self._journal is None:
            return
        push = one.pack and one.service == "git-receive-pack"
        self._journal.add(
            monotonic=exchange.arrived,
            clock=exchange.at.isoformat(timespec="milliseconds"),
            took=round(time.monotonic() - exchange.arrived, 6),
            interface=one.interface,
            method=one.method,
            path=one.path,
            query=one.query,
            operations=one.operations,
            body=one.json if len(one.body) <= BODY_KEPT else None,
            size=len(one.body),
            token=one.who.token if one.who else None,
            login=one.who.login if one.who else None,
            status=status,
            inner=exchange.inner,
            etag_hit=status == 304,
            points=sum(exchange.costs),
            content=one.content and exchange.done,
            fault=exchange.fault,
            limit=exchange.limit,
            service=one.service,
            push=push,
            pushes=self._pushes_lately(one, now=exchange.at) if push else 0,
            unimplemented=exchange.unimplemented,
        )

    def _pushes_lately(self, one: Asked, *, now: datetime) -> int:
        lately = self._pushes.setdefault(one.repository, deque())
        while lately and now - lately[0] >= _MINUTE:
            lately.popleft()
        lately.append(now)
        return len(lately)

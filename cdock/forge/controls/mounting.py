"""Putting the controls around a forge that is about to be served."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from cdock.forge.controls.around import Around
from cdock.forge.controls.clock import Clock
from cdock.forge.controls.doors import Doors
from cdock.forge.controls.exchange import CONNECTION
from cdock.forge.controls.faults import Faults
from cdock.forge.controls.journal import Journal
from cdock.forge.controls.limits import Limits, Mode
from cdock.forge.rest.rates import Rates
from cdock.forge.store import Store


class OpenConnections(H11Protocol):
    """The usual server, which also shows a request's connection: some faults break it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        state: dict[str, Any] = {**self.app_state, CONNECTION: transport}
        self.app_state = state


class Controls:
    """What `serve` was told: limits to enforce from the start, and whether tests may meddle."""

    def __init__(self, *, limits: Mode, tests: bool) -> None:
        self.clock = Clock()
        self.rates = Rates()
        self.token = secrets.token_urlsafe(24) if tests else None
        self._limits = Limits(self.rates, mode=limits)

    def around(self, app: ASGIApp, store: Store) -> ASGIApp:
        """The forge with the controls around it."""
        faults = Faults()
        journal = Journal(store.data_dir / "journal.jsonl") if self.token else None
        around = Around(
            app, store=store, rates=self.rates, limits=self._limits, faults=faults, journal=journal
        )
        if self.token is None or journal is None:
            return around
        return Doors(
            around,
            token=self.token,
            store=store,
            clock=self.clock,
            faults=faults,
            journal=journal,
            limits=self._limits,
        )

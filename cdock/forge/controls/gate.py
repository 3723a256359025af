"""A gate in front of the forge that closes while its data are exchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

LIMIT: Final = 30.0
"""Seconds that those inside have to come out."""


class Gate:
    """Many may be inside, or one alone."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._closed = False

    def guarding(self, app: ASGIApp) -> ASGIApp:
        """The application behind this gate."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._closed)
                self._inside += 1
            try:
                await app(scope, receive, send)
            finally:
                async with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()

        return guarded

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Be alone. Raises TimeoutError when others do not come out in time."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: not self._closed), LIMIT)
            self._closed = True
        try:
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(lambda: self._inside == 0), LIMIT)
            yield
        finally:
            async with self._changed:
                self._closed = False
                self._changed.notify_all()

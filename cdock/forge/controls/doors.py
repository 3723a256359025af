"""The routes of the controls, below `/_forge/`. Who has the control token may do everything here.

GET, POST, DELETE /_forge/faults          rules (see `faults`); POST takes one or a list, behind those in force
DELETE            /_forge/faults/{id}     one of them
GET               /_forge/journal?since=  entries after a number, as a list, or as lines (Accept: application/x-ndjson)
GET, POST         /_forge/clock           {"freeze": true or a time} {"advance": seconds} {"run": true} {"reset": true}
GET, POST         /_forge/limits          {"mode": "github" or "off"}; begins all budgets and windows anew
POST              /_forge/snapshot        {"name": …}
POST              /_forge/restore         {"name": …}
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cdock.forge.controls import snapshots
from cdock.forge.controls.around import Around
from cdock.forge.controls.clock import Clock
from cdock.forge.controls.faults import Faults
from cdock.forge.controls.journal import Journal
from cdock.forge.controls.limits import Limits
from cdock.forge.store import Store, moment_of

PATH = "/_forge/"
Door = Callable[[Request], Awaitable[Response]]


class Doors:
    """The controls' own ASGI application, with the forge behind it."""

    def __init__(
        self,
        behind: Around,
        *,
        token: str,
        store: Store,
        clock: Clock,
        faults: Faults,
        journal: Journal,
        limits: Limits,
    ) -> None:
        self._behind = behind
        self._token = token
        self._store = store
        self._clock = clock
        self._faults = faults
        self._journal = journal
        self._limits = limits
        doors: tuple[tuple[str, str, Door], ...] = (
            ("GET", "faults", self._list_faults),
            ("POST", "faults", self._add_faults),
            ("DELETE", "faults", self._clear_faults),
            ("DELETE", "faults/{id:int}", self._clear_faults),
            ("GET", "journal", self._read_journal),
            ("GET", "clock", self._tell_time),
            ("POST", "clock", self._set_clock),
            ("GET", "limits", self._tell_limits),
            ("POST", "limits", self._set_limits),
            ("POST", "snapshot", self._save),
            ("POST", "restore", self._bring_back),
        )
        self._site = Starlette(
            routes=[Route(PATH + path, self._guarded(door), methods=[method]) for method, path, door in doors]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside = scope["path"].startswith(PATH)
        await (self._site if inside else self._behind)(scope, receive, send)

    def _guarded(self, door: Door) -> Door:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return _told(
                    401, "This needs the control token, which stands in forge.json of the data directory."
                )
            try:
                return await door(request)
            except (ValueError, TypeError, OverflowError) as error:
                return _told(422, str(error))
            except TimeoutError:
                return _told(409, "Requests under way did not end in time: clear the faults that hold them.")

        return guarded

    async def _list_faults(self, _: Request) -> Response:
        return JSONResponse([rule.shown for rule in self._faults.rules])

    async def _add_faults(self, request: Request) -> Response:
        added = self._faults.add(json.loads(await request.body()))
        return JSONResponse([rule.shown for rule in added], status_code=201)

    async def _clear_faults(self, request: Request) -> Response:
        self._faults.clear(request.path_params.get("id"))
        return Response(status_code=204)

    async def _read_journal(self, request: Request) -> Response:
        entries = self._journal.since(int(request.query_params.get("since", "0")))
        if "ndjson" not in request.headers.get("accept", ""):
            return JSONResponse(entries)
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        return Response(lines, media_type="application/x-ndjson")

    async def _tell_time(self, _: Request) -> Response:
        now = self._clock.now().isoformat(timespec="milliseconds")
        return JSONResponse({"now": now, "frozen": self._clock.frozen})

    async def _set_clock(self, request: Request) -> Response:
        asked = await _object(request, "freeze", "advance", "run", "reset")
        if asked.get("reset"):
            self._clock.reset()
        if asked.get("run"):
            self._clock.run()
        if freeze := asked.get("freeze"):
            self._clock.freeze(None if freeze is True else moment_of(freeze))
        if "advance" in asked:
            self._clock.advance(timedelta(seconds=asked["advance"]))
        return await self._tell_time(request)

    async def _tell_limits(self, _: Request) -> Response:
        return JSONResponse({"mode": self._limits.mode})

    async def _set_limits(self, request: Request) -> Response:
        mode = (await _object(request, "mode")).get("mode")
        if mode not in ("off", "github"):
            raise ValueError("mode must be 'github' or 'off'")
        self._limits.set(mode)
        return await self._tell_limits(request)

    async def _save(self, request: Request) -> Response:
        name = str((await _object(request, "name")).get("name", "default"))
        async with self._behind.gate.closed():
            await run_in_threadpool(snapshots.save, self._store, name)
        return JSONResponse({"name": name}, status_code=201)

    async def _bring_back(self, request: Request) -> Response:
        name = str((await _object(request, "name")).get("name", "default"))
        async with self._behind.gate.closed():
            await run_in_threadpool(snapshots.bring_back, self._store, name)
            self._behind.forget()
        return JSONResponse({"name": name})


async def _object(request: Request, *known: str) -> dict[str, Any]:
    """The body of a request. Raises ValueError for anything but an object with these keys."""
    value = json.loads(await request.body() or b"{}")
    if not isinstance(value, dict) or set(value) - set(known):
        raise ValueError(f"the body must be an object; it may have {', '.join(known)}")
    return value


def _told(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)

"""One request between client and forge, as the kinds of faults handle it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdock.forge.controls.asked import Asked
from cdock.forge.controls.memory import Memory
from cdock.forge.controls.reply import Reply
from cdock.forge.rest.rates import Rate, Rates, resource_of
from cdock.forge.store import Store

CONDITIONS: Final = frozenset((b"if-none-match", b"if-modified-since"))
"""The headers by which a client says what it knows; a changed answer must not be compared with that."""
CONNECTION: Final = "forge.connection"
"""Where the server leaves the transport of a request's connection, in the scope's state."""


@dataclass
class Exchange:
    """What can be done with one request: let the forge do it (`run`, `stream`), and answer (`say`, `hang`, `reset`)."""

    asked: Asked
    scope: Scope
    receive: Receive
    send: Send
    app: ASGIApp
    store: Store
    rates: Rates
    memory: Memory
    write_down: Callable[[Exchange, int | None], None]
    """Called once, as soon as the outcome is known and before the client learns it."""
    arrived: float = field(default_factory=time.monotonic)
    at: datetime = field(init=False)
    """The forge's time of arrival."""
    inner: int | None = None
    """What the forge answered, when it was asked."""
    done: bool = False
    """Whether it did what was asked of it."""
    unimplemented: str | None = None
    costs: list[int] = field(default_factory=list)
    fault: str | None = None
    limit: str | None = None
    written: bool = False

    def __post_init__(self) -> None:
        self.at = self.store.now()

    async def run(
        self, *, body: bytes | None = None, query: str | None = None, without: Collection[bytes] = ()
    ) -> Reply:
        """Let the forge do it and give its whole answer, which nobody has seen yet.

        The forge can be given another `body` or `query` than the client sent, and the headers `without` some.
        """
        scope = self.scope
        if body is not None:
            dropped = {b"content-length", b"transfer-encoding", *without}
            length = (b"content-length", str(len(body)).encode())
            scope = {**scope, "headers": [*_without(scope, dropped), length]}
        elif without:
            scope = {**scope, "headers": _without(scope, without)}
        if query is not None:
            scope = {**scope, "query_string": query.encode("latin-1")}
        start: Message = {"status": 500, "headers": []}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                parts.append(message.get("body", b""))

        # The body of git was left where it is.
        unread = self.asked.interface == "git"
        receive = self.receive if unread else self._again(self.asked.body if body is None else body)
        await self.app(scope, receive, keep)
        reply = Reply(start["status"], tuple(start.get("headers", ())), b"".join(parts))
        self.inner = reply.status
        # GraphQL says with success what it did not do.
        self.done = reply.status < 400 and (self.asked.interface != "graphql" or _did_something(reply))
        self.unimplemented = reply.header("x-forge-unimplemented")
        self.memory.note(self.asked, reply, now=self.store.now())
        return reply

    async def stream(self) -> None:
        """Let the forge do it, both ways as it comes."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note_status(message)
                self.write(message["status"])
            await self.send(message)

        await self.app(self.scope, self.receive, pass_on)

    async def swallow(self) -> int:
        """Let the forge do it to the end and give the status of its answer, which the client never sees."""
        return (await self.run()).status

    async def proceed(self) -> None:
        """Whatever would have happened without a fault."""
        if self.asked.interface == "git":
            await self.stream()
        else:
            await self.say(await self.run())

    async def say_changed(self, reply: Reply) -> None:
        """Answer with what the forge did not quite say: with 304 when the client knows just that already."""
        tag, known = reply.header("etag"), self.asked.headers.get("if-none-match", "")
        if reply.status == 200 and tag and tag in {one.strip() for one in known.split(",")}:
            await self.say_unchanged(reply, tag)
        else:
            await self.say(reply)

    async def say_unchanged(self, reply: Reply, tag: str) -> None:
        """Answer 304 instead of this. It is as free as any other, though the forge has charged for its own answer."""
        if self.asked.who is not None:
            resource = resource_of(self.asked.path)
            self.rates.spend(
                self.asked.who.user_id, -sum(self.costs), now=self.store.now(), resource=resource
            )
        await self.say(reply.unchanged(tag).having(**self.rate_headers))

    @property
    def rate_headers(self) -> dict[str, str]:
        """The headers about the budget as it stands, named as `Reply.having` takes them."""
        return {name.replace("-", "_"): value for name, value in self.rate.headers.items()}

    async def say(self, reply: Reply) -> None:
        """Answer."""
        self.write(reply.status)
        if self.asked.interface == "git" and self.asked.method == "POST" and self.inner is None:
            # A client that is still sending would see the connection close instead of the answer.
            await self._drain()
        await reply.send(self.send)

    async def hang(self, seconds: float, *, until: Callable[[], bool]) -> None:
        """Say nothing until the client leaves, the time is over or `until` holds; then break the connection."""
        self.write(None)
        leaving = asyncio.create_task(self.gone())
        limit = time.monotonic() + seconds
        # When the server ends it cancels what is still under way, and the silence ends as it would anyway.
        with contextlib.suppress(asyncio.CancelledError):
            while not (leaving.done() or until() or time.monotonic() > limit):
                await asyncio.wait({leaving}, timeout=0.05)
        if leaving.done():
            return
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
        await self.reset()

    async def reset(self) -> None:
        """Break the connection so that the client sees a reset."""
        self.write(None)
        transport = self.transport
        # Not lingering means a reset instead of a proper end.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        await self.gone()

    async def break_off(self, reply: Reply, *, after: int) -> None:
        """Announce the whole answer, send the first bytes of it, and close."""
        self.write(reply.status)
        await self.send(
            {"type": "http.response.start", "status": reply.status, "headers": list(reply.headers)}
        )
        await self.send({"type": "http.response.body", "body": reply.body[:after], "more_body": True})
        self.transport.close()
        await self.gone()

    async def gone(self) -> None:
        """Wait until the client is no longer there; what it still sends is dropped."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    @property
    def transport(self) -> Any:
        """The connection. Raises LookupError under a server that does not show it."""
        return self.scope["state"][CONNECTION]

    @property
    def rate(self) -> Rate:
        """The budget that pays for this request, as it stands."""
        asked = self.asked
        resource = "graphql" if asked.interface == "graphql" else resource_of(asked.path)
        return self.rates.spend(
            asked.who.user_id if asked.who else None, 0, now=self.store.now(), resource=resource
        )

    def write(self, status: int | None) -> None:
        """Have it written down, once."""
        if not self.written:
            self.written = True
            self.write_down(self, status)

    def _note_status(self, start: Message) -> None:
        self.inner = start["status"]
        self.done = start["status"] < 400

    async def _drain(self) -> None:
        while (message := await self.receive())["type"] == "http.request" and message.get("more_body"):
            pass

    def _again(self, body: bytes) -> Receive:
        first = True

        async def receive() -> Message:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": body, "more_body": False}
            return await self.receive()

        return receive


def _did_something(reply: Reply) -> bool:
    try:
        data = reply.json.get("data")
    except (ValueError, AttributeError):
        return False
    return isinstance(data, dict) and any(value is not None for value in data.values())


def _without(scope: Scope, dropped: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in scope["headers"] if pair[0] not in dropped]


def dated(send: Send, now: Callable[[], datetime]) -> Send:
    """Sends every answer with the forge's time instead of the machine's."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"date"]
            date = format_datetime(now(), usegmt=True).encode()
            message = {**message, "headers": [*headers, (b"date", date)]}
        await send(message)

    return sending

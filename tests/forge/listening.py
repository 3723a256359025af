"""A program on this machine that is told of events by webhook."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

LIMIT = 20.0


@dataclass
class Told:
    """One message as it came."""

    headers: dict[str, str]
    content: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def payload(self) -> dict[str, Any]:
        text = self.content.decode()
        if self.headers["content-type"] == "application/x-www-form-urlencoded":
            text = parse_qs(text)["payload"][0]
        found: dict[str, Any] = json.loads(text)
        return found

    @property
    def name(self) -> str:
        """As GitHub's description names it: event and action in one word."""
        action = self.payload.get("action")
        return (self.event + (f"-{action}" if action else "")).replace("_", "-")


@dataclass
class Ear:
    """What was heard so far; `answer` is the status that is given to the next messages."""

    url: str
    heard: list[Told] = field(default_factory=list)
    answer: int = 200
    held: threading.Event = field(default_factory=threading.Event)

    def wait(self, enough: Callable[[list[Told]], bool]) -> list[Told]:
        """What was heard, as soon as it is enough."""
        limit = time.monotonic() + LIMIT
        while not enough(self.heard):
            assert time.monotonic() < limit, [one.name for one in self.heard]
            time.sleep(0.01)
        return list(self.heard)

    def wait_for(self, name: str) -> Told:
        """The first message of this name, as soon as it has come."""
        found = self.wait(lambda heard: any(one.name == name for one in heard))
        return next(one for one in found if one.name == name)


@contextmanager
def listening() -> Iterator[Ear]:
    """An ear on a free loopback port; requests to `/slow` wait until it is let go."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/slow":
                ear.held.wait(LIMIT)
            ear.heard.append(Told({key.lower(): value for key, value in self.headers.items()}, content))
            self.send_response(ear.answer)
            self.send_header("X-Ear", "yes")
            self.end_headers()
            self.wfile.write(b"heard")

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    ear = Ear(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        ear.held.set()
        server.shutdown()
        server.server_close()
        thread.join(LIMIT)

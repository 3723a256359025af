"""A server on loopback that says what it was told and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LIMIT = 20.0


@dataclass(frozen=True)
class Reply:
    """One scripted answer; `content` is sent as JSON, bytes as they are. `drop` hangs up instead."""

    status: int = 200
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `at` is monotonic."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    at: float


Answering = Reply | Callable[[Asked], Reply]


class Server:
    """Answers by method and path, the last of several again and again, and 404 to all else."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Answering]] = {}
        self._lock = threading.Lock()

    def on(self, method: str, path: str, *answers: Answering) -> None:
        """What to answer from now on."""
        self._answers[method, path] = list(answers)

    def sent(self, method: str, path: str = "") -> list[Asked]:
        """The requests so far of this method, and path if given."""
        return [asked for asked in self.asked if asked.method == method and path in ("", asked.path)]

    def answer(self, asked: Asked) -> Reply:
        """The answer to a request."""
        with self._lock:
            self.asked.append(asked)
            answers = self._answers.get((asked.method, asked.path), [Reply(404, {"message": "Not Found"})])
            chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        return chosen(asked) if callable(chosen) else chosen


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        timeout = LIMIT

        def respond(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            reply = server.answer(
                Asked(
                    method=self.command,
                    path=parts.path,
                    query={key: ",".join(values) for key, values in parse_qs(parts.query).items()},
                    headers={key.lower(): value for key, value in self.headers.items()},
                    body=json.loads(raw) if raw else None,
                    at=time.monotonic(),
                )
            )
            if reply.drop:
                self.close_connection = True
                return
            data = reply.content if isinstance(reply.content, bytes) else json.dumps(reply.content).encode()
            data = b"" if reply.status in (204, 304) else data
            self.send_response_only(reply.status)
            for key, value in reply.headers.items():
                self.send_header(key, value)
            if reply.status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 (the base class looks these up)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The requests are the log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = Server(http.server_port)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(LIMIT)

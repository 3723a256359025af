"""Somebody between a process and the forge, who kills the process at one of its writes."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LIMIT = 60.0


class Killer:
    """Stands between a process and the forge, and kills the process at a write."""

    def __init__(self, upstream: str) -> None:
        self._target = urlsplit(upstream)
        self._lock = threading.Lock()
        self.victim = 0
        self.named = threading.Event()
        """Set once `victim` is the process that is to be killed."""
        self.applied: list[str] = []
        self.before = self.after = 0
        """At which of the next writes: before it reaches the forge, or when it was answered; 0 for none."""

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """Pass a request on, or not."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        writing = request.command not in ("GET", "HEAD") and not _asks(body)
        with self._lock:
            if writing and self._due("before"):
                return
            with closing(
                HTTPConnection(self._target.hostname or "", self._target.port, timeout=LIMIT)
            ) as there:
                there.request(request.command, request.path, body=body or None, headers=dict(request.headers))
                answer = there.getresponse()
                text = answer.read()
            if writing:
                self.applied.append(f"{request.command} {request.path}")
                if self._due("after"):
                    return
        request.send_response_only(answer.status, answer.reason)
        for key, value in answer.getheaders():
            if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                request.send_header(key, value)
        if answer.status not in (204, 304):
            request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def _due(self, when: str) -> bool:
        left = getattr(self, when)
        if not left:
            return False
        setattr(self, when, left - 1)
        if left == 1:
            assert self.named.wait(LIMIT)
            os.kill(self.victim, signal.SIGKILL)
        return bool(left == 1)


def _asks(body: bytes) -> bool:
    """Whether a request is a question to GraphQL, which is a POST too."""
    try:
        return str(json.loads(body)["query"]).strip().startswith("query")
    except (ValueError, LookupError, TypeError):
        return False


@contextmanager
def between(upstream: str) -> Iterator[tuple[Killer, str]]:
    """A killer before the forge of this address, and their own address."""
    killer = Killer(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LIMIT
        wbufsize = -1

        def pass_on(self) -> None:
            try:
                killer.serve(self)
            except ConnectionError:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 (names the base class looks up)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The forge has a journal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield killer, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(LIMIT)

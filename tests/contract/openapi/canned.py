"""A tiny HTTP server with fixed answers, to show the checkers servers that are right and servers that are wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LIMIT = 30.0
Answers = Mapping[tuple[str, str], tuple[int, Any]]
"""(method, path without query) to (status, value of the JSON body)."""


@contextmanager
def canned_server(answers: Answers) -> Iterator[str]:
    """Serve `answers` on a free loopback port and give its URL; anything else is a 404. `None` is no body.

    `{base}` in a string of an answer becomes scheme, Host and prefix of the request, as in the links of a forge.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LIMIT
        wbufsize = (
            -1
        )  # head and body in one packet: two of them cost 40 ms of delayed acknowledgement each time

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            missing = (404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})
            status, value = answers.get((self.command, self.path.partition("?")[0]), missing)
            body = b"" if value is None else json.dumps(value).encode()
            prefix = "/api/v3" if self.path.startswith("/api/v3/") else ""
            body = body.replace(b"{base}", f"http://{self.headers['Host']}{prefix}".encode())
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (names the base class looks up)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet: the tests look at the exchanges."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(LIMIT)

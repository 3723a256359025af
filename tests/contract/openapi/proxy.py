"""A reverse proxy on loopback that judges what passes through it by GitHub's contract, in both directions.

It stands between any client and any server, neither of which knows of it:

    with checked_proxy(forge.url) as proxy:
        subprocess.run(["gh", "api", "user"], env={"HTTP_PROXY": proxy.url, "GH_HOST": "github.localhost", …})
    assert proxy.violations == []

The request target and the Host header reach the server as the client wrote them. So gh's absolute targets work,
and links that the server builds from the Host lead back through the proxy.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from .contract import JSON, Contract, load_contract
from .recorder import Recorder

LIMIT = 30.0
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
# The proxy must read the body, so it asks for it uncompressed, and it counts the bytes itself.
OURS = HOP_BY_HOP | {"accept-encoding", "content-length"}
WITHOUT_BODY = (204, 304)


class Proxy(Recorder):
    """A recorder with an address; `url` is what clients are given instead of the server's."""

    def __init__(self, contract: Contract, *, url: str) -> None:
        super().__init__(contract)
        self.url = url


@contextmanager
def checked_proxy(upstream: str, contract: Contract | None = None) -> Iterator[Proxy]:
    """Forward everything sent to the proxy to `upstream` (scheme, host, port) until the block ends.

    Whatever host a request names, it goes to `upstream`: this is no way out to the network. Without a contract it
    loads the kept one.
    """
    target = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LIMIT
        wbufsize = (
            -1
        )  # head and body in one packet: two of them cost 40 ms of delayed acknowledgement each time

        def forward(self) -> None:
            sent = _body_of(self)
            try:
                with closing(HTTPConnection(target.hostname or "", target.port, timeout=LIMIT)) as connection:
                    _send(connection, self, sent)
                    response = connection.getresponse()
                    answer = response.read()
                    status, reason, headers = response.status, response.reason, response.getheaders()
            except (OSError, HTTPException) as error:
                # A 502 is published nowhere, so a server that hangs up or stalls is reported as a violation too.
                status, reason, headers = 502, "Bad Gateway", [("Content-Type", JSON)]
                message = f"{self.command} {self.path} got no answer from {upstream}: {error!r}"
                answer = json.dumps({"message": message}).encode()
            # Recorded before the client hears of it, so that a test which has its answer sees the violation.
            proxy.record(
                method=self.command,
                url=self.path,
                accept=self.headers.get("Accept", ""),
                sent=sent,
                status=status,
                answer=answer,
                media_type=next((value for key, value in headers if key.lower() == "content-type"), ""),
            )
            self.send_response_only(status, reason)
            for key, value in headers:
                if key.lower() not in OURS:
                    self.send_header(key, value)
            if status not in WITHOUT_BODY:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 (names the base class looks up)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The exchanges are the log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(contract or load_contract(), url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join(LIMIT)


def _send(connection: HTTPConnection, request: BaseHTTPRequestHandler, body: bytes) -> None:
    connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
    for key, value in request.headers.items():
        if key.lower() not in OURS:
            connection.putheader(key, value)
    connection.putheader("Connection", "close")
    if body or "Content-Length" in request.headers:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)


def _body_of(request: BaseHTTPRequestHandler) -> bytes:
    """The request's body; `gh api --input -` and git send theirs in chunks."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    while request.rfile.readline().strip():  # trailers
        pass
    return body

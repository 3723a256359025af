"""A reverse proxy on loopback that counts what passes: requests to the API, and git's."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LIMIT = 60.0
_OURS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_CREATED = ("/comments", "/issues", "/pulls")


@dataclass(frozen=True)
class Request:
    """One exchange. `path` has no query."""

    method: str
    path: str
    status: int
    service: str = ""
    """git's service, when it is git that asks."""

    @property
    def api(self) -> bool:
        """Whether it is counted by GitHub's rate limits for the API."""
        return not self.service

    @property
    def points(self) -> int:
        """Of the 5,000 an hour: an answer that nothing changed is free."""
        return int(self.api and self.status != 304)

    @property
    def creates(self) -> bool:
        """Whether it makes content: 80 a minute and 500 an hour are allowed."""
        return self.api and self.method == "POST" and self.path.endswith(_CREATED)

    @property
    def edits(self) -> bool:
        """Whether it changes something that is there already."""
        return self.api and self.method not in ("GET", "HEAD") and not self.creates

    @property
    def pushes(self) -> bool:
        """Whether it is the request of a push that carries the commits."""
        return self.method == "POST" and self.service == "git-receive-pack"


class Counted:
    """What has passed; `url` is what clients are given instead of the server's."""

    def __init__(self) -> None:
        self.url = ""
        self._requests: list[Request] = []
        self._lock = threading.Lock()

    def note(self, request: Request) -> None:
        """Count one."""
        with self._lock:
            self._requests.append(request)

    def take(self) -> tuple[Request, ...]:
        """Everything since the last time."""
        with self._lock:
            taken, self._requests = tuple(self._requests), []
        return taken


@contextmanager
def counting(upstream: str) -> Iterator[Counted]:
    """Forward all requests to `upstream` (scheme, host, port) until the block ends."""
    target, counted = urlsplit(upstream), Counted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LIMIT
        wbufsize = -1  # head and body in one packet

        def forward(self) -> None:
            body = _body(self)
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _OURS}
            with closing(HTTPConnection(target.hostname or "", target.port, timeout=LIMIT)) as there:
                there.request(self.command, self.path, body or None, {**kept, "Connection": "close"})
                answer = there.getresponse()
                said = answer.read()
            parts = urlsplit(self.path)
            counted.note(Request(self.command, parts.path, answer.status, _service(parts.path, parts.query)))
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _OURS:
                    self.send_header(name, value)
            if answer.status not in (204, 304):
                self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 (names the base class looks up)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        counted.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield counted
        finally:
            server.shutdown()
            thread.join(LIMIT)


def _service(path: str, query: str) -> str:
    if path.endswith("/info/refs"):
        return query.partition("service=")[2].partition("&")[0]
    return path.rpartition("/")[2] if path.endswith(("/git-upload-pack", "/git-receive-pack")) else ""


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """The request's body; git sends a large one in chunks."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    while request.rfile.readline().strip():  # trailers
        pass
    return body

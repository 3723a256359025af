"""A door that GitHub may knock on: a verified webhook wakes the poll and carries no meaning of its own.

What is new is read from the forge as always, so a knock that is lost, doubled or out of order does no harm.
"""

import hashlib
import hmac
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cdock.core.errors import Misconfigured

log = logging.getLogger(__name__)

LARGEST = 1024 * 1024
"""Bytes of a delivery. GitHub may send more; the poll sees what such a one would have told."""
AT_ONCE = 8
"""Deliveries that are read at the same time."""
REMEMBERED = 1_000
"""Deliveries that are known again."""
TIMEOUT = 10.0
"""Seconds for a request to arrive; GitHub itself gives up after as many."""
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `:PORT`, for the address to listen on.

    Raises:
        Misconfigured: it is neither.
    """
    found = re.fullmatch(r"(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):(?P<port>[0-9]{1,5})", text)
    if found is None or int(found["port"]) > 65535:
        raise Misconfigured(
            f"{text!r} is no address to listen on",
            code="CD423",
            fix="write HOST:PORT, such as 127.0.0.1:8765",
        )
    return found["host"].strip("[]") or "127.0.0.1", int(found["port"])


@contextmanager
def listening(address: str, *, secret: str, knock: Callable[[], None]) -> Iterator[int]:
    """Call `knock` for each new delivery signed with `secret`, for as long as the block runs; gives the port.

    Raises:
        Misconfigured: there is no secret, or the address cannot be listened on.
    """
    if not secret:
        raise Misconfigured(
            "a webhook needs a secret",
            code="CD423",
            tried="looking at CDOCK_WEBHOOK_SECRET",
            fix="set it to the secret of the webhook on GitHub",
        )
    host, port = parse_address(address)
    try:
        server = _Server((host, port), secret=secret, knock=knock)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {address}: {error.strerror}",
            code="CD423",
            fix="choose another address with --webhook",
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], *, secret: str, knock: Callable[[], None]) -> None:
        super().__init__(address, _Handler)
        self._secret = secret.encode()
        self._knock = knock
        self._known: OrderedDict[str, None] = OrderedDict()
        self._warned = False
        self.room = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()

    def signed(self, body: bytes, signature: str) -> bool:
        """Whether the signature is that of the body by our secret."""
        wanted = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))

    def deliver(self, signature: str) -> None:
        """Knock, unless what has this signature was here before; the id of a delivery is not signed."""
        with self._lock:
            if signature in self._known:
                return
            self._known[signature] = None
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._knock()

    def warn(self) -> None:
        """Say once that somebody knocks who does not know the secret: it may be set wrongly on GitHub."""
        if not self._warned:
            self._warned = True
            log.warning("a webhook with a wrong signature was refused; further ones are not named")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = TIMEOUT
    server_version = "cdock"
    sys_version = ""

    def do_POST(self) -> None:
        """A delivery."""
        signature = self.headers.get("X-Hub-Signature-256", "")
        length = self.headers.get("Content-Length", "")
        if not _SIGNATURE.fullmatch(signature):
            self.server.warn()
            self._answer(401)
        elif not re.fullmatch(r"[0-9]{1,9}", length):
            self._answer(411)
        elif int(length) > LARGEST:
            self._answer(413)
        elif not self.server.room.acquire(blocking=False):
            self._answer(503)
        else:
            try:
                self._take(int(length), signature)
            finally:
                self.server.room.release()

    def _take(self, length: int, signature: str) -> None:
        body = self._body(length)
        if body is None:
            self._answer(408)
        elif self.server.signed(body, signature):
            self.server.deliver(signature)
            self._answer(204)
        else:
            self.server.warn()
            self._answer(401)

    def _body(self, length: int) -> bytes | None:
        """The body, or None when it did not arrive in time."""
        end, body = time.monotonic() + TIMEOUT, b""
        while len(body) < length:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.connection.settimeout(left)
            try:
                part = self.rfile.read1(min(65_536, length - len(body)))
            except TimeoutError:
                return None
            if not part:
                return None
            body += part
        return body

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: what a stranger sends is not worth a line in the log."""

"""A door that GitHub may knock on: a verified webhook wakes the poll and carries no meaning of its own.

What is new is read from the forge as always, so a knock that is lost, doubled or out of order does no harm.
"""

import hashlib
import hmac
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cdock.core.errors import Misconfigured

log = logging.getLogger(__name__)

LARGEST = 25 * 1024 * 1024
"""Bytes of a delivery; GitHub sends no larger ones (docs: webhooks/webhook-events-and-payloads)."""
REMEMBERED = 1_000
"""Deliveries that are known again."""
TIMEOUT = 10.0
"""Seconds for a request to arrive; GitHub itself gives up after as many."""


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
        self._lock = threading.Lock()

    def signed(self, body: bytes, signature: str) -> bool:
        """Whether the signature is that of the body by our secret."""
        wanted = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))

    def deliver(self, delivery: str) -> bool:
        """Knock, unless this delivery was here before."""
        with self._lock:
            if delivery in self._known:
                return False
            self._known[delivery] = None
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._knock()
        return True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = TIMEOUT
    server_version = "cdock"
    sys_version = ""

    def do_POST(self) -> None:
        """A delivery."""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > LARGEST:
            self._answer(413 if length.isdigit() else 411)
            return
        body = self.rfile.read(int(length))
        if not self.server.signed(body, self.headers.get("X-Hub-Signature-256", "")):
            log.warning("a webhook with a wrong signature was refused")
            self._answer(401)
            return
        self.server.deliver(self.headers.get("X-GitHub-Delivery", "")[:100])
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: what a stranger sends is not worth a line in the log."""

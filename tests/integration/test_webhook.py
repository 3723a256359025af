"""The webhook's door: only signed deliveries knock, each once, and nothing they hold is believed."""

import hashlib
import hmac
import http.client
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from cdock.adapters.system import SystemClock
from cdock.adapters.webhook import AT_ONCE, LARGEST, listening, parse_address
from cdock.core.errors import Misconfigured

SECRET = "it is a secret to everybody"
LIMIT = 30.0


@dataclass
class Door:
    port: int
    knocks: list[float] = field(default_factory=list)

    def deliver(
        self,
        body: bytes,
        *,
        secret: str = SECRET,
        delivery: str = "d-1",
        headers: dict[str, str] | None = None,
    ) -> int:
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            sent = {
                "X-Hub-Signature-256": signature,
                "X-GitHub-Delivery": delivery,
                "X-GitHub-Event": "issues",
            }
            connection.request("POST", "/", body=body, headers=sent | (headers or {}))
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def door() -> Iterator[Door]:
    knocks: list[float] = []
    with listening("127.0.0.1:0", secret=SECRET, knock=lambda: knocks.append(time.monotonic())) as port:
        yield Door(port, knocks)


BODY = json.dumps({"action": "labeled", "issue": {"number": 7}}).encode()


def test_a_signed_delivery_knocks_once(door: Door) -> None:
    assert [door.deliver(BODY) for _ in range(3)] == [204, 204, 204]
    assert len(door.knocks) == 1
    assert door.deliver(BODY, delivery="d-2") == 204, "its id is not signed, so it tells nothing"
    assert len(door.knocks) == 1
    assert door.deliver(BODY + b" ") == 204
    assert len(door.knocks) == 2


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "sha1=abc", "ünicode"])
def test_a_wrong_signature_does_not_knock(door: Door, signature: str) -> None:
    quoted = signature.encode().decode("latin-1")
    assert door.deliver(BODY, headers={"X-Hub-Signature-256": quoted}) == 401
    assert door.deliver(BODY, secret="another") == 401
    assert not door.knocks


def test_a_changed_body_does_not_knock(door: Door) -> None:
    signature = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert door.deliver(BODY + b" ", headers={"X-Hub-Signature-256": signature}) == 401
    assert not door.knocks


def test_nothing_large_is_read(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=LIMIT) as peer:
        signature = f"X-Hub-Signature-256: sha256={'0' * 64}\r\n"
        peer.sendall(
            f"POST / HTTP/1.1\r\nHost: x\r\n{signature}Content-Length: {LARGEST + 1}\r\n\r\n".encode()
        )
        assert b" 413 " in peer.recv(100)


def test_nothing_is_read_of_what_is_not_signed(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=LIMIT) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert b" 401 " in peer.recv(100)


def test_many_slow_callers_take_no_more_than_their_room(door: Door) -> None:
    head = f"POST / HTTP/1.1\r\nX-Hub-Signature-256: sha256={'0' * 64}\r\nContent-Length: 10\r\n\r\n".encode()
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", door.port), timeout=LIMIT))
            for _ in range(AT_ONCE + 4)
        ]
        for peer in slow:
            peer.sendall(head)
        with selectors.DefaultSelector() as answers:
            for peer in slow:
                answers.register(peer, selectors.EVENT_READ, peer)
            (refused, _), *_ = answers.select(LIMIT)
        assert b" 503 " in refused.data.recv(100)


def test_a_caller_that_says_nothing_keeps_nobody_else_out(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=LIMIT) as silent:
        silent.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
        assert door.deliver(BODY) == 204


def test_reading_it_is_not_allowed(door: Door) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=LIMIT)
    connection.request("GET", "/")
    assert connection.getresponse().status == 501
    connection.close()


@pytest.mark.parametrize("text", ["8765", "host", "host:port", "host:70000", "http://host:1", ""])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(Misconfigured, match="listen"):
        parse_address(text)


def test_addresses() -> None:
    assert parse_address(":8765") == ("127.0.0.1", 8765)
    assert parse_address("0.0.0.0:1") == ("0.0.0.0", 1)  # noqa: S104
    assert parse_address("[::1]:80") == ("::1", 80)


def test_without_a_secret_nothing_listens() -> None:
    with (
        pytest.raises(Misconfigured, match="secret"),
        listening("127.0.0.1:0", secret="", knock=lambda: None),
    ):
        pass


def test_a_taken_address_is_said(door: Door) -> None:
    address = f"127.0.0.1:{door.port}"
    with pytest.raises(Misconfigured, match="cannot listen"):  # noqa: SIM117
        with listening(address, secret=SECRET, knock=lambda: None):
            pass


def test_a_knock_ends_a_sleep() -> None:
    clock = SystemClock()
    threading.Timer(0.05, clock.knock).start()
    begun = time.monotonic()
    assert clock.sleep(LIMIT) is False
    assert time.monotonic() - begun < LIMIT / 2
    assert clock.knocks() == 1
    assert clock.sleep(0) is False
    clock.end()
    assert clock.sleep(LIMIT) is True

"""The process behind the socket: takes requests of agents, adds a key, forwards them, streams the answers back."""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from cdock.adapters.docker.modelproxy import (
    ANTHROPIC,
    GEMINI,
    ModelProxy,
    Provider,
    fingerprint,
    take_lock,
)

_UPSTREAM_LIMIT = 600
"""Seconds of silence from the provider, and from an agent, before a connection is given up."""
_BODY_LIMIT = 64 * 1024**2
_CHUNK = 1 << 16
_OAUTH_BETA = "oauth-2025-04-20"
"""The provider takes a subscription's token only together with this word."""
_OURS = frozenset({"host", "x-api-key", "x-goog-api-key", "authorization", "cookie", "content-length"})
"""Headers of a request that we set, or do not pass on."""
_HOP = frozenset({"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
                  "trailer", "transfer-encoding", "upgrade"})  # fmt: skip


def main() -> int:
    """Start to serve the socket in a process of its own; returns when it can be connected to."""
    parser = argparse.ArgumentParser(prog="cdock-modelproxy")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--idle", type=float, default=3600.0, help="seconds without a request before it ends")
    wanted = parser.parse_args()
    proxy = ModelProxy(socket=wanted.socket, upstream=wanted.upstream, environment=os.environ)
    lock = take_lock(proxy.lock)
    if lock is None:
        return 0  # somebody was faster; whether that one does the same is for `ensure` to see
    proxy.socket.unlink(missing_ok=True)
    server = _Server(proxy)
    os.truncate(lock, 0)
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    note = {"pid": str(os.getpid()), "fingerprint": fingerprint(proxy.upstream, proxy.own_environment)}
    os.write(lock, json.dumps(note).encode())
    _serve(server, lock=lock, idle=wanted.idle)
    return 0


def _serve(server: "_Server", *, lock: int, idle: float) -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not ending.wait(min(1.0, idle)):
        if server.idle_for() >= idle:
            break
    server.shutdown()
    server.server_close()
    server.proxy.socket.unlink(missing_ok=True)
    os.close(lock)  # a successor may start while our last answers are still on their way
    deadline = time.monotonic() + _UPSTREAM_LIMIT
    while server.busy and time.monotonic() < deadline:
        time.sleep(0.1)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, proxy: ModelProxy) -> None:
        self.proxy = proxy
        self.busy = 0
        self._counting = threading.Lock()
        self._since = time.monotonic()
        super().__init__(str(proxy.socket), _Handler)
        proxy.socket.chmod(0o666)

    def idle_for(self) -> float:
        """Seconds since the last request ended; 0 while there is one."""
        return 0.0 if self.busy else time.monotonic() - self._since

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """A request that is being answered."""
        with self._counting:
            self.busy += 1
        try:
            yield
        finally:
            with self._counting:
                self.busy -= 1
                self._since = time.monotonic()


def _credential(provider: Provider, environment: Mapping[str, str]) -> dict[str, str]:
    """The headers that carry the key."""
    name = provider.key(environment)
    key = environment[name]
    if provider is GEMINI:
        return {"x-goog-api-key": key}
    if name == "ANTHROPIC_API_KEY":
        return {"x-api-key": key}
    bearer = {"authorization": f"Bearer {key}"}
    return {**bearer, "anthropic-beta": _OAUTH_BETA} if name == "CLAUDE_CODE_OAUTH_TOKEN" else bearer


class _Unfit(Exception):
    """A request that is not passed on."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _UPSTREAM_LIMIT
    server: _Server

    def do_POST(self) -> None:
        self._forward()

    do_GET = do_HEAD = do_DELETE = do_PUT = do_PATCH = do_POST  # noqa: N815 - the names are the library's

    def log_message(self, *_: object) -> None:
        """Requests are the business of an agent and its provider; nothing of them is kept."""

    def address_string(self) -> str:
        return "container"

    def _forward(self) -> None:
        with self.server.counted():
            provider = self._provider()
            if provider is None:
                self._say(403, "permission_error", "Only the API of a provider can be reached from here.")
                return
            try:
                body = self._body()
            except _Unfit as error:
                self._say(error.status, "invalid_request_error", str(error))
                return
            address = self.server.proxy.address_of(provider)
            path = urllib.parse.urlsplit(address).path + self.path.removeprefix(provider.prefix)
            upstream = _connection(address)
            try:
                upstream.request(self.command, path, body=body, headers=self._headers(provider))
                answer = upstream.getresponse()
            except (OSError, http.client.HTTPException) as error:
                upstream.close()
                self._say(502, "api_error", f"The model's provider cannot be reached from the host: {error}")
                return
            try:
                self._answer(answer)
            except (OSError, http.client.HTTPException):
                # Half an answer cannot be taken back; closing tells the agent that it is not whole.
                self.close_connection = True
            finally:
                upstream.close()

    def _provider(self) -> Provider | None:
        """Whose API the path belongs to; None for what is not passed on."""
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if ".." in path:
            return None
        # The one without a prefix is asked last.
        for provider in sorted(self.server.proxy.served, key=lambda each: each.prefix, reverse=True):
            if not path.startswith(f"{provider.prefix}/"):
                continue
            rest = path.removeprefix(provider.prefix)
            return (
                provider if rest.startswith(provider.api) or (provider is ANTHROPIC and rest == "/") else None
            )
        return None

    def _headers(self, provider: Provider) -> dict[str, str]:
        kept = {name.lower(): value for name, value in self.headers.items()}
        named = {word.strip().lower() for word in kept.get("connection", "").split(",")}
        sent = {name: value for name, value in kept.items() if name not in _OURS | _HOP | named}
        for name, value in _credential(provider, self.server.proxy.environment).items():
            sent[name] = f"{sent[name]},{value}" if name == "anthropic-beta" and name in sent else value
        return sent

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunked()
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _BODY_LIMIT:
            raise _Unfit(413, f"A request may have {_BODY_LIMIT} bytes.")
        return self.rfile.read(int(length))

    def _chunked(self) -> bytes:
        got = bytearray()
        while True:
            line = self.rfile.readline(1024).partition(b";")[0].strip()
            try:
                length = int(line, 16)
            except ValueError as error:
                raise _Unfit(400, "A chunk of the request has no length.") from error
            if length < 0 or len(got) + length > _BODY_LIMIT:
                raise _Unfit(413, f"A request may have {_BODY_LIMIT} bytes.")
            if length == 0:
                while self.rfile.readline(_CHUNK).strip():
                    pass
                return bytes(got)
            got += self.rfile.read(length)
            self.rfile.readline(8)

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = not bodiless and answer.getheader("content-length") is None
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if bodiless:
            return
        # read1 gives what is there, so that each event of a stream goes on at once.
        while chunk := answer.read1(_CHUNK):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _say(self, status: int, kind: str, message: str) -> None:
        """An answer of our own, in the shape that the provider gives its errors."""
        body = json.dumps({"type": "error", "error": {"type": kind, "message": f"cdock: {message}"}}).encode()
        self.close_connection = True
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _connection(upstream: str) -> http.client.HTTPConnection:
    """A connection to the upstream, through the proxy of this machine's network where there is one."""
    address = urllib.parse.urlsplit(upstream)
    host = address.hostname or ""
    port = address.port or (443 if address.scheme == "https" else 80)
    through = urllib.parse.urlsplit(urllib.request.getproxies().get(address.scheme, ""))
    detour = bool(through.hostname) and not urllib.request.proxy_bypass(host)
    place = (through.hostname or "", through.port or 80) if detour else (host, port)
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(*place, timeout=_UPSTREAM_LIMIT, context=context)
    else:
        connection = http.client.HTTPConnection(*place, timeout=_UPSTREAM_LIMIT)
    if detour:
        connection.set_tunnel(host, port)
    return connection


if __name__ == "__main__":
    sys.exit(main())

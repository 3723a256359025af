"""A scripted model API on loopback, so that tests can drive the real command lines of agents.

A scenario is a list of turns, one per message of the assistant. Which one is answered is read off the request, by
counting the assistant's messages already in it: a repeated request gets the same turn again, and a resumed
conversation goes on where the list stopped. It speaks the dialects of several providers, by the path of the request.

    with ModelApi([[Use("Bash", {"command": "make"})], ["It builds."]]) as api:
        subprocess.run(["claude", "-p", "build it"], env={"ANTHROPIC_BASE_URL": api.url, …})
    assert api.requests[0].key == "sk-test"
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from tests.model_dialects import CLAUDE, Dialect, Failure, Message, Use, dialect_of

__all__ = ("SIDE_ANSWER", "Failure", "ModelApi", "Request", "Turn", "Use")

SIDE_ANSWER = "Scripted work"
"""What is answered to requests without tools; the command line asks those for itself, such as for a title."""

Turn = Sequence[str | Use] | Failure


@dataclass(frozen=True)
class Request:
    """What a client sent. `headers` have lower-case names, `body` is the parsed JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The credential, from whichever header."""
        plain = self.headers.get("x-api-key") or self.headers.get("x-goog-api-key")
        return plain or self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def main(self) -> bool:
        """Whether this is the conversation itself, neither a side call nor a count."""
        return self.method == "POST" and self.dialect is not None and bool(self.body.get("tools"))

    @property
    def dialect(self) -> Dialect | None:
        """What is spoken at this path."""
        return dialect_of(self.path)

    @property
    def said(self) -> int:
        """How many turns of the model the request holds."""
        return self.dialect.said(self.body) if self.dialect else 0

    @property
    def text(self) -> str:
        """All text of the system prompt and the messages, tool results included."""
        return "\n".join(self.dialect.texts(self.body)) if self.dialect else ""


class ModelApi:
    """The server, listening between `__enter__` and `__exit__`.

    `failures` are the answers to the first requests of the conversation; after them `turns` begin. A request for
    which there is no turn is answered with status 400, which ends the agent at once and says so. `held` says, by the
    number of a turn, how many tokens of the conversation its answer claims to come from the cache.
    """

    def __init__(
        self,
        turns: Sequence[Turn],
        *,
        failures: Sequence[Failure] = (),
        held: Mapping[int, int] | None = None,
    ) -> None:
        self._turns = tuple(turns)
        self._failures = list(failures)
        self._held = dict(held or {})
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        assert self._server is not None, "the model API is not running"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order of arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def conversation(self) -> list[Request]:
        """The requests of the conversation itself."""
        return [request for request in self.requests if request.main]

    def answer(self, request: Request) -> Turn:
        """Keep the request and choose what to say to it."""
        with self._lock:
            self._requests.append(request)
            if not request.main:
                return [SIDE_ANSWER]
            if self._failures:
                return self._failures.pop(0)
        if request.said < len(self._turns):
            return self._turns[request.said]
        return Failure(
            400, f"the scenario has {len(self._turns)} turns, there is no number {request.said + 1}"
        )

    def message(self, request: Request, turn: Sequence[str | Use]) -> Message:
        """The turn as the answer to a request."""
        made = Message(turn, request.said, str(request.body.get("model", "")))
        return replace(made, held=self._held.get(request.said, made.held))

    def __enter__(self) -> Self:
        api: ModelApi = self

        class Bound(_Handler):
            scenario = api

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="model-api", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    scenario: ModelApi

    def do_HEAD(self) -> None:
        # The command line looks whether anybody is there before it speaks.
        self.scenario.answer(self._request({}))
        self._reply(200, b"", {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError as error:
            self._fail(Failure(400, f"the body is no JSON: {error}"))
            return
        request = self._request(body)
        turn = self.scenario.answer(request)
        dialect = request.dialect
        if request.path == "/v1/messages/count_tokens":
            self._json(200, {"input_tokens": 10})
        elif dialect is None:
            self._fail(Failure(404, f"there is no {request.path}"))
        elif isinstance(turn, Failure):
            self._fail(turn, dialect)
        else:
            message = self.scenario.message(request, turn)
            if body.get("stream") or ":streamGenerateContent" in request.path:
                stream = dialect.stream(message).encode()
                self._reply(200, stream, {"content-type": "text/event-stream"})
            else:
                self._json(200, dialect.whole(message))

    def do_GET(self) -> None:
        request = self._request({})
        self.scenario.answer(request)
        self._fail(Failure(404, f"there is no {request.path}"))

    def _request(self, body: Mapping[str, Any]) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, urlsplit(self.path).path, headers, body)

    def _fail(self, failure: Failure, dialect: Dialect = CLAUDE) -> None:
        self._json(failure.status, dialect.error(failure), failure.headers)

    def _json(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        extra = headers or {}
        self._reply(status, json.dumps(value).encode(), {"content-type": "application/json", **extra})

    def _reply(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the agent was killed in the middle, which is what some tests do

    def log_message(self, *_: object) -> None:
        pass  # a test reads `requests`

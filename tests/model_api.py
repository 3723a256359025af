"""A scripted Anthropic Messages API on loopback, so that tests can drive the real Claude Code command line.

A scenario is a list of turns, one per message of the assistant. Which one is answered is read off the request, by
counting the assistant's messages already in it: a repeated request gets the same turn again, and a resumed
conversation goes on where the list stopped.

    with ModelApi([[Use("Bash", {"command": "make"})], ["It builds."]]) as api:
        subprocess.run(["claude", "-p", "build it"], env={"ANTHROPIC_BASE_URL": api.url, …})
    assert api.requests[0].key == "sk-test"
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}

SIDE_ANSWER = "Scripted work"
"""What is answered to requests without tools; the command line asks those for itself, such as for a title."""

# Claude Code closes an interrupted turn with this message of its own when the conversation is resumed.
_FILLER = "No response requested."


@dataclass(frozen=True)
class Use:
    """A call of one of the agent's tools, such as `Use("Bash", {"command": "ls"})`."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """An answer with an HTTP error status instead of a message."""

    status: int
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict)


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
        """The credential, from either header."""
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def main(self) -> bool:
        """Whether this is the conversation itself, neither a side call nor a count."""
        return self.method == "POST" and self.path == "/v1/messages" and bool(self.body.get("tools"))

    @property
    def said(self) -> int:
        """How many messages of the assistant the request holds."""
        messages = self.body.get("messages", [])
        return sum(m.get("role") == "assistant" and _FILLER not in _texts(m["content"]) for m in messages)

    @property
    def text(self) -> str:
        """All text of the system prompt and the messages, tool results included."""
        parts = [self.body.get("system", ""), *(m.get("content", "") for m in self.body.get("messages", []))]
        return "\n".join(text for part in parts for text in _texts(part))


class ModelApi:
    """The server, listening between `__enter__` and `__exit__`.

    `failures` are the answers to the first requests of the conversation; after them `turns` begin. A request for
    which there is no turn is answered with status 400, which ends the agent at once and says so.
    """

    def __init__(self, turns: Sequence[Turn], *, failures: Sequence[Failure] = ()) -> None:
        self._turns = tuple(turns)
        self._failures = list(failures)
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

    def __enter__(self) -> ModelApi:
        api = self

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
        if request.path == "/v1/messages/count_tokens":
            self._json(200, {"input_tokens": 10})
        elif request.path != "/v1/messages":
            self._fail(Failure(404, f"there is no {request.path}"))
        elif isinstance(turn, Failure):
            self._fail(turn)
        else:
            message = _message(turn, model=str(body.get("model", "")), number=request.said)
            if body.get("stream"):
                stream = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in _stream(message))
                self._reply(200, stream.encode(), {"content-type": "text/event-stream"})
            else:
                self._json(200, message)

    def _request(self, body: Mapping[str, Any]) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, urlsplit(self.path).path, headers, body)

    def _fail(self, failure: Failure) -> None:
        kind = ERROR_TYPES.get(failure.status, "api_error")
        error = {"type": "error", "error": {"type": kind, "message": failure.message}}
        self._json(failure.status, error, failure.headers)

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


def _texts(content: object) -> Iterator[str]:
    """Every text in a message's content, which is a string or a list of blocks that may hold more of them."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            if isinstance(block, dict):
                yield from _texts(block.get("text"))
                yield from _texts(block.get("content"))


def _message(turn: Sequence[str | Use], *, model: str, number: int) -> dict[str, Any]:
    """The turn as a message. Counts are fixed by the number of the turn, so that a test can foretell the sums."""
    content: list[dict[str, Any]] = []
    for place, part in enumerate(turn):
        if isinstance(part, Use):
            use = {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": part.name}
            content.append({**use, "input": dict(part.input)})
        else:
            content.append({"type": "text", "text": part})
    calls = any(isinstance(part, Use) for part in turn)
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100 * (number + 1),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 1000,
            "output_tokens": 20,
        },
    }


def _stream(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The message as the events it arrives in when streamed."""
    begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        start: dict[str, Any]
        if block["type"] == "text":
            start = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": message["usage"]}
    yield {"type": "message_stop"}

"""A server on loopback that answers as GitHub would when told to: conditionally, badly, late, or not at all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LIMIT = 20.0
BOT = "cdock-bot"


@dataclass(frozen=True)
class Say:
    """One scripted answer. `etag` makes it conditional; `hold` keeps it back until the test is over."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    etag: str = ""
    hold: bool = False
    hang_up: bool = False


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; `at` is monotonic, `query` has each key's values joined."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any
    at: float

    @property
    def path(self) -> str:
        return urlsplit(self.target).path.removeprefix("/api/v3")

    @property
    def name(self) -> str:
        """What the script knows it by."""
        if {"creator", "labels"} <= self.query.keys():
            return f"{self.path}?helps"
        return f"{self.path}?changed" if self.changed else self.path

    @property
    def changed(self) -> bool:
        """Whether it asks for what changed last."""
        return self.query.get("sort") == "updated"

    @property
    def query(self) -> dict[str, str]:
        return {key: ",".join(values) for key, values in parse_qs(urlsplit(self.target).query).items()}


class Script:
    """A server that says what it was told, the last answer of a list again and again, and 404 to all else.

    What is asked of a list sorted by change is answered as `PATH?changed`, our own help issues as `PATH?helps`.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.over = threading.Event()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], list[Say | Callable[[Seen], Say]]] = {}
        self.port = 0
        self.on("GET", "/repos/maria/demo", Say(content=repo_row("maria/demo")))
        for feed in ("issues", "issues/comments", "pulls", "pulls/comments"):
            self.on("GET", f"/repos/maria/demo/{feed}?changed", Say(content=[], etag='W/"none"'))
        self.on("GET", "/repos/maria/demo/issues?helps", Say(content=[], etag='W/"none"'))
        self.on("GET", "/user", Say(content={"login": BOT}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, *answers: Say | Callable[[Seen], Say]) -> None:
        self._answers[method, path] = list(answers)

    def sent(self, method: str, path: str = "") -> list[Seen]:
        """The requests of a method; with `path` those of that path, which does not take in its `PATH?changed`."""
        return [s for s in self.seen if s.method == method and (not path or path == s.name)]

    def answer(self, seen: Seen) -> Say:
        with self._lock:
            self.seen.append(seen)
            answers = self._answers.get((seen.method, seen.name), [Say(404, {"message": "Not Found"})])
            chosen = answers.pop(0) if len(answers) > 1 else answers[0]
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        return chosen(seen) if callable(chosen) else chosen

    def answered(self) -> None:
        with self._lock:
            self._at_once -= 1


def repo_row(full_name: str) -> dict[str, Any]:
    return {"full_name": full_name, "default_branch": "trunk", "id": 1}


def issue_row(number: int, *, repo: str = "maria/demo", **changes: Any) -> dict[str, Any]:
    return {
        "number": number,
        "id": 9_000_000 + number,
        "title": f"Issue {number}",
        "body": "Please",
        "user": {"login": "maria"},
        "html_url": f"https://example.org/{number}",
        "repository_url": f"https://example.org/api/v3/repos/{repo}",
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "state": "open",
        "labels": [{"name": "agent-ready"}],
        **changes,
    }


def comment_row(number: int, body: str, *, by: str = BOT, on: int = 7, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "body": body,
        "user": {"login": by},
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "issue_url": f"https://example.org/api/v3/repos/maria/demo/issues/{on}",
        **changes,
    }


def at(minute: int, second: int = 0) -> str:
    """A moment in the hour after all rows were made."""
    return f"2026-01-01T13:{minute:02}:{second:02}Z"


@contextmanager
def scripted() -> Iterator[Script]:
    """A scripted server on a free port, until the block ends."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        timeout = LIMIT

        def respond(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            say = script.answer(Seen(self.command, self.path, headers, body, time.monotonic()))
            try:
                self.say(say, headers)
            finally:
                script.answered()

        def say(self, say: Say, headers: dict[str, str]) -> None:
            if say.hold:
                script.over.wait(LIMIT)
            if say.hold or say.hang_up:
                self.close_connection = True
                return
            same = bool(say.etag) and headers.get("if-none-match") == say.etag
            text = say.text if say.text is not None else json.dumps(say.content)
            data = b"" if same else text.encode()
            self.send_response_only(304 if same else say.status)
            for key, value in {"ETag": say.etag, **say.headers}.items():
                if value:
                    self.send_header(key, value.replace("{url}", script.url))
            if not same:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 (the base class looks these up)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The seen requests are the log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        script.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield script
        finally:
            script.over.set()
            server.shutdown()
            thread.join(LIMIT)

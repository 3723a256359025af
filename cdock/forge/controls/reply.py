"""An answer that is held back before it goes out, and refusals in GitHub's form."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import Send

from cdock.forge.rest.answers import DOCS

Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Reply:
    """Status, headers and whole body."""

    status: int
    headers: Pairs
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's value."""
        return MutableHeaders(raw=list(self.headers)).get(name)

    @property
    def json(self) -> Any:
        """The body's value. Raises ValueError when it is no JSON."""
        return json.loads(self.body)

    @property
    def is_json(self) -> bool:
        """Whether there is a value in the body."""
        return "json" in (self.header("content-type") or "") and bool(self.body)

    def having(self, **headers: str | None) -> Reply:
        """With these headers, `_` for `-`; None takes one away."""
        changed = MutableHeaders(raw=list(self.headers))
        for name, value in headers.items():
            if value is None:
                del changed[name.replace("_", "-")]
            else:
                changed[name.replace("_", "-")] = value
        return replace(self, headers=tuple(changed.raw))

    def saying(self, value: object) -> Reply:
        """With another value as body; a tag of its own, for the forge would call the changed answer unchanged."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        changed = replace(self, body=body).having(content_length=str(len(body)))
        if self.header("etag") is None:
            return changed
        return changed.having(etag=f'W/"{hashlib.sha256(body).hexdigest()}"')

    def with_status(self, status: int) -> Reply:
        """The same with another status."""
        return replace(self, status=status)

    def unchanged(self, tag: str) -> Reply:
        """The same as 304: nothing new, under this tag."""
        kept = self.having(content_type=None, content_length=None, last_modified=None, etag=tag)
        return replace(kept, status=304, body=b"")

    async def send(self, send: Send) -> None:
        """Let it go out."""
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.body})


def reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON, with what GitHub sends with every one."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return text_reply(status, body, "application/json; charset=utf-8", headers)


def text_reply(status: int, body: bytes, media: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer of another kind."""
    given = {
        "content-type": media,
        "content-length": str(len(body)),
        "x-github-request-id": request_id(),
        "x-github-media-type": "github.v3; format=json",
        **(headers or {}),
    }
    return Reply(
        status, tuple((name.lower().encode(), value.encode()) for name, value in given.items()), body
    )


def refusal(
    status: int, message: str, headers: Mapping[str, str] | None = None, *, documentation: str = DOCS
) -> Reply:
    """An error as GitHub writes it."""
    value = {"message": message, "documentation_url": documentation, "status": str(status)}
    return reply(status, value, headers)


def request_id() -> str:
    """Looks like GitHub's."""
    return secrets.token_hex(16).upper()

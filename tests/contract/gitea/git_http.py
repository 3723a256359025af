"""Git over HTTP for the double: git's own CGI program, for everybody who has a token."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

LIMIT = 60.0


def may_enter(headers: Mapping[str, str], tokens: Mapping[str, str]) -> str:
    """Who asks, by the token in place of a password; empty for nobody."""
    word, _, encoded = headers.get("authorization", "").partition(" ")
    if word.lower() != "basic":
        return ""
    return tokens.get(base64.b64decode(encoded).decode().partition(":")[2], "")


def backend(
    bare: Path, *, method: str, target: str, below: str, headers: Mapping[str, str], raw: bytes, by: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that `git http-backend` answers; `below` is the repository's path in addresses."""
    parts = urlsplit(target)
    done = subprocess.run(
        ["git", "http-backend"],
        input=raw,
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(bare.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": f"/{bare.name}{parts.path.removeprefix(below)}",
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": method,
            "REMOTE_USER": by,
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(raw)),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
        },
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    answered = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(answered.pop("Status", "200").split()[0]), answered, body

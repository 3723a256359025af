"""Gitea's refusals as cdock's errors: what a status and its body mean for the caller.

Pure. Whatever the server wrote is cut to one short printable line; nothing of the request but its path is repeated, so
that no message holds a token.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable

PAUSE = timedelta(minutes=1)
"""How long to stay away when a limit names no time. Gitea itself has no limits; a proxy before it may."""
LONGEST_PAUSE = timedelta(hours=1)
SCOPES = "write:repository, write:issue, read:organization and read:user"
"""What a token needs, in Gitea's words."""


class OutcomeUnknown(Unavailable):
    """A write got no usable answer: it may or may not have been applied, so look before sending it again."""


class Absent(NotPermitted):
    """There is nothing at this address, or the token may not see what is there."""


class Conflict(Refused):
    """What was to be made is there already, or something else stands in its way."""


def pause_of(status: int, headers: Mapping[str, str]) -> timedelta | None:
    """How long to stay away, or None when the answer is not about a limit."""
    if status != 429 and not (status == 503 and "retry-after" in headers):
        return None
    wait = headers.get("retry-after", "")
    pause = timedelta(seconds=int(wait)) if wait.isascii() and wait.isdigit() and len(wait) < 9 else PAUSE
    return min(max(pause, timedelta(seconds=1)), LONGEST_PAUSE)


def error_of(status: int, body: str, *, tried: str, host: str, writing: bool) -> CdockError:
    """The error for an answer that is neither a success nor about a limit."""
    said = message_of(body)
    quoted = f": {said}" if said else ""
    if 300 <= status < 400:
        # Never followed: a write would be lost on the way, and another server must not see the token.
        return Refused(
            f"{host} says that what {tried} asks for has moved",
            tried=tried,
            fix="Give the clone's remote the repository's new address: `git remote set-url`.",
        )
    if status >= 500 or status == 408:
        kind = OutcomeUnknown if writing else Unavailable
        return kind(
            f"{host} answered {status} to {tried}{quoted}",
            tried=tried,
            fix="Nothing to do: cdock looks again.",
        )
    if status == 401:
        return NotPermitted(
            f"{host} did not accept the token for {tried}{quoted}",
            tried=tried,
            fix=f"Make a token at {host} (Settings, Applications) with {SCOPES}, and set CDOCK_TOKEN.",
        )
    if status == 403:
        return NotPermitted(
            f"{host} does not allow {tried}{quoted}", tried=tried, fix=_permission_fix(said, tried)
        )
    if status == 404:
        return Absent(
            f"{host} finds nothing for {tried}, or the token may not see it",
            tried=tried,
            fix="Check the name, and that the token's account may see this repository: for what it may not see, Gitea "
            "also answers 404.",
        )
    if status == 423:
        return NotPermitted(
            f"{host} says that the repository is archived{quoted}",
            tried=tried,
            fix="Take it out of the archive in the repository's settings.",
        )
    if status in (409, 412):
        return Conflict(f"{host} refused {tried}{quoted}", tried=tried, fix="Change what the message names.")
    if status in (400, 422):
        return Refused(
            f"{host} refused {tried} as invalid{quoted}", tried=tried, fix="Change what the message names."
        )
    return Refused(
        f"{host} answered {status} to {tried}{quoted}",
        tried=tried,
        fix="Check the host and the repository in the settings.",
    )


def never_sent(error: BaseException) -> bool:
    """Whether a request failed before any of it had left: then it was not applied."""
    # By name, because the libraries are heavy and this module is loaded early.
    causes = [error, *error.args, getattr(next(iter(error.args), None), "reason", None)]
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    return bool(names & {"ConnectTimeout", "NewConnectionError", "ConnectTimeoutError", "InvalidURL"})


def message_of(body: str) -> str:
    """What an error's body says as one line; empty when it is not Gitea's JSON."""
    try:
        content: Any = json.loads(body)
    except ValueError:
        return ""
    message = content.get("message") if isinstance(content, dict) else None
    text = message if isinstance(message, str) else ""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= 300 else clean[:299] + "…"


def _permission_fix(said: str, tried: str) -> str:
    if "scope" in said:
        return f"Give the token the scopes {SCOPES}."
    if tried.endswith("/permission"):
        return (
            "Make the token's account an administrator of the repository: Gitea tells nobody else who may write, and "
            "cdock listens to nobody without knowing that."
        )
    return "Give the token's account write access to the repository."

"""Gitea's refusals as cdock's errors: what a status and its body mean for the caller.

Pure. What all forges mean alike is in `refusals`.
"""

from collections.abc import Mapping
from datetime import timedelta

from cdock.adapters import refusals
from cdock.adapters.payload import text_of
from cdock.adapters.refusals import Remedies, fields_of, line_of, quoted
from cdock.core.errors import CdockError, NotPermitted, Refused

PAUSE = timedelta(minutes=1)
"""How long to stay away when a limit names no time. Gitea itself has no limits; a proxy before it may."""
LONGEST_PAUSE = timedelta(hours=1)
SCOPES = "write:repository, write:issue, read:organization and read:user"
"""What a token needs, in Gitea's words."""


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
    said = line_of(text_of(fields_of(body), "message"))
    if 300 <= status < 400:
        # Never followed: a write would be lost on the way, and another server must not see the token.
        return Refused(
            f"{host} says that what {tried} asks for has moved",
            tried=tried,
            fix="Give the clone's remote the repository's new address: `git remote set-url`.",
        )
    if status == 423:
        return NotPermitted(
            f"{host} says that the repository is archived{quoted(said)}",
            tried=tried,
            fix="Take it out of the archive in the repository's settings.",
        )
    if status in (409, 412):
        return Conflict(
            f"{host} refused {tried}{quoted(said)}", tried=tried, fix="Change what the message names."
        )
    return refusals.error_of(
        # Both say that what was sent is not valid.
        422 if status == 400 else status,
        said=said,
        tried=tried,
        host=host,
        writing=writing,
        remedies=Remedies(
            token=f"Make a token at {host} (Settings, Applications) with {SCOPES}, and set CDOCK_TOKEN.",
            permission=_permission_fix(said, tried),
            sight="Check the name, and that the token's account may see this repository: for what it may not see, "
            "Gitea also answers 404.",
        ),
    )


def _permission_fix(said: str, tried: str) -> str:
    if "scope" in said:
        return f"Give the token the scopes {SCOPES}."
    if tried.endswith("/permission"):
        return (
            "Make the token's account an administrator of the repository: Gitea tells nobody else who may write, and "
            "cdock listens to nobody without knowing that."
        )
    return "Give the token's account write access to the repository."

"""GitHub's refusals as cdock's errors: what a status, its headers and its body mean for the caller.

Pure. Whatever the server wrote is cut to one short printable line; nothing of the request but its path is repeated, so
that no message holds a token.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cdock.adapters.github.headers import seconds, server_time
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable

LEAST_PAUSE = timedelta(minutes=1)
"""GitHub's advice for a secondary limit that names no time (docs: rest/using-the-rest-api/rate-limits)."""
LONGEST_PAUSE = timedelta(hours=1)
"""A window of the primary limit; a server that asks for more is wrong about the time."""


class OutcomeUnknown(Unavailable):
    """A write got no usable answer: it may or may not have been applied, so look before sending it again."""


class Absent(NotPermitted):
    """There is nothing at this address, or the token may not see what is there."""


class Unsupported(Refused):
    """The host does not have this part of the API: another way has to be taken, or the feature left out."""


def pause_of(
    status: int, headers: Mapping[str, str], message: str, *, now: datetime, repeated: int
) -> timedelta | None:
    """How long to stay away, or None when the answer is not about a rate limit.

    `repeated` counts the limits met in a row before this one that named no time: the pause doubles with each. A 403
    with requests remaining and none of the signs below is a missing permission: waiting would not help.
    """
    if status not in (403, 429):
        return None
    remaining = headers.get("x-ratelimit-remaining", "")
    # Older Enterprise servers call a secondary limit an abuse detection mechanism.
    named = any(words in message.lower() for words in ("rate limit", "abuse detection"))
    if status != 429 and "retry-after" not in headers and remaining != "0" and not named:
        return None
    wait = seconds(headers.get("retry-after"))
    if wait is None and remaining == "0":
        reset = seconds(headers.get("x-ratelimit-reset"))
        # Both times are the server's, so a wrong clock on this machine does not matter.
        wait = reset - (server_time(headers) or now).timestamp() if reset is not None else None
    if wait is None:
        wait = LEAST_PAUSE.total_seconds() * 2 ** min(repeated, 6)
    return timedelta(seconds=min(max(wait, 1.0), LONGEST_PAUSE.total_seconds()))


def error_of(
    status: int, headers: Mapping[str, str], body: str, *, tried: str, host: str, writing: bool
) -> CdockError:
    """The error for an answer that is neither a success nor about a rate limit."""
    said = message_of(body)
    quoted = f": {said}" if said else ""
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
            fix=f"Give cdock a valid token: `gh auth login --hostname {host}`, or set CDOCK_TOKEN.",
        )
    if status == 403:
        return NotPermitted(
            f"{host} does not allow {tried}{quoted}", tried=tried, fix=_permission_fix(headers)
        )
    if status == 404:
        return Absent(
            f"{host} finds nothing for {tried}, or the token may not see it",
            tried=tried,
            fix="Check the name, and that the token was given access to this repository: for what a token may not "
            "see, GitHub also answers 404.",
        )
    if status == 410:
        return Absent(
            f"{host} says that what {tried} asks for is gone{quoted}",
            tried=tried,
            fix="Issues may be turned off in the repository's settings, or this one was deleted.",
        )
    if status == 422:
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
    """What an error's body says, with the details of a 422, as one line; empty when it is not GitHub's JSON."""
    try:
        content: Any = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(content, dict):
        return ""
    details = content.get("errors")
    parts = [_detail(entry) for entry in details] if isinstance(details, list) else []
    message = content.get("message")
    text = f"{message if isinstance(message, str) else ''} {'; '.join(parts)}"
    return line_of(text)


def line_of(text: str) -> str:
    """A stranger's text as one short printable line."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= 300 else clean[:299] + "…"


def _detail(entry: object) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    words = [str(entry[name]) for name in ("resource", "field", "code", "message") if entry.get(name)]
    return " ".join(words)


def _permission_fix(headers: Mapping[str, str]) -> str:
    if wanted := headers.get("x-accepted-github-permissions"):
        return f"Give the token this permission: {_line(wanted)}."
    if scopes := headers.get("x-accepted-oauth-scopes"):
        return f"Give the token one of these scopes: {_line(scopes)}."
    return (
        "Give the token's account write access, and check that the repository is not archived and not locked."
    )


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]

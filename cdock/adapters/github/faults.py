"""GitHub's refusals as cdock's errors: what a status, its headers and its body mean for the caller.

Pure. What all forges mean alike is in `refusals`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cdock.adapters import refusals
from cdock.adapters.github.headers import seconds
from cdock.adapters.payload import server_time, text_of
from cdock.adapters.refusals import Absent, Remedies, fields_of, line_of, quoted
from cdock.core.errors import CdockError, Refused

LEAST_PAUSE = timedelta(minutes=1)
"""GitHub's advice for a secondary limit that names no time (docs: rest/using-the-rest-api/rate-limits)."""
LONGEST_PAUSE = timedelta(hours=1)
"""A window of the primary limit; a server that asks for more is wrong about the time."""


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
    if status == 410:
        return Absent(
            f"{host} says that what {tried} asks for is gone{quoted(said)}",
            tried=tried,
            fix="Issues may be turned off in the repository's settings, or this one was deleted.",
        )
    return refusals.error_of(
        status,
        said=said,
        tried=tried,
        host=host,
        writing=writing,
        remedies=Remedies(
            token=f"Give cdock a valid token: `gh auth login --hostname {host}`, or set CDOCK_TOKEN.",
            permission=_permission_fix(headers),
            sight="Check the name, and that the token was given access to this repository: for what a token may not "
            "see, GitHub also answers 404.",
        ),
    )


def message_of(body: str) -> str:
    """What an error's body says, with the details of a 422, as one line; empty when it is not GitHub's JSON."""
    content = fields_of(body)
    details = content.get("errors")
    parts = [_detail(entry) for entry in details] if isinstance(details, list) else []
    return line_of(f"{text_of(content, 'message')} {'; '.join(parts)}")


def _detail(entry: object) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    words = [str(entry[name]) for name in ("resource", "field", "code", "message") if entry.get(name)]
    return " ".join(words)


def _permission_fix(headers: Mapping[str, str]) -> str:
    if wanted := headers.get("x-accepted-github-permissions"):
        return f"Give the token this permission: {line_of(wanted)[:200]}."
    if scopes := headers.get("x-accepted-oauth-scopes"):
        return f"Give the token one of these scopes: {line_of(scopes)[:200]}."
    return (
        "Give the token's account write access, and check that the repository is not archived and not locked."
    )

"""What every forge refuses alike, as cdock's errors: statuses, silence, and answers that are of no use.

Pure. Whatever the server wrote is cut to one short printable line; nothing of the request but its path is repeated, so
that no message holds a token. What one forge means otherwise is told apart by its own `faults`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable

BETWEEN = "A proxy or a login page may be in between; check the host in the settings."
"""What to do about answers that no forge gives."""


class OutcomeUnknown(Unavailable):
    """A write got no usable answer: it may or may not have been applied, so look before sending it again."""


class Absent(NotPermitted):
    """There is nothing at this address, or the token may not see what is there."""


@dataclass(frozen=True)
class Remedies:
    """What a person can do, in the words of the forge: about a token that is not accepted (401), about one that may
    not do this (403), and about one that may not see it (404)."""

    token: str
    permission: str
    sight: str


def error_of(
    status: int, *, said: str, tried: str, host: str, writing: bool, remedies: Remedies
) -> CdockError:
    """The error for an answer that is neither a success nor about a limit; `said` is what its body says."""
    if status >= 500 or status == 408:
        kind = OutcomeUnknown if writing else Unavailable
        return kind(
            f"{host} answered {status} to {tried}{quoted(said)}",
            tried=tried,
            fix="Nothing to do: cdock looks again.",
        )
    if status == 401:
        return NotPermitted(
            f"{host} did not accept the token for {tried}{quoted(said)}", tried=tried, fix=remedies.token
        )
    if status == 403:
        return NotPermitted(
            f"{host} does not allow {tried}{quoted(said)}", tried=tried, fix=remedies.permission
        )
    if status == 404:
        return Absent(
            f"{host} finds nothing for {tried}, or the token may not see it", tried=tried, fix=remedies.sight
        )
    if status == 422:
        return Refused(
            f"{host} refused {tried} as invalid{quoted(said)}",
            tried=tried,
            fix="Change what the message names.",
        )
    return Refused(
        f"{host} answered {status} to {tried}{quoted(said)}",
        tried=tried,
        fix="Check the host and the repository in the settings.",
    )


def silence(error: Exception, *, tried: str, host: str, writing: bool) -> Unavailable:
    """The error for a request that got no answer; `error` says how it failed."""
    # The error's own words may hold the address of a proxy with its password.
    kind = OutcomeUnknown if writing and not _never_sent(error) else Unavailable
    return kind(
        f"{host} did not answer {tried} ({type(error).__name__})",
        tried=tried,
        fix="Check the network; cdock looks again.",
    )


def content_of(body: str, *, tried: str, host: str, writing: bool) -> Any:
    """The JSON of a success.

    Raises:
        OutcomeUnknown: it is none, so something else than the forge may have answered a write.
        Unavailable: the same, for a read.
    """
    try:
        return json.loads(body)
    except ValueError as error:
        kind = OutcomeUnknown if writing else Unavailable
        raise kind(
            f"{host} answered {tried} with something that is not JSON", tried=tried, fix=BETWEEN
        ) from error


def object_in(content: Any, *, tried: str, host: str) -> dict[str, Any]:
    """The object that a read was answered with. Raises `Unavailable` when it is none."""
    if not isinstance(content, dict):
        raise Unavailable(f"{host} sent no object for {tried}", tried=tried, fix=BETWEEN)
    return content


def rows_in(content: Any, *, tried: str, host: str) -> list[dict[str, Any]]:
    """The rows of a list that a read was answered with. Raises `Unavailable` when it is none."""
    if not isinstance(content, list):
        raise Unavailable(f"{host} sent no list for {tried}", tried=tried, fix=BETWEEN)
    return [row for row in content if isinstance(row, dict)]


def made_by(content: Any, *, tried: str, host: str) -> dict[str, Any]:
    """What a write made, as it was answered with. Raises `OutcomeUnknown` when it does not show that."""
    if not isinstance(content, dict):
        raise OutcomeUnknown(f"{host} did not show what {tried} made", tried=tried, fix="cdock looks again.")
    return content


def issue_gone(issue: int, *, repository: str) -> Refused:
    """The error for an issue that is not there."""
    return Refused(
        f"issue #{issue} is not in {repository} any more",
        fix="It was deleted or moved; `cdock` forgets it once its work is removed.",
    )


def taken_over(name: str, *, tried: str, number: int, before: int) -> Refused:
    """The error for a repository's name that means another one than before, told by the ids."""
    return Refused(
        f"{name} is another repository now: its id is {number}, and it was {before} before",
        tried=tried,
        fix="Somebody took over the name after the repository was moved, deleted or made anew. Set the clone's "
        "remote to the right one and start cdock again.",
    )


def fields_of(body: str) -> Mapping[str, Any]:
    """What stands in an error's body; nothing when it is not the JSON object that forges send."""
    try:
        content: Any = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def line_of(text: str) -> str:
    """A stranger's text as one short printable line."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= 300 else clean[:299] + "…"


def quoted(said: str) -> str:
    """What the server said, to stand at the end of a message."""
    return f": {said}" if said else ""


def _never_sent(error: BaseException) -> bool:
    """Whether a request failed before any of it had left: then it was not applied."""
    # By name, because the libraries are heavy and this module is loaded early.
    causes = [error, *error.args, getattr(next(iter(error.args), None), "reason", None)]
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    return bool(names & {"ConnectTimeout", "NewConnectionError", "ConnectTimeoutError", "InvalidURL"})

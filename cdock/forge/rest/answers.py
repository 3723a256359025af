"""What a REST handler gives back, and how refusals look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cdock.forge.auth import BadCredentials
from cdock.forge.domain.errors import (
    Conflict,
    DomainError,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    LoginNeeded,
    NotAllowed,
    NotFound,
)

DOCS: Final = "https://docs.github.com/rest"

Json = Any
"""A value that becomes JSON."""


@dataclass(frozen=True)
class Answer:
    """An answer: JSON, or bytes of another media type, or nothing.

    `links` are the relations of the Link header, `modified` is sent as Last-Modified.
    """

    body: Json | bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    modified: datetime | None = None
    media: str = "application/json; charset=utf-8"


NOTHING: Final = Answer(status=204)


class BadRequest(Exception):
    """The request cannot be understood at all (400)."""


_STATUS: Final[Mapping[type[DomainError], int]] = {
    LoginNeeded: 401,
    NotFound: 404,
    Forbidden: 403,
    NotAllowed: 405,
    Conflict: 409,
    Gone: 410,
    Invalid: 422,
}


def refusal(error: DomainError | BadRequest | BadCredentials) -> Answer:
    """The answer that tells why not. Errors that are nobody's mistake but ours are raised again."""
    if isinstance(error, BadCredentials):
        return refused(401, str(error))
    if isinstance(error, BadRequest):
        return refused(400, str(error))
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        raise error
    if isinstance(error, Invalid):
        errors = [one.message if error.plain else _field(one) for one in error.errors]
        return refused(status, error.message, errors=errors)
    return refused(status, str(error))


def refused(status: int, message: str, *, errors: list[Json] | None = None) -> Answer:
    """An error as GitHub writes it; `status` in the body is a string."""
    body: dict[str, Json] = {"message": message}
    if errors:
        body["errors"] = errors
    return Answer(body | {"documentation_url": DOCS, "status": str(status)}, status=status)


def _field(error: FieldError) -> Json:
    known = {"resource": error.resource, "code": error.code}
    if error.field is not None:
        known["field"] = error.field
    if error.message is not None:
        known["message"] = error.message
    if error.value is not None:
        known["value"] = error.value  # type: ignore[assignment]  # any JSON
    return known

"""What went wrong, as GitHub's GraphQL interface tells it: beside the data, with a type and a path."""

from __future__ import annotations

import logging
from typing import Any, Final

from graphql import GraphQLError

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

log = logging.getLogger(__name__)

OURS: Final = "Something went wrong while executing your query. The forge's log says what."
UNANSWERED: Final = "The forge does not answer"

_TYPES: Final[dict[type, str]] = {
    Conflict: "UNPROCESSABLE",
    Forbidden: "FORBIDDEN",
    Gone: "UNPROCESSABLE",
    Invalid: "UNPROCESSABLE",
    LoginNeeded: "FORBIDDEN",
    NotAllowed: "UNPROCESSABLE",
    NotFound: "NOT_FOUND",
}


class Typed(GraphQLError):
    """A refusal with a type of its own, such as `MISSING_PAGINATION_BOUNDARIES`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Unanswered(Exception):
    """A field of the schema has no resolver: ours to fix, never to be taken for null."""


def shown(error: GraphQLError) -> dict[str, Any]:
    """One entry of the `errors` of an answer."""
    cause = error.original_error
    body: dict[str, Any] = {}
    message = error.message
    kind = error.kind if isinstance(error, Typed) else cause.kind if isinstance(cause, Typed) else None
    if isinstance(cause, DomainError) and (known := _type_of(cause)) is not None:
        kind = known
        message = _told(cause)
    elif cause is not None and kind is None and not isinstance(cause, GraphQLError):
        log.error("a GraphQL field failed", exc_info=cause)
        message = f"{UNANSWERED} {cause}" if isinstance(cause, Unanswered) else OURS
    if kind is not None:
        body["type"] = kind
    if error.path is not None:
        body["path"] = list(error.path)
    if error.extensions:
        path = error.extensions.pop("path", None)
        body |= {"path": path} if path else {}
        body["extensions"] = error.extensions
    if error.locations:
        body["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return body | {"message": message}


def _type_of(error: DomainError) -> str | None:
    return next((_TYPES[each] for each in type(error).__mro__ if each in _TYPES), None)


def _told(error: DomainError) -> str:
    if isinstance(error, Invalid) and error.errors:
        return ", ".join(_field(one) for one in error.errors)
    return str(error)


def _field(error: FieldError) -> str:
    if error.message is not None:
        return error.message
    what = {"missing_field": "can't be blank", "already_exists": "has already been taken"}
    name = (error.field or error.resource).replace("_", " ").capitalize()
    return f"{name} {what.get(error.code, 'is invalid')}"

"""Why something cannot be done, named by what the one who asked can do about it.

DomainError
├── LoginNeeded   nobody is logged in
├── NotFound      it is not there, or the acting user may not know that it is
├── Moved         it is there under another name (`repo_id`)
├── Forbidden     the acting user sees it and may not do this
├── NotAllowed    the thing is in a state in which nobody can do this
├── Conflict      it changed since the caller looked
├── Gone          it was switched off or deleted
└── Invalid       the request makes no sense; `errors` says which fields
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field; `code` is GitHub's (`missing_field`, `invalid`, `already_exists`, `custom`)."""

    resource: str
    field: str | None
    code: str
    message: str | None = None
    value: object = None


class DomainError(Exception):
    """Something was asked that cannot be done; the text is meant for the person who asked."""


class LoginNeeded(DomainError):
    """Nobody is logged in, and this needs somebody."""

    def __init__(self, message: str = "Requires authentication") -> None:
        super().__init__(message)


class NotFound(DomainError):
    """It does not exist for this user."""

    def __init__(self, message: str = "Not Found") -> None:
        super().__init__(message)


class Moved(DomainError):
    """The repository has another name now."""

    def __init__(self, repo_id: int) -> None:
        super().__init__("Moved Permanently")
        self.repo_id = repo_id


class Forbidden(DomainError):
    """The user may read it but not do this."""

    def __init__(self, message: str = "Must have admin rights to Repository.") -> None:
        super().__init__(message)


class NotAllowed(DomainError):
    """The thing's state does not permit it, whoever asks."""


class Conflict(DomainError):
    """It is not what the caller expected any more."""


class Gone(DomainError):
    """It was there and is not meant to be used any more."""


class Invalid(DomainError):
    """The request is understood and cannot be carried out as it is.

    `plain` errors are shown to programs as sentences alone, as GitHub does where reviews are concerned.
    """

    def __init__(
        self, message: str = "Validation Failed", errors: Sequence[FieldError] = (), *, plain: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.plain = plain

    def __str__(self) -> str:
        details = "; ".join(e.message or f"{e.resource} {e.field or ''} {e.code}" for e in self.errors)
        return f"{self.message}: {details}" if details else self.message


def missing(resource: str, field: str) -> Invalid:
    """A required field is not there or empty."""
    return Invalid(errors=[FieldError(resource, field, "missing_field")])


def invalid(resource: str, field: str, message: str | None = None, *, value: object = None) -> Invalid:
    """A field has a value that cannot be."""
    return Invalid(errors=[FieldError(resource, field, "custom" if message else "invalid", message, value)])


def already_exists(resource: str, field: str) -> Invalid:
    """Another one has this value already."""
    return Invalid(errors=[FieldError(resource, field, "already_exists")])


def unprocessable(resource: str, message: str) -> Invalid:
    """What is asked for as a whole cannot be, whatever the fields say."""
    return Invalid("Unprocessable Entity", [FieldError(resource, None, "custom", message)], plain=True)

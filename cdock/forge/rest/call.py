"""One request on its way through a handler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cdock.forge.domain import apps
from cdock.forge.domain.apps import App
from cdock.forge.domain.errors import Invalid, missing
from cdock.forge.domain.logins import Login
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.rest.answers import BadRequest
from cdock.forge.rest.rates import Rate, Resource
from cdock.forge.rest.urls import Urls
from cdock.forge.store import Tx, moment_of


class Body:
    """The JSON of a request, read field by field; what has the wrong type raises Invalid."""

    def __init__(self, value: object) -> None:
        self.value = value
        self._fields: Mapping[str, Any] = value if isinstance(value, dict) else {}

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str | None:
        """A text, or None when it is absent or null."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(name, value, "a string")
        return value

    def needed(self, name: str, *, resource: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(resource, name)
        return value

    def flag(self, name: str) -> bool | None:
        """True, false, or None when it is absent or null."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise _wrong(name, value, "a boolean")
        return value

    def number(self, name: str) -> int | None:
        """A whole number, also as text, or None when it is absent or null."""
        value = self._fields.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63):
            return value
        if isinstance(value, str) and (number := parse_number(value)) is not None:
            return number
        raise _wrong(name, value, "an integer")

    def texts(self, name: str) -> list[str] | None:
        """A list of texts (one text counts as such a list), or None when it is absent or null."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return [value]
        if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise _wrong(name, value, "an array of strings")
        return value

    def raw(self, name: str) -> Any:
        """Whatever is there, unchecked."""
        return self._fields.get(name)

    def moment(self, name: str) -> datetime | None:
        """A time, or None when it is absent or null."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return moment_of(value)
        except ValueError as error:
            raise _wrong(name, value, "a valid date-time") from error


@dataclass(frozen=True)
class Call:
    """Everything a handler needs. `params` are the variable parts of the path, `query` the last value per key."""

    tx: Tx
    actor: User | None
    urls: Urls
    version: str
    accept: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Body
    target: Repo | None
    path: str
    rates: Mapping[Resource, Rate]
    login: Login | None = None
    """How the acting user proved who they are."""
    app: App | None = None
    """The App that asks in its own name, with its key; nobody acts then."""
    _associations: dict[tuple[int, int], str] = field(default_factory=dict)
    _apps: dict[int, App | None] = field(default_factory=dict)

    @property
    def repo(self) -> Repo:
        """The repository in the path."""
        if self.target is None:
            raise LookupError(f"the route of {self.path} is not below a repository")
        return self.target

    @property
    def lean(self) -> bool:
        """Whether the client asked for the version that dropped GitHub's long-deprecated fields."""
        return self.version >= "2026-03-10"

    def number(self, name: str) -> int:
        """A number in the path."""
        return int(self.params[name])

    def choice(self, name: str, default: str, *allowed: str) -> str:
        """A query value out of a closed set. Raises Invalid for any other."""
        value = self.query.get(name) or default
        if value not in allowed:
            raise Invalid(f"Validation Failed: {name} must be one of {', '.join(allowed)}, not '{value}'")
        return value

    def moment(self, name: str) -> datetime | None:
        """A time in the query. Raises Invalid for anything else."""
        value = self.query.get(name)
        if not value:
            return None
        try:
            # A zone's plus sign that was not quoted arrives as a blank.
            return moment_of(value.replace(" ", "+"))
        except ValueError as error:
            raise Invalid(f"The {name} parameter '{value}' is not an ISO 8601 time") from error

    def objects(self) -> None:
        """Raises BadRequest unless the body is a JSON object (or absent)."""
        if self.body.value is not None and not isinstance(self.body.value, dict):
            raise BadRequest("Body should be a JSON object")

    def association(self, repo: Repo, user: User) -> str:
        """What a person is to a repository, in GitHub's words."""
        key = (repo.id, user.id)
        if key not in self._associations:
            self._associations[key] = _association(self.tx, repo, user)
        return self._associations[key]

    def app_of(self, user: User | None) -> App | None:
        """The App that did what this user did, if the user is an App's bot."""
        if user is None or user.kind != "Bot":
            return None
        if user.id not in self._apps:
            self._apps[user.id] = apps.of_bot(self.tx, user)
        return self._apps[user.id]


def parse_number(text: str) -> int | None:
    """A number that is not negative and that the store can hold, or None."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _association(tx: Tx, repo: Repo, user: User) -> str:
    if user.id == repo.owner.id:
        return "OWNER"
    row = tx.row("SELECT 1 FROM perm WHERE repo_id = ? AND user_id = ?", repo.id, user.id)
    return "COLLABORATOR" if row is not None else "NONE"


def _wrong(name: str, value: object, wanted: str) -> Invalid:
    return Invalid(f"Invalid request.\n\nFor 'properties/{name}', {str(value)[:200]!r} is not {wanted}.")

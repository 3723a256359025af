"""People and bots."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cdock.forge.domain.errors import NotFound, invalid
from cdock.forge.store import Tx, moment_of

Kind = Literal["User", "Bot", "Organization"]

# First path segments of the REST interface and of the forge's own pages: a user of that name would have no pages.
RESERVED: Final = frozenset(
    {
        "api",
        "app",
        "apps",
        "graphql",
        "installation",
        "meta",
        "orgs",
        "rate_limit",
        "repos",
        "repositories",
        "search",
        "settings",
        "user",
        "users",
        "versions",
    }
)
_LOGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?")


@dataclass(frozen=True)
class User:
    """Somebody with a login. Compare by `id`; logins are compared without regard to case."""

    id: int
    login: str
    kind: Kind
    name: str | None
    created: datetime

    @property
    def email(self) -> str:
        """The address that commits made by the forge carry; it leads back to the user and nowhere else."""
        return f"{self.id}+{self.login}@users.noreply.github.localhost"


def ensure(tx: Tx, login: str, *, kind: Kind = "User") -> User:
    """The user with this login, made when missing. Raises Invalid for a login that cannot be one."""
    row = tx.row("SELECT * FROM user WHERE login = ?", login)
    if row is not None:
        return _user(row)
    if not _LOGIN.fullmatch(login) or login.lower() in RESERVED:
        raise invalid("User", "login", f"login '{login}' is not available: use letters, digits and hyphens")
    user_id = tx.insert("user", login=login, type=kind, created=tx.stamp)
    return by_id(tx, user_id)


def find(tx: Tx, login: str) -> User:
    """The user with this login. Raises NotFound."""
    row = tx.row("SELECT * FROM user WHERE login = ?", login)
    if row is None:
        raise NotFound
    return _user(row)


def by_id(tx: Tx, user_id: int) -> User:
    """The user with this id. Raises NotFound."""
    row = tx.row("SELECT * FROM user WHERE id = ?", user_id)
    if row is None:
        raise NotFound
    return _user(row)


def by_ids(tx: Tx, ids: Iterable[int | None]) -> dict[int, User]:
    """The users with these ids, by id; None is passed over."""
    wanted = sorted({user_id for user_id in ids if user_id is not None})
    marks = ",".join("?" * len(wanted))
    rows = tx.rows(f"SELECT * FROM user WHERE id IN ({marks})", *wanted)  # noqa: S608
    return {row["id"]: _user(row) for row in rows}


def of_email(tx: Tx, email: str) -> User | None:
    """The user to whom a commit with this address belongs."""
    number, _, rest = email.partition("+")
    if not (number.isdigit() and rest.endswith("@users.noreply.github.localhost")):
        return None
    row = tx.row("SELECT * FROM user WHERE id = ?", int(number))
    return _user(row) if row is not None else None


def _user(row: sqlite3.Row) -> User:
    return User(
        id=row["id"],
        login=row["login"],
        kind=row["type"],
        name=row["name"],
        created=moment_of(row["created"]),
    )

"""GitHub Apps: programs with an identity of their own, a key to prove it, and repositories where they are installed.

An App acts as its bot, a user called `name[bot]` that has no other way to log in; so who acts says whether an App does.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdock.forge.domain import repos, users
from cdock.forge.domain.errors import NotFound, invalid
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Tx, moment_of

PERMISSIONS: Final = {
    "metadata": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "checks": "write",
    "statuses": "write",
}
"""What a new App may do where it is installed, unless it is made with other permissions."""

_CLIENT: Final = "Iv23li"
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,33})")


@dataclass(frozen=True)
class App:
    """An App; `permissions` maps areas such as `issues` to `read`, `write` or `admin`, `public_key` is PEM."""

    id: int
    slug: str
    name: str
    bot: User
    owner: User
    public_key: str
    permissions: Mapping[str, str]
    created: datetime

    @property
    def client_id(self) -> str:
        """The other name by which an App may call itself when it proves who it is."""
        return f"{_CLIENT}{self.id:014d}"


@dataclass(frozen=True)
class Installation:
    """An App at an account, with the repositories of that account that it may work in."""

    id: int
    app: App
    account: User
    repo_ids: tuple[int, ...]
    created: datetime


def ensure(
    tx: Tx,
    name: str,
    *,
    owner: User,
    public_key: str,
    permissions: Mapping[str, str] | None = None,
) -> App:
    """The App of this name, made with its bot when missing; an existing one gets the key and the permissions if given.

    Raises Invalid for a name that cannot be one.
    """
    slug = re.sub(r"[ _]+", "-", name.strip().lower())
    if not _SLUG.fullmatch(slug):
        raise invalid("App", "name", f"'{name}' is not a name for an App: use letters, digits and hyphens")
    known = tx.row("SELECT * FROM app WHERE slug = ?", slug)
    if known is not None:
        tx.update("app", known["id"], public_key=public_key)
        if permissions is not None:
            tx.update("app", known["id"], permissions=json.dumps({"metadata": "read", **permissions}))
        return by_id(tx, known["id"])
    bot = users.ensure(tx, f"{slug}[bot]", kind="Bot")
    app_id = tx.insert(
        "app",
        slug=slug,
        name=name.strip(),
        bot_id=bot.id,
        owner_id=owner.id,
        public_key=public_key,
        permissions=json.dumps(PERMISSIONS if permissions is None else {"metadata": "read", **permissions}),
        created=tx.stamp,
    )
    return by_id(tx, app_id)


def find(tx: Tx, slug: str) -> App:
    """The App of this name, as written in addresses. Raises NotFound."""
    return _one(_load(tx, tx.rows("SELECT * FROM app WHERE slug = ?", slug)))


def by_id(tx: Tx, app_id: int) -> App:
    """The App with this id. Raises NotFound."""
    return _one(_load(tx, tx.rows("SELECT * FROM app WHERE id = ?", app_id)))


def by_issuer(tx: Tx, name: str) -> App:
    """The App that calls itself by its id or its client id. Raises NotFound."""
    digits = name.removeprefix(_CLIENT)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 18):
        raise NotFound
    return by_id(tx, int(digits))


def by_ids(tx: Tx, ids: Iterable[int]) -> dict[int, App]:
    """Apps by id."""
    wanted = sorted(set(ids))
    marks = ",".join("?" * len(wanted))
    return {app.id: app for app in _load(tx, tx.rows(f"SELECT * FROM app WHERE id IN ({marks})", *wanted))}  # noqa: S608


def of_bot(tx: Tx, user: User | None) -> App | None:
    """The App that acts as this user, if one does."""
    if user is None or user.kind != "Bot":
        return None
    found = _load(tx, tx.rows("SELECT * FROM app WHERE bot_id = ?", user.id))
    return found[0] if found else None


def install(tx: Tx, app: App, account: User, chosen: Sequence[Repo]) -> Installation:
    """Install an App at an account for these of its repositories, in addition to those chosen before."""
    tx.run(
        "INSERT OR IGNORE INTO installation (app_id, account_id, created) VALUES (?, ?, ?)",
        app.id,
        account.id,
        tx.stamp,
    )
    found = _installation(tx, "app_id = ? AND account_id = ?", app.id, account.id)
    for repo in chosen:
        if repo.owner.id != account.id:
            raise invalid("Installation", "repository", f"{repo.full_name} is not {account.login}'s")
        tx.run(
            "INSERT OR IGNORE INTO installation_repo (installation_id, repo_id) VALUES (?, ?)",
            found.id,
            repo.id,
        )
    return installation(tx, found.id)


def installation(tx: Tx, installation_id: int) -> Installation:
    """The installation with this id. Raises NotFound."""
    return _installation(tx, "id = ?", installation_id)


def installation_in(tx: Tx, app: App, repo: Repo) -> Installation:
    """Where an App is installed for a repository. Raises NotFound when it is not."""
    return _installation(
        tx,
        "app_id = ? AND id IN (SELECT installation_id FROM installation_repo WHERE repo_id = ?)",
        app.id,
        repo.id,
    )


def installations(tx: Tx, app: App) -> list[Installation]:
    """Everywhere an App is installed, oldest first."""
    return _installations(tx, "app_id = ? ORDER BY id", app.id)


def repositories(tx: Tx, shown: Installation) -> list[Repo]:
    """The repositories of an installation, by id."""
    return [repos.by_id(tx, repo_id) for repo_id in shown.repo_ids]


def _installation(tx: Tx, condition: str, *values: object) -> Installation:
    found = _installations(tx, condition, *values)
    if not found:
        raise NotFound
    return found[0]


def _installations(tx: Tx, condition: str, *values: object) -> list[Installation]:
    rows = tx.rows(f"SELECT * FROM installation WHERE {condition}", *values)  # noqa: S608
    known = by_ids(tx, (row["app_id"] for row in rows))
    people = users.by_ids(tx, (row["account_id"] for row in rows))
    return [
        Installation(
            id=row["id"],
            app=known[row["app_id"]],
            account=people[row["account_id"]],
            repo_ids=tuple(
                one["repo_id"]
                for one in tx.rows(
                    "SELECT repo_id FROM installation_repo WHERE installation_id = ? ORDER BY repo_id",
                    row["id"],
                )
            ),
            created=moment_of(row["created"]),
        )
        for row in rows
    ]


def _one(found: Sequence[App]) -> App:
    if not found:
        raise NotFound
    return found[0]


def _load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[App]:
    rows = list(rows)
    people = users.by_ids(tx, [row[key] for row in rows for key in ("bot_id", "owner_id")])
    return [
        App(
            id=row["id"],
            slug=row["slug"],
            name=row["name"],
            bot=people[row["bot_id"]],
            owner=people[row["owner_id"]],
            public_key=row["public_key"],
            permissions=json.loads(row["permissions"]),
            created=moment_of(row["created"]),
        )
        for row in rows
    ]

"""How somebody proves who they are: tokens for programs, one-time codes and sessions for browsers.

Secrets are stored hashed and shown once. They are random with more than 128 bits, so a plain hash is enough.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from cdock.forge.domain.apps import Installation
from cdock.forge.domain.errors import Invalid
from cdock.forge.domain.users import User, by_id
from cdock.forge.store import Tx, moment_of, text_of

CODE_LIFE: Final = timedelta(minutes=10)
SESSION_LIFE: Final = timedelta(days=30)
APP_TOKEN_LIFE: Final = timedelta(hours=1)
SCOPES: Final = ("project", "repo", "user")
"""What a classic token may do unless it is made for less: everything there is here."""
_ALPHABET: Final = string.ascii_letters + string.digits


Kind = Literal["classic", "fine", "app"]


@dataclass(frozen=True)
class Login:
    """A token's owner and what the token may do.

    `kind`: classic (by `scopes`), fine (a fine-grained token, by `permissions`) or app (of an installation of an App,
    by `permissions`, in the repositories `repo_ids` only). Permissions map areas such as `issues` to `read`, `write`
    or `admin`.
    """

    user: User
    token_id: int
    scopes: tuple[str, ...]
    kind: Kind = "classic"
    permissions: Mapping[str, str] = field(default_factory=dict)
    expires: datetime | None = None
    installation_id: int | None = None
    repo_ids: frozenset[int] | None = None


def create_token(tx: Tx, user: User, *, note: str | None = None, scopes: tuple[str, ...] = SCOPES) -> str:
    """A new classic token of this user; it cannot be seen again."""
    _refuse_bot_of_app(tx, user)
    return _new_token(tx, "ghp_", user, scopes=",".join(sorted(scopes)), note=note)


def create_fine_token(
    tx: Tx,
    user: User,
    permissions: Mapping[str, str],
    *,
    expires: datetime | None = None,
    note: str | None = None,
) -> str:
    """A new fine-grained token of this user; it cannot be seen again."""
    _refuse_bot_of_app(tx, user)
    return _new_token(
        tx,
        "github_pat_",
        user,
        kind="fine",
        permissions=json.dumps({"metadata": "read", **permissions}),
        expires=text_of(expires) if expires else None,
        note=note,
    )


def create_app_token(
    tx: Tx, installation: Installation, *, permissions: Mapping[str, str], repo_ids: Collection[int]
) -> tuple[str, datetime]:
    """A new token with which an App acts in these repositories, and when it ends; it cannot be seen again."""
    expires = tx.now + APP_TOKEN_LIFE
    tx.run("DELETE FROM token WHERE kind = 'app' AND expires < ?", tx.stamp)
    token = _new_token(
        tx,
        "ghs_",
        installation.app.bot,
        kind="app",
        permissions=json.dumps({"metadata": "read", **permissions}),
        expires=text_of(expires),
        installation_id=installation.id,
        repo_ids=json.dumps(sorted(repo_ids)),
    )
    return token, expires


def login_of(tx: Tx, token: str) -> Login | None:
    """Whose token this is, or None when it is nobody's or nobody's any more."""
    row = tx.row(
        "SELECT * FROM token WHERE sha256 = ? AND (expires IS NULL OR expires > ?)", _hash(token), tx.stamp
    )
    if row is None:
        return None
    scopes = tuple(scope for scope in str(row["scopes"]).split(",") if scope)
    return Login(
        user=by_id(tx, row["user_id"]),
        token_id=row["id"],
        scopes=scopes,
        kind=row["kind"],
        permissions=json.loads(row["permissions"] or "{}"),
        expires=moment_of(row["expires"]) if row["expires"] else None,
        installation_id=row["installation_id"],
        repo_ids=frozenset(json.loads(row["repo_ids"])) if row["repo_ids"] is not None else None,
    )


def create_code(tx: Tx, user: User) -> str:
    """A code with which a browser may log in as this user, once and soon."""
    tx.run("DELETE FROM login_code WHERE expires < ?", tx.stamp)
    code = secrets.token_urlsafe(24)
    tx.insert("login_code", sha256=_hash(code), user_id=user.id, expires=text_of(tx.now + CODE_LIFE))
    return code


def redeem_code(tx: Tx, code: str) -> str | None:
    """Turn a code into a new session's secret, or None when it is unknown, used or too old."""
    row = tx.row("SELECT user_id FROM login_code WHERE sha256 = ? AND expires >= ?", _hash(code), tx.stamp)
    if row is None:
        return None
    tx.run("DELETE FROM login_code WHERE sha256 = ?", _hash(code))
    tx.run("DELETE FROM session WHERE expires < ?", tx.stamp)
    secret = secrets.token_urlsafe(32)
    expires = text_of(tx.now + SESSION_LIFE)
    tx.insert("session", sha256=_hash(secret), user_id=row["user_id"], expires=expires)
    return secret


def session_user(tx: Tx, secret: str) -> User | None:
    """Whose session this is, or None when there is no such session any more."""
    row = tx.row("SELECT user_id FROM session WHERE sha256 = ? AND expires >= ?", _hash(secret), tx.stamp)
    return by_id(tx, row["user_id"]) if row is not None else None


def end_session(tx: Tx, secret: str) -> None:
    """Log out."""
    tx.run("DELETE FROM session WHERE sha256 = ?", _hash(secret))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_token(tx: Tx, prefix: str, user: User, *, scopes: str = "", **columns: object) -> str:
    token = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(36))
    tx.insert("token", sha256=_hash(token), user_id=user.id, scopes=scopes, created=tx.stamp, **columns)
    return token


def _refuse_bot_of_app(tx: Tx, user: User) -> None:
    # Who acts as an App's bot is the App: nobody else may.
    if tx.row("SELECT 1 FROM app WHERE bot_id = ?", user.id):
        raise Invalid(
            f"{user.login} is the bot of an App and has no tokens of its own: ask for one with the App's key"
        )

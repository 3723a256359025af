"""How somebody proves who they are: tokens for programs, one-time codes and sessions for browsers.

Secrets are stored hashed and shown once. They are random with more than 128 bits, so a plain hash is enough.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cdock.forge.domain.users import User, by_id
from cdock.forge.store import Tx, text_of

CODE_LIFE: Final = timedelta(minutes=10)
SESSION_LIFE: Final = timedelta(days=30)
_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Login:
    """A token's owner and what the token may do (classic scopes)."""

    user: User
    token_id: int
    scopes: tuple[str, ...]


def create_token(
    tx: Tx, user: User, *, note: str | None = None, scopes: tuple[str, ...] = ("repo", "user")
) -> str:
    """A new token of this user; it cannot be seen again."""
    token = "ghp_" + "".join(secrets.choice(_ALPHABET) for _ in range(36))
    tx.insert(
        "token", sha256=_hash(token), user_id=user.id, scopes=",".join(scopes), note=note, created=tx.stamp
    )
    return token


def login_of(tx: Tx, token: str) -> Login | None:
    """Whose token this is, or None when it is nobody's."""
    row = tx.row("SELECT id, user_id, scopes FROM token WHERE sha256 = ?", _hash(token))
    if row is None:
        return None
    scopes = tuple(scope for scope in str(row["scopes"]).split(",") if scope)
    return Login(user=by_id(tx, row["user_id"]), token_id=row["id"], scopes=scopes)


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

"""Who is asking: reading the Authorization header of programs and of git."""

from __future__ import annotations

import base64
from typing import Final

from cdock.forge.domain import logins
from cdock.forge.domain.logins import Login
from cdock.forge.store import Tx

_NO_PASSWORD: Final = {"", "x-oauth-basic"}


class BadCredentials(Exception):
    """Somebody says who they are and cannot prove it. Never treated as nobody: they would see less and not know why."""

    def __init__(self, message: str = "Bad credentials") -> None:
        super().__init__(message)


def token_of(header: str) -> str | None:
    """The token in an Authorization header: `Bearer T`, `token T`, Basic `anything:T` or `T:x-oauth-basic`.

    Raises BadCredentials for a header of another form; None when there is no header.
    """
    scheme, _, value = header.strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() in {"bearer", "token"} and value.strip():
        return value.strip()
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError as error:
            raise BadCredentials from error
        token = name if password in _NO_PASSWORD else password
        if token:
            return token
    raise BadCredentials


def login_of(tx: Tx, header: str) -> Login | None:
    """Who sends this Authorization header; None when there is none. Raises BadCredentials."""
    token = token_of(header)
    if token is None:
        return None
    login = logins.login_of(tx, token)
    if login is None:
        raise BadCredentials
    return login

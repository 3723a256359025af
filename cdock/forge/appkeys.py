"""The keys with which Apps prove who they are: made, read, and used to check what was signed with them.

Needs the package `cryptography`; nothing else of the forge does, so it is loaded only when an App is concerned.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cdock.forge.auth import BadCredentials, token_of
from cdock.forge.domain import apps
from cdock.forge.domain.apps import App
from cdock.forge.domain.errors import NotFound
from cdock.forge.store import Tx

LIFE: Final = timedelta(minutes=10)
DRIFT: Final = timedelta(minutes=1)
"""How far the clock of an App may be ahead."""
_SIZE: Final = 2048
_UNREADABLE: Final = "A JSON web token could not be decoded"


def ensure_key(path: Path) -> str:
    """The public half, as PEM, of the RSA key in a file; a file that is not there is made, readable by its owner alone.

    Raises ValueError when the file holds no RSA key, and where there is no `cryptography`.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError as error:
        raise ValueError(
            f"the key in {path} needs the package cryptography, which is not installed: install it beside cdock"
        ) from error

    if path.exists():
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} holds no private key in PEM without a password: {error}") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"{path} holds no RSA key, which is what Apps have")
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_SIZE)
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


def app_of(tx: Tx, header: str) -> App | None:
    """The App that signed what this Authorization header carries; None when it carries nothing signed.

    Raises BadCredentials.
    """
    token = token_of(header)
    if token is None or not is_web_token(token):
        return None

    def public_key_of(issuer: str) -> str:
        return _app(tx, issuer).public_key

    return _app(tx, check_web_token(token, public_key_of))


def is_web_token(token: str) -> bool:
    """Whether a token has the form of a JSON web token."""
    return token.count(".") == 2 and token.startswith("eyJ")


def check_web_token(token: str, public_key_of: Callable[[str], str]) -> str:
    """Who signed a JSON web token (its `iss`); `public_key_of` gives their key, and raises for a stranger.

    Its times are compared with the machine's clock, which is what the App reads when it signs, also when the forge's
    own clock was moved. Raises BadCredentials in GitHub's words.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    head, claims, signature = _parts(token)
    if head.get("alg") != "RS256":
        raise BadCredentials(_UNREADABLE)
    issuer = claims.get("iss")
    if not isinstance(issuer, int | str):
        raise BadCredentials("'Issuer' claim ('iss') must be an Integer or a String")
    key = serialization.load_pem_public_key(public_key_of(str(issuer)).encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadCredentials(_UNREADABLE)
    try:
        signed = token.rpartition(".")[0].encode()
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise BadCredentials(_UNREADABLE) from error
    _check_times(claims, now=datetime.now(UTC))
    return str(issuer)


def _check_times(claims: dict[str, Any], *, now: datetime) -> None:
    issued, ends = (claims[name] if _is_time(claims.get(name)) else None for name in ("iat", "exp"))
    if issued is None or issued > (now + DRIFT).timestamp():
        raise BadCredentials(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if ends is None or ends <= now.timestamp():
        raise BadCredentials(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires"
        )
    if ends > (now + LIFE + DRIFT).timestamp():
        raise BadCredentials("'Expiration time' claim ('exp') is too far in the future")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    try:
        head, claims, signature = (
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")
        )
        read = json.loads(head), json.loads(claims)
    except (ValueError, RecursionError) as error:
        raise BadCredentials(_UNREADABLE) from error
    if not all(isinstance(part, dict) for part in read):
        raise BadCredentials(_UNREADABLE)
    return *read, signature


def _app(tx: Tx, issuer: str) -> App:
    try:
        return apps.by_issuer(tx, issuer)
    except NotFound as error:
        raise BadCredentials("Integration not found") from error

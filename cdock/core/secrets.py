"""Keep what looks like a credential out of what is written for others to read.

What an agent prints may hold whatever its environment holds, and a help issue or a claim is as public as its
repository. Covered are the secrets this process holds, by value, and shapes that are made to be recognised: no rule can
tell a password from a word. This is for accidents: an agent that means to leak can spell a secret in its own way.
"""

import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote

MASK = "[secret removed]"
SHORTEST = 8
"""Characters of the shortest secret that is looked for: a shorter one would be found in words that are none."""
EDGE = 12
"""Characters of a secret that are recognised where a text was cut in the middle of it."""

_NAMES = re.compile(
    r"token|secret|passw|passphrase|credential|(?:api|private|access|auth)_?key|(?:^|_)pat$", re.IGNORECASE
)

_SHAPES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
            MASK,
        ),
        (
            r"\b(?:gh[pousr]_\w{20,255}(?:\.[\w-]{10,2000}){0,2}|github_pat_\w{20,255}|glpat-[\w-]{20,64})",
            MASK,
        ),
        (r"\bsk-[A-Za-z0-9_-]{20,255}", MASK),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", MASK),
        (r"\bxox[abeprs]-[\w-]{10,255}", MASK),
        (r"\bAIza[\w-]{35}", MASK),
        (r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-[\w-]{50,255}", MASK),
        (r"\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000}", MASK),
        (
            r"(?i)\b(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer|basic|token)\s+)[\w.~+/=-]{8,2000}",
            rf"\1{MASK}",
        ),
        (r"(\b[a-z][a-z+.-]{1,20}://[^\s/:@]{0,99}:)[^\s/@]{1,200}(?=@)", rf"\1{MASK}"),
        (
            r"(?i)\b([\w-]{0,40}(?:api[_-]?key|secret|password|passwd|access[_-]?token|auth[_-]?token)[\"']?\s{0,3}[=:]\s{0,3}"
            r"[\"']?)(?=[^\s\"']{0,99}\d)[^\s\"']{12,2000}",
            rf"\1{MASK}",
        ),
    )
)


def redacted(text: str, *, secrets: Collection[str] = ()) -> str:
    """`text` without what looks like a credential, and without the `secrets` we hold, however they are spelled.

    Call it before cutting: of a secret cut in two, only a part at the very start or end of the text is found.
    """
    for form in _longest_first(frozenset(secrets)):
        text = _without_edges(text.replace(form, MASK), form)
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    return text


def secrets_in(environment: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secret."""
    return frozenset(
        value
        for name, value in environment.items()
        # A path is where a secret is, not the secret itself.
        if _NAMES.search(name) and not value.startswith("/")
    )


@lru_cache(maxsize=4)
def _longest_first(secrets: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))


def _forms(secret: str) -> Iterator[str]:
    if len(secret) < SHORTEST:
        return
    yield secret
    yield quote(secret, safe="")
    # As git and curl send it: the name before the colon decides how the rest is encoded.
    for user in ("", ":", "x-access-token:"):
        yield b64encode(f"{user}{secret}".encode(errors="replace")).decode().rstrip("=")


def _without_edges(text: str, secret: str) -> str:
    """`text` without the first part of `secret` at its end, and without the last part at its start."""
    if len(text) < EDGE:
        return text
    found = secret.find(text[-EDGE:])
    if found >= 0 and text.endswith(secret[: found + EDGE]):
        text = text[: -(found + EDGE)] + MASK
    found = secret.rfind(text[:EDGE])
    if found >= 0 and text.startswith(secret[found:]):
        text = MASK + text[len(secret) - found :]
    return text

"""Keep what looks like a credential out of what is written for others to read.

What an agent prints may hold whatever its environment holds, and a help issue or a claim is as public as its
repository. Only shapes that are made to be recognised are covered: no rule can tell a password from a word.
"""

import re

MASK = "[secret removed]"

_SHAPES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
            MASK,
        ),
        (r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,64})", MASK),
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


def redacted(text: str) -> str:
    """`text` without what looks like a credential."""
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    return text

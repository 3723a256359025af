"""What a text by a person refers to: issues, commits, and issues that it closes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TITLE_LIMIT: Final = 256
BODY_LIMIT: Final = 65_536
"""Characters, as GitHub counts them."""

_SILENT: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|^(`{3,}|~{3,}).*?(?:^\1|\Z)|(`+)(?!`).+?(?<!`)\2(?!`)", re.S | re.M
)
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"
_REFERENCE: Final = re.compile(rf"(?<![\w&/#])(?:({_NAME})#|\#|GH-)(\d{{1,9}})(?![\w-])")
_CLOSING: Final = re.compile(
    rf"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]+(?:({_NAME})#|\#|GH-)(\d{{1,9}})(?![\w-])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """An issue named in a text; `repo` is `owner/name`, or None for the text's own repository."""

    repo: str | None
    number: int


def audible(text: str) -> str:
    """The text without code and hidden comments, which refer to nothing."""
    return _SILENT.sub(" ", text.replace("\r\n", "\n"))


def references(text: str) -> list[Reference]:
    """Every issue that a text names, once each and in order."""
    return _found(_REFERENCE, text)


def closings(text: str) -> list[Reference]:
    """Every issue that a text closes by a keyword such as `Fixes #12`, once each and in order."""
    return _found(_CLOSING, text)


def _found(pattern: re.Pattern[str], text: str) -> list[Reference]:
    spoken = audible(text)
    return list(
        dict.fromkeys(Reference(match[1] or None, int(match[2])) for match in pattern.finditer(spoken))
    )

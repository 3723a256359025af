"""Search texts as people type them, `is:open -label:"needs help" words`, cut into their parts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cdock.forge.domain.errors import Invalid

_PART: Final = re.compile(r'(-?)(?:([A-Za-z][\w-]*|"[^"]+"):)?((?:"[^"]*"|[^\s"])+)')


@dataclass(frozen=True)
class Term:
    """One part: a qualifier with its `key` in lower case, or (`key` None) a word or quoted words to be found."""

    key: str | None
    value: str
    negated: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """What is separated by commas in the value: any of it will do."""
        return tuple(part for part in self.value.split(",") if part)


def terms_of(text: str) -> list[Term]:
    """The parts of a search text in order. A lone minus or colon is a word like any other.

    A lone parenthesis is passed over: all parts must hold anyway, so it makes no difference what is grouped.
    """
    found = []
    for match in _PART.finditer(text):
        minus, key, value = match[1], match[2], match[3].replace('"', "")
        if value and (key or value not in {"(", ")"}):
            found.append(Term(key.strip('"').lower() if key else None, value, bool(minus)))
    return found


def unknown(term: Term, known: Iterable[str]) -> Invalid:
    """Why a qualifier is refused. GitHub would look for it as words; here a client is told that it got nothing."""
    return Invalid(
        f"This forge does not know the qualifier '{term.key}:{term.value}'; it knows {', '.join(sorted(known))}"
    )

"""Small things as people read them: times, counts, faces, sizes, addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from cdock.forge.web.colours import colour_class, sheet_address

HUES = 8
"""How many colours a face may have in the style sheet."""

_STEPS = ((60, "minute"), (3600, "hour"), (86400, "day"))


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """How long ago it was, in words; a date when it is more than a month."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds > 30 * 86400:
        return f"on {moment.day} {moment:%b %Y}"
    size, word = next((step for step in reversed(_STEPS) if seconds >= step[0]), _STEPS[0])
    count = max(1, int(seconds // size))
    return f"{count} {word}{'' if count == 1 else 's'} ago"


def when(moment: datetime) -> Markup:
    """A time as words, with the exact one on hover and for programs."""
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%d %H:%M} UTC", ago(moment)
    )


def counted(number: int, word: str, words: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def size(count: int) -> str:
    """A number of bytes, such as `3.2 kB`."""
    if count < 1000:
        return counted(count, "byte")
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def initials(name: str) -> str:
    """Up to two letters that stand for a login."""
    words = [word for word in name.replace("[bot]", "").replace("_", "-").split("-") if word]
    letters = words[0][0] + words[1][0] if len(words) > 1 else name[:2]
    return letters.upper()


def hue(name: str) -> int:
    """The colour of a face, the same for a login wherever it is shown."""
    return hashlib.sha256(name.lower().encode()).digest()[0] % HUES


def address(text: str) -> str:
    """A path or ref as part of an address; slashes stay."""
    return quote(text, safe="/")


def query_value(text: str) -> str:
    """A text as a value in an address's query."""
    return quote(text, safe="")


FILTERS: dict[str, Callable[..., Any]] = {
    "when": when,
    "size": size,
    "initials": initials,
    "hue": hue,
    "address": address,
    "query_value": query_value,
    "colour_class": colour_class,
}
GLOBALS: dict[str, Callable[..., Any]] = {"counted": counted, "sheet_address": sheet_address}

"""What a provider's words mean where a command line passes on nothing else: the kind of a failure, the end of a limit.

Fields are better than words, and are used where a program prints them. These are read by the agents that do not.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cdock.core.events import Ending

# The first that is found counts. A bill that was not paid also comes as 429, so money stands before limits.
_MEANINGS: tuple[tuple[Ending, re.Pattern[str]], ...] = tuple(
    (ending, re.compile(words, re.IGNORECASE))
    for ending, words in (
        (
            Ending.FULL,
            r"context_length_exceeded|context length|context window|prompt is too long|token limit\b"
            r"|input token count|maximum number of tokens",
        ),
        (
            Ending.AUTH,
            r"insufficient_quota|credit balance|billing_|\b401\b|\b403\b|unauthorized|authentication"
            r"|api[ _]key|not logged in|permission_denied|unauthenticated",
        ),
        (
            Ending.LIMITED,
            r"\b429\b|rate[ _-]?limit|usage[ _-]limit|hit your [\w-]{1,20} limit|resource_exhausted|quota"
            r"|too many requests",
        ),
        (
            Ending.UNAVAILABLE,
            r"\b5\d\d\b|overloaded|unavailable|internal server error|timed? ?out|connection|network"
            r"|econnrefused|enotfound|fetch failed|stream disconnected|reconnecting|error sending request",
        ),
    )
)
_LOOKED_AT = 4000
"""Characters of a message that are looked at."""


def kind_of(error: str) -> Ending:
    """What a message about a failed call of the model means; FAILED for one that means nothing to us."""
    text = error[:_LOOKED_AT]
    return next((ending for ending, words in _MEANINGS if words.search(text)), Ending.FAILED)


def kind_of_status(status: int) -> Ending:
    """The same for the HTTP status of the call."""
    if status in (401, 402, 403):
        return Ending.AUTH
    if status == 429:
        return Ending.LIMITED
    return Ending.UNAVAILABLE if status >= 500 or status == 408 else Ending.FAILED


_ANNOUNCED = re.compile(
    r"(?:resets?|reset(?:ting)?|try(?:ing)? again|retry(?:ing)?|available again)(?: will)?[ :]{1,2}", re.I
)
_CLOCK = re.compile(
    r"(?:(?:at|on) )?(?:(?P<month>[A-Z][a-z]{2})[a-z]* (?P<day>\d{1,2})(?:st|nd|rd|th)?,? "
    r"(?:(?P<year>\d{4}),? )?(?:at )?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap]m)(?: \((?P<zone>[A-Za-z_/+-]{1,40})\))?",
    re.IGNORECASE,
)
_MOMENT = re.compile(
    r"(?:(?:at|on) )?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)"
)
_SPAN = re.compile(r"(?:in|after) (?=[\d.])")
_PART = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?) ?(milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|)"
    r"(?![A-Za-z]),? ?(?:and )?",
    re.IGNORECASE,
)
_SECONDS: Mapping[str, float] = {"d": 86400, "h": 3600, "m": 60, "s": 1, "": 1}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def end_of_limit(error: str, *, now: datetime | None) -> datetime | None:
    """When the limit that a message tells of ends, in UTC: `resets 11:18am (UTC)`, `try again in 2h 5m`, and such.

    Without `now`, the time of the message in the zone of whoever wrote it, only whole dates can be understood.
    """
    for announced in _ANNOUNCED.finditer(error[:_LOOKED_AT]):
        words = error[announced.end() : announced.end() + 100]
        found = _moment(words, now) or _clock(words, now) or _span(words, now)
        if found:
            return found.astimezone(UTC)
    return None


def epoch(seconds: float) -> datetime | None:
    """Seconds since the epoch as a time in UTC; None for what is no date of our days."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1e11 else None


def moment(text: str) -> datetime | None:
    """An ISO date with its zone, as programs print it; None for anything else."""
    try:
        found = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    return found if found.tzinfo else None


def _moment(words: str, now: datetime | None) -> datetime | None:
    match = _MOMENT.match(words)
    if not match:
        return None
    try:
        found = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo if now else UTC)


def _clock(words: str, now: datetime | None) -> datetime | None:
    match = _CLOCK.match(words)
    if not match or now is None:
        return None
    here = now.astimezone(_zone(match["zone"]) if match["zone"] else now.tzinfo)
    hour = int(match["hour"]) % 12 + (12 if match["half"].lower() == "pm" else 0)
    try:
        at = here.replace(hour=hour, minute=int(match["minute"] or 0), second=0, microsecond=0)
        if not match["month"]:
            return at if at > here else at + timedelta(days=1)
        month = _MONTHS.index(match["month"].lower()) + 1
        at = at.replace(year=int(match["year"] or here.year), month=month, day=int(match["day"]))
        return at if match["year"] or at > here else at.replace(year=here.year + 1)
    except ValueError:
        return None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # one that is not known here; what remains is the zone of the message
        return None


def _span(words: str, now: datetime | None) -> datetime | None:
    begun = _SPAN.match(words)
    if not begun or now is None:
        return None
    total, place, seen = 0.0, begun.end(), False
    while part := _PART.match(words, place):
        unit = part[2].lower()
        total += float(part[1]) * (0.001 if unit.startswith(("ms", "mil")) else _SECONDS[unit[:1]])
        place, seen = part.end(), True
    try:
        return now + timedelta(seconds=total) if seen else None
    except OverflowError:
        return None

"""How old what is shown is, how the forge does, and what is held back. Plain files only, because it must be fast."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cdock.cli.console import ago, clean


@dataclass(frozen=True)
class HeldBack:
    """What people said and the forge has not heard: how many wait, and how many a person has to see to."""

    waiting: int = 0
    parked: int = 0

    def __str__(self) -> str:
        """`2 held back, 1 parked`; empty when there is nothing."""
        counts = ((self.waiting, "held back"), (self.parked, "parked"))
        return ", ".join(f"{count} {what}" for count, what in counts if count)


def held_back(state: Path) -> HeldBack:
    """What is in the outbox; a damaged entry counts as parked."""
    states = [_state_of(path) for path in (state / "outbox").glob("*.json")]
    waiting = sum(found in ("pending", "sending", "unknown") for found in states)
    return HeldBack(waiting=waiting, parked=sum(found not in ("done", "") for found in states) - waiting)


def _state_of(path: Path) -> str:
    """The state of an entry; empty when it was delivered and forgotten just now."""
    try:
        found = json.loads(path.read_bytes())
        return str(found["state"]) or "damaged"
    except FileNotFoundError:
        return ""
    except (ValueError, LookupError, TypeError, OSError):
        return "damaged"


def moment(text: object) -> datetime | None:
    """A time as it stands in the mirror; None where there is none, or nonsense."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def clock(when: datetime, *, now: datetime | None = None) -> str:
    """`14:05` in local time, with its day when that is another one."""
    here, today = when.astimezone(), (now or datetime.now(UTC)).astimezone()
    return f"{here:%H:%M}" if here.date() == today.date() else f"{here:%Y-%m-%d %H:%M}"


def away(mirror: dict[str, Any]) -> str:
    """`forge away since 14:05 (why)`, as the poller saw it last; empty when it was there."""
    forge = mirror.get("forge") or {}
    since = moment(forge.get("away_since"))
    if since is None:
        return ""
    why = clean(str(forge.get("why") or ""))
    return f"forge away since {clock(since)}" + (f" ({why})" if why else "")


def quota(mirror: dict[str, Any]) -> str:
    """`forge quota until 14:05`; empty when none is waited for, or the time has passed."""
    until = moment((mirror.get("forge") or {}).get("quota_until"))
    return f"forge quota until {clock(until)}" if until and until > datetime.now(UTC) else ""


def as_of(mirror: dict[str, Any], state: Path) -> str:
    """`as of 14:05, 3 min ago`; empty when there is no mirror. Its file's own time where the mirror does not say."""
    seen = moment((mirror.get("forge") or {}).get("seen_at"))
    if seen is None:
        try:
            seen = datetime.fromtimestamp((state / "state.json").stat().st_mtime, UTC)
        except OSError:
            return ""
    age = max(datetime.now(UTC) - seen, timedelta(0))
    return f"as of {clock(seen)}, {ago(age.total_seconds())} ago"


WAITS = {
    "provider": "the model's provider",
    "github": "the forge",
    "dependency": "another issue",
    "quota": "quota",
}
"""What a task can wait for, in words; for whom it waits, the question and what unblocks it say better."""


def waits_for(task: dict[str, Any]) -> str:
    """`waiting: quota until 14:05`; empty when nothing outside keeps the task waiting, or no longer."""
    waiting = task.get("waiting") or {}
    if not isinstance(waiting, dict) or waiting.get("kind") in (None, "human"):
        return ""
    kind = clean(str(waiting["kind"]))
    what = WAITS.get(kind, kind)
    until = moment(waiting.get("until"))
    if until is None:
        return f"waiting: {what}"
    return "" if until <= datetime.now(UTC) else f"waiting: {what} until {clock(until)}"


def since(text: object) -> str:
    """`since 14:05 (3 min)`; empty where no time is told."""
    then = moment(text)
    if then is None:
        return ""
    age = max(datetime.now(UTC) - then, timedelta(0))
    return f"since {clock(then)} ({ago(age.total_seconds())})"

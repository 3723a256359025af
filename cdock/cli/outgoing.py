"""Handing over what a person said: to the poller that runs, or to the forge itself; kept on disk before either."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdock.core.errors import CdockError, Limited, Misconfigured, Refused, Unavailable

if TYPE_CHECKING:
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.core.outbox import Entry
    from cdock.wiring import PostOffice

WAIT = 5.0
"""Seconds to wait for what becomes of it."""
STEP = 0.05
"""Seconds between two looks at it."""
TEXT_LIMIT = 1_000_000
"""Bytes of a file that are read; more than any forge takes."""


@dataclass(frozen=True)
class Handed:
    """What became of an entry so far: its file's fields, and why it still waits."""

    record: dict[str, Any]
    why: str = ""

    @property
    def done(self) -> bool:
        """Whether it is on the forge."""
        return bool(self.record["state"] == "done")

    def require_accepted(self) -> None:
        """Raise `Refused` when the forge said no, or what it is about has changed."""
        if self.record["state"] == "parked":
            raise Refused(
                f"not delivered: {self.record['error']}",
                code="CD441",
                tried=f"delivering {self.name}, which is kept",
                fix=self.record["fix"],
            )

    @property
    def name(self) -> str:
        """What people call the entry."""
        return str(self.record["op"])[:8]


def text_of(text: str | None, file: str | None) -> str:
    """What was given as an option, or stands in `file` (`-`: standard input); empty when neither is given.

    Raises:
        Misconfigured: both are given, or the file cannot be read.
    """
    if text is not None and file is not None:
        raise click.UsageError("give the text or a file with it, not both")
    if file is None:
        return text or ""
    try:
        if file == "-":
            data = sys.stdin.buffer.read(TEXT_LIMIT + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(TEXT_LIMIT + 1)
        if len(data) > TEXT_LIMIT:
            raise ValueError(f"it holds more than {TEXT_LIMIT:,} bytes")
        return data.decode("utf-8").removeprefix("\ufeff")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Misconfigured(
            f"the text cannot be read: {why}",
            code="CD442",
            tried=f"reading {'standard input' if file == '-' else file}",
            fix="name a text file in UTF-8, or - for standard input",
        ) from error


def hand_over(start: Path, state: Path, entry: "Entry", *, wait: bool) -> Handed:
    """Keep `entry`, then have it delivered; returns when it is, or when it is clear that this takes longer.

    Raises:
        Refused: nothing was kept, because settings or the token would never let it be delivered.
        Unavailable: it could not be kept.
    """
    (handed,) = hand_over_all(start, state, (entry,), wait=wait)
    return handed


def hand_over_all(start: Path, state: Path, entries: "Sequence[Entry]", *, wait: bool) -> tuple[Handed, ...]:
    """Keep all `entries`, then have them delivered; as `hand_over` in all else.

    Raises:
        Refused: nothing was kept, because settings or the token would never let it be delivered.
        Unavailable: one could not be kept; those before it are.
    """
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.adapters.files.poller import poller_runs

    outbox = FileOutbox(state / "outbox")
    # Where this process has to deliver, all that can be wrong on this machine comes up before anything is kept.
    office, why = (None, "") if not wait or poller_runs(state) else _office(start)
    for entry in entries:
        outbox.put(entry)
    if not wait:
        return tuple(Handed(_record(outbox, entry), "nobody was waited for") for entry in entries)
    end, left = time.monotonic() + WAIT, len(entries)
    while True:
        records = [_record(outbox, entry) for entry in entries]
        open_ = [each for each, record in zip(entries, records, strict=True) if not _settled(record)]
        if not open_ or why:
            return tuple(Handed(record, "" if _settled(record) else why) for record in records)
        if len(open_) < left:
            end, left = time.monotonic() + WAIT, len(open_)
        if not poller_runs(state):
            if office is None:
                office, why = _office(start)
            if office is not None:
                why = _deliver(office, state, open_[0])
        elif time.monotonic() > end:
            why = _what_keeps_the_poller(state)
            continue
        time.sleep(STEP)


def _settled(record: dict[str, Any]) -> bool:
    return record["state"] in ("done", "parked")


def _office(start: Path) -> "tuple[PostOffice | None, str]":
    """What delivers; or why there is none just now."""
    from cdock.wiring import post, site

    try:
        return post(site(start)), ""
    except Unavailable as error:
        return None, because(error)


def _deliver(office: "PostOffice", state: Path, entry: "Entry") -> str:
    """Deliver all that is due; why `entry` may still have to wait. Empty when somebody else just began to deliver.

    Raises:
        Refused: the forge will not have us at all; the entry is kept.
    """
    from cdock.adapters.files.poller import only_poller
    from cdock.reconciler.delivering import deliver_all

    try:
        with only_poller(state):
            trouble = deliver_all(office).trouble
    except Refused as error:
        if error.code == "CD402":
            return ""
        raise
    if isinstance(trouble, Refused):
        said = f"{trouble.message} (what you said is kept as {entry.name})"
        raise type(trouble)(said, code=trouble.code, tried=trouble.tried, fix=trouble.fix)
    return because(trouble) if trouble else "something said before it has to arrive first"


def because(trouble: CdockError) -> str:
    """Why something has to wait."""
    from cdock.cli.asof import clock

    if isinstance(trouble, Limited):
        return f"forge quota until {clock(trouble.until)}"
    return f"the forge is away: {trouble.message}" if isinstance(trouble, Unavailable) else trouble.message


def _what_keeps_the_poller(state: Path) -> str:
    from cdock.cli.asof import away, quota
    from cdock.cli.tasks import read_mirror

    try:
        mirror = read_mirror(state)
    except Misconfigured:
        return "the poller has not come to it yet"
    return away(mirror) or quota(mirror) or "the poller has not come to it yet"


def _record(outbox: "FileOutbox", entry: "Entry") -> dict[str, Any]:
    """The entry as it is on disk now."""
    try:
        found: dict[str, Any] = json.loads(outbox.path(entry.op).read_bytes())
    except FileNotFoundError as error:
        raise Refused(
            f"{entry.name} was dropped before it was delivered", code="CD441", fix="say it again"
        ) from error
    return found


def say_kept(handed: Handed, *, what: str, say: Callable[[str], object]) -> None:
    """Tell a person that it is safe, and when it goes."""
    from cdock.cli.console import clean

    say(f"kept {what} as {handed.name}; {clean(handed.why)}; `cdock sync` or the poller delivers it, once")

"""What people said while the forge was away: entries, their order, and what becomes of them.

An entry is written down before it is sent and after it was answered, so a crash in between leaves it `sending`; such a
one, like one that was never answered, is looked for on the forge before it is sent again, and not before its creation
had the time to show there.

Only words of people are kept. What cdock itself shows on an issue (status comment, labels) is never queued: the loop
computes it anew from what is true when the forge is back, so that of ten changes during an outage the last one is
written, once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cdock.core.errors import Misconfigured
from cdock.core.marker import SAID, Marker

SETTLE = timedelta(seconds=30)
"""Least time between a try whose outcome is not known and the next: the first one may still come to light."""
LONGEST_PAUSE = timedelta(minutes=10)
"""Most time between two tries."""
KEPT = timedelta(minutes=10)
"""How long a delivered entry stays, so that whoever wrote it can see what came of it."""
TITLE_LIMIT = 256
BODY_LIMIT = 65_536
"""Characters that GitHub takes; a longer text would be refused for ever."""


class State(StrEnum):
    """Where an entry is in its life."""

    PENDING = "pending"
    SENDING = "sending"
    UNKNOWN = "unknown"  # it was sent, and nobody knows what became of it
    DONE = "done"
    PARKED = "parked"  # a person has to look at it


class Kind(StrEnum):
    """What an entry makes."""

    ISSUE = "issue"
    COMMENT = "comment"


@dataclass(frozen=True)
class Entry:
    """One thing to be made once on the forge. Times are aware and in UTC.

    `on` is the issue a comment is for; 0 when it is for the issue that the entry `after` makes. An entry that comes
    `after` another one waits for it, and is parked with it. `while_open` parks a comment when the issue was closed
    meanwhile. `number` and `url` are what came of it.
    """

    op: UUID
    kind: Kind
    body: str
    created_at: datetime
    title: str = ""
    labels: tuple[str, ...] = ()
    ready: bool = False
    """Whether the new issue gets the label that starts work; its name is the deliverer's to know."""
    on: int = 0
    after: UUID | None = None
    while_open: bool = False
    state: State = State.PENDING
    sent_at: datetime | None = None
    """When it was sent first."""
    tried_at: datetime | None = None
    """When it was sent last."""
    tries: int = 0
    not_before: datetime | None = None
    """When it may be tried again."""
    number: int = 0
    url: str = ""
    error: str = ""
    fix: str = ""

    @property
    def marker(self) -> Marker:
        """The hidden first line by which the entry is found on the forge."""
        return Marker(SAID, {"op": str(self.op)})

    @property
    def text(self) -> str:
        """What is sent: the marker, and under it what the person said."""
        return f"{self.marker}\n{self.body}"

    @property
    def name(self) -> str:
        """What people call it: the beginning of its `op`."""
        return str(self.op)[:8]

    @property
    def waits(self) -> bool:
        """Whether it is still to be delivered."""
        return self.state in (State.PENDING, State.SENDING, State.UNKNOWN)

    def free_at(self, now: datetime) -> datetime:
        """When it may be tried; a clock that was set back since it was tried last keeps nothing waiting."""
        if self.tried_at is None or now < self.tried_at:
            return now
        # After a crash nobody wrote down how long to wait.
        settled = self.tried_at + SETTLE if self.state is State.SENDING else self.tried_at
        return max(settled, self.not_before or settled)


def new_issue(op: UUID, *, title: str, body: str, labels: Iterable[str], ready: bool, now: datetime) -> Entry:
    """An entry that opens an issue.

    Raises:
        Misconfigured: GitHub would never take it.
    """
    line = " ".join(_encodable(title).split())
    if not line:
        raise Misconfigured("the title is empty", code="CD440", fix="say in a few words what is to be done")
    if len(line) > TITLE_LIMIT:
        raise Misconfigured(
            f"the title has {len(line)} characters, GitHub takes {TITLE_LIMIT}",
            code="CD440",
            fix="shorten it, and say the rest in --body",
        )
    names = tuple(dict.fromkeys(label.strip() for label in labels))
    if wrong := [name for name in names if not 0 < len(name) <= 50 or not name.isprintable()]:
        raise Misconfigured(
            f"{wrong[0]!r} cannot be a label", code="CD440", fix="a label has 1 to 50 characters on one line"
        )
    return _fit(
        Entry(
            op=op,
            kind=Kind.ISSUE,
            title=line,
            body=_encodable(body),
            labels=names,
            ready=ready,
            created_at=now,
        )
    )


def new_answer(op: UUID, *, on: int, body: str, now: datetime) -> Entry:
    """An entry that answers the open help issue `on`.

    Raises:
        Misconfigured: GitHub would never take it.
    """
    if not body.strip():
        raise Misconfigured("the answer is empty", code="CD440", fix="say something")
    return _fit(
        Entry(op=op, kind=Kind.COMMENT, body=_encodable(body), on=on, while_open=True, created_at=now)
    )


def _fit(entry: Entry) -> Entry:
    room = BODY_LIMIT - len(str(entry.marker)) - 1
    if len(entry.body) > room:
        raise Misconfigured(
            f"the text has {len(entry.body)} characters, GitHub takes {room}",
            code="CD440",
            fix="shorten it, or put the long part into the repository",
        )
    return entry


def _encodable(text: str) -> str:
    """`text` with a question mark for each half a character, which nobody could store or send."""
    return text.replace("\r\n", "\n").replace("\0", "").encode("utf-8", "replace").decode()


def due(entries: Iterable[Entry], *, now: datetime) -> tuple[Entry, ...]:
    """The entries to deliver now, oldest first.

    New issues keep their order among each other, and so do comments on one issue: behind one that has to wait, the
    others of its kind wait too. An entry that comes after another one waits until that is done.
    """
    every = in_order(entries)
    known = {entry.op: entry for entry in every}
    blocked: set[str] = set()
    found = []
    for entry in every:
        if not entry.waits:
            continue
        line = _line(entry, known)
        if line in blocked or not _follows(entry, known) or entry.free_at(now) > now:
            blocked.add(line)
        else:
            found.append(entry)
    return tuple(found)


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries, oldest first; of those of one moment, none before the one it comes after."""
    known = {entry.op: entry for entry in entries}
    return tuple(sorted(known.values(), key=lambda e: (e.created_at, _depth(e, known), str(e.op))))


def _depth(entry: Entry, known: Mapping[UUID, Entry]) -> int:
    return sum(1 for _ in _forerunners(entry, known))


def _forerunners(entry: Entry, known: Mapping[UUID, Entry]) -> Iterator[Entry]:
    seen = {entry.op}
    before = known.get(entry.after) if entry.after else None
    while before is not None and before.op not in seen:
        yield before
        seen.add(before.op)
        before = known.get(before.after) if before.after else None


def target_of(entry: Entry, known: Mapping[UUID, Entry]) -> int:
    """The issue that a comment is for; 0 while that is not made yet."""
    if entry.on or entry.after is None:
        return entry.on
    before = known.get(entry.after)
    return before.number if before else 0


def _line(entry: Entry, known: Mapping[UUID, Entry]) -> str:
    """Entries of one line are delivered one after the other."""
    if entry.kind is Kind.ISSUE:
        return "issues"
    return f"#{target_of(entry, known)}" if target_of(entry, known) else f"after {entry.after}"


def _follows(entry: Entry, known: Mapping[UUID, Entry]) -> bool:
    if entry.after is None:
        return True
    before = known.get(entry.after)
    return before is not None and before.state is State.DONE


def stranded(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries whose forerunner was parked or is gone, parked too, each with the reason."""
    every = in_order(entries)
    known = {entry.op: entry for entry in every}
    found = []
    for entry in every:
        if not entry.waits or entry.after is None:
            continue
        before = known.get(entry.after)
        if before is None or before.state is State.PARKED:
            retry = f"`cdock sync --retry {entry.name}`"
            parked = replace(
                entry,
                state=State.PARKED,
                error=f"what it follows was not delivered: {before.error if before else 'it was dropped'}",
                fix=f"see to {before.name}, then {retry}" if before else f"`cdock sync --drop {entry.name}`",
            )
            known[entry.op] = parked
            found.append(parked)
    return tuple(found)


def forgettable(entries: Iterable[Entry], *, now: datetime) -> tuple[Entry, ...]:
    """Delivered entries that nobody asks for any more and that no other one follows."""
    every = tuple(entries)
    needed = {entry.after for entry in every if entry.state is not State.DONE}
    return tuple(
        entry
        for entry in every
        if entry.state is State.DONE and entry.op not in needed
        if entry.tried_at is None or not entry.tried_at <= now < entry.tried_at + KEPT
    )


def sending(entry: Entry, *, now: datetime) -> Entry:
    """The entry as it is written down before it is sent."""
    return replace(
        entry,
        state=State.SENDING,
        sent_at=entry.sent_at or now,
        tried_at=now,
        tries=entry.tries + 1,
        not_before=None,
        error="",
        fix="",
    )


def unanswered(entry: Entry, error: str, *, now: datetime) -> Entry:
    """The entry after a try of which nobody knows what it did."""
    pause = min(SETTLE * (1 << min(max(entry.tries - 1, 0), 10)), LONGEST_PAUSE)
    return replace(entry, state=State.UNKNOWN, not_before=now + pause, error=error)


def parked(entry: Entry, error: str, *, fix: str) -> Entry:
    """The entry when only a person can say how to go on."""
    return replace(entry, state=State.PARKED, error=error, fix=fix, not_before=None)


def unparked(entry: Entry) -> Entry:
    """The entry after a person has seen to it: it is tried again, after a look whether it is there already."""
    return replace(entry, state=State.PENDING, not_before=None, error="", fix="")

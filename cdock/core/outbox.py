"""What people said while the forge was away: entries, their order, and what becomes of them.

An entry is written down before it is sent and after it was answered, so a crash in between leaves it `sending`; such a
one, like one that was never answered, is looked for on the forge before it is sent again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cdock.core.messages import SAID, Marker


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
    on: int = 0
    after: UUID | None = None
    while_open: bool = False
    state: State = State.PENDING
    sent_at: datetime | None = None
    """When it was sent first."""
    tried_at: datetime | None = None
    """When it was sent last."""
    tries: int = 0
    number: int = 0
    url: str = ""
    error: str = ""

    @property
    def marker(self) -> Marker:
        """The hidden first line by which the entry is found on the forge."""
        return Marker(SAID, {"op": str(self.op)})

    @property
    def waits(self) -> bool:
        """Whether it is still to be delivered."""
        return self.state in (State.PENDING, State.SENDING, State.UNKNOWN)


def due(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries to deliver now, oldest first; those that wait for another one come when it is done."""
    every = sorted(entries, key=lambda entry: (entry.created_at, str(entry.op)))
    known = {entry.op: entry for entry in every}
    return tuple(entry for entry in every if entry.waits and _free(entry, known))


def _free(entry: Entry, known: Mapping[UUID, Entry]) -> bool:
    if entry.after is None:
        return True
    before = known.get(entry.after)
    return before is not None and before.state is State.DONE


def stranded(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries whose forerunner was parked or is gone, parked too, each with the reason."""
    every = tuple(entries)
    known = {entry.op: entry for entry in every}
    found = []
    for entry in every:
        if not entry.waits or entry.after is None:
            continue
        before = known.get(entry.after)
        if before is None or before.state is State.PARKED:
            why = before.error if before else "it was dropped"
            found.append(
                replace(entry, state=State.PARKED, error=f"what it follows was not delivered: {why}")
            )
    return tuple(found)

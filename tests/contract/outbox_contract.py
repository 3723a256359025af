"""What every implementation of `Outbox` promises."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cdock.core.outbox import Entry, Kind, State
from cdock.ports import Outbox

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FIRST, SECOND = UUID(int=2 << 96), UUID(int=1 << 96)


def entry_of(op: UUID = FIRST, **changes: object) -> Entry:
    """An entry with something in every field."""
    full = Entry(
        op=op,
        kind=Kind.ISSUE,
        body="Ünter “quotes”:\n\n```\n\x1b[2J {}\n```\n",
        created_at=NOW,
        title="Add login — “now”",
        labels=("a", "b c"),
        ready=True,
        on=7,
        after=SECOND,
        while_open=True,
        state=State.UNKNOWN,
        sent_at=NOW,
        tried_at=NOW + timedelta(seconds=1),
        tries=3,
        not_before=NOW + timedelta(minutes=1),
        number=42,
        url="https://forge.example/42",
        error="no answer",
        fix="wait",
    )
    return replace(full, **changes)  # type: ignore[arg-type]


class OutboxContract:
    """Subclass with a fixture `outbox`."""

    def test_an_empty_one(self, outbox: Outbox) -> None:
        assert outbox.list() == ()

    def test_what_is_put_is_kept_whole(self, outbox: Outbox) -> None:
        bare = Entry(op=SECOND, kind=Kind.COMMENT, body="", created_at=NOW - timedelta(days=1))
        for entry in (entry_of(), bare):
            outbox.put(entry)
        assert outbox.list() == (bare, entry_of())

    def test_the_oldest_is_first(self, outbox: Outbox) -> None:
        late = entry_of(SECOND, created_at=NOW + timedelta(seconds=1), after=None)
        outbox.put(late)
        outbox.put(entry_of())
        assert outbox.list() == (entry_of(), late)

    def test_putting_again_replaces(self, outbox: Outbox) -> None:
        outbox.put(entry_of())
        outbox.put(entry_of(state=State.DONE, number=43))
        assert outbox.list() == (entry_of(state=State.DONE, number=43),)

    def test_removing(self, outbox: Outbox) -> None:
        outbox.put(entry_of())
        outbox.put(entry_of(SECOND))
        outbox.remove(FIRST)
        assert outbox.list() == (entry_of(SECOND),)
        outbox.remove(FIRST)
        outbox.remove(SECOND)
        assert outbox.list() == ()

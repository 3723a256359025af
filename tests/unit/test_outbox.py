"""The rules of the outbox: what may be sent when, and what becomes of the rest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cdock.core.errors import Misconfigured
from cdock.core.marker import parse_marker, speaks_for_cdock
from cdock.core.outbox import (
    BODY_LIMIT,
    KEPT,
    LONGEST_PAUSE,
    SETTLE,
    Entry,
    Kind,
    State,
    due,
    forgettable,
    new_answer,
    new_issue,
    sending,
    stranded,
    unanswered,
    unparked,
)
from cdock.core.quoting import visible

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def op(n: int) -> UUID:
    return UUID(int=n << 96)


def issue(n: int, **changes: object) -> Entry:
    return replace(new_issue(op(n), title=f"Task {n}", body="", labels=(), ready=True, now=NOW), **changes)  # type: ignore[arg-type]


def comment(n: int, **changes: object) -> Entry:
    return replace(
        Entry(op=op(n), kind=Kind.COMMENT, body="words", on=7, created_at=NOW + timedelta(seconds=n)),
        **changes,  # type: ignore[arg-type]
    )


def ops(entries: tuple[Entry, ...]) -> list[int]:
    return [entry.op.int >> 96 for entry in entries]


def test_what_is_sent_is_a_persons_word_under_a_marker() -> None:
    entry = new_answer(op(1), on=7, body="Use <!-- not hidden --> the table `users`.", now=NOW)
    assert parse_marker(entry.text) == entry.marker
    assert not speaks_for_cdock(entry.text)
    assert visible(entry.text).startswith("Use")


@pytest.mark.parametrize("title", ["", "  \n ", "x" * 257])
def test_a_title_github_would_not_take(title: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        new_issue(op(1), title=title, body="", labels=(), ready=True, now=NOW)
    assert caught.value.fix


def test_a_body_fits_together_with_its_marker() -> None:
    room = BODY_LIMIT - len(str(issue(1).marker)) - 1
    entry = new_issue(op(1), title="t", body="ä" * room, labels=(), ready=True, now=NOW)
    assert len(entry.text) == BODY_LIMIT
    with pytest.raises(Misconfigured):
        new_issue(op(1), title="t", body="ä" * (room + 1), labels=(), ready=True, now=NOW)


@pytest.mark.parametrize("label", ["", " ", "x" * 51, "a\nb"])
def test_a_label_github_would_not_take(label: str) -> None:
    with pytest.raises(Misconfigured):
        new_issue(op(1), title="t", body="", labels=[label], ready=True, now=NOW)


def test_half_characters_and_line_ends() -> None:
    entry = new_issue(
        op(1), title="a\udc80\nb", body="c\r\nd\0\udc80", labels=["x ", "x"], ready=True, now=NOW
    )
    assert (entry.title, entry.body, entry.labels) == ("a? b", "c\nd?", ("x",))


def test_an_empty_answer_is_none() -> None:
    with pytest.raises(Misconfigured):
        new_answer(op(1), on=7, body=" \n", now=NOW)


def test_the_oldest_goes_first_and_what_follows_waits() -> None:
    first, second = issue(2), issue(1, created_at=NOW + timedelta(seconds=1))
    follower = comment(3, on=0, after=op(2))
    assert ops(due([follower, second, first], now=NOW)) == [2, 1]
    done = replace(first, state=State.DONE, number=40)
    assert ops(due([follower, second, done], now=NOW)) == [1, 3]


def test_written_in_one_second_a_follower_still_comes_after() -> None:
    first, follower = issue(9, state=State.DONE, number=40), comment(1, on=0, after=op(9), created_at=NOW)
    again = comment(2, on=0, after=op(1), created_at=NOW)
    assert ops(due([again, follower, first], now=NOW)) == [1]


def test_one_that_has_to_wait_holds_up_its_own_line_only() -> None:
    later = NOW + timedelta(hours=1)
    waits = comment(1, not_before=later, tried_at=NOW, state=State.UNKNOWN)
    behind, elsewhere = comment(2), comment(3, on=8)
    assert ops(due([waits, behind, elsewhere], now=NOW)) == [3]
    assert ops(due([waits, behind, elsewhere], now=later)) == [1, 2, 3]
    parked = replace(waits, state=State.PARKED)
    assert ops(due([parked, behind, elsewhere], now=NOW)) == [2, 3], (
        "what a person has to see to holds up nothing"
    )


def test_a_crash_while_sending_is_an_unknown_outcome() -> None:
    sent = sending(issue(1), now=NOW)
    assert due([sent], now=NOW + SETTLE - timedelta(seconds=1)) == ()
    assert ops(due([sent], now=NOW + SETTLE)) == [1]


def test_pauses_grow_to_a_limit() -> None:
    entry, pauses = issue(1), []
    for _ in range(12):
        entry = unanswered(sending(entry, now=NOW), "no answer", now=NOW)
        assert entry.not_before is not None
        pauses.append(entry.not_before - NOW)
    assert pauses[0] == SETTLE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_a_clock_that_was_set_back_keeps_nothing_waiting() -> None:
    sent = unanswered(sending(issue(1), now=NOW), "no answer", now=NOW)
    assert ops(due([sent], now=NOW - timedelta(days=365))) == [1]


def test_what_follows_a_parked_one_is_parked_too_and_comes_back() -> None:
    first = issue(1, state=State.PARKED, error="no permission")
    second, third = comment(2, on=0, after=op(1)), comment(3, on=0, after=op(2))
    found = stranded([third, second, first])
    assert ops(found) == [2, 3]
    assert all("no permission" in entry.error and entry.fix for entry in found)
    assert ops(due([unparked(first), *map(unparked, found)], now=NOW)) == [1]


def test_what_follows_a_dropped_one_is_parked() -> None:
    (found,) = stranded([comment(2, on=0, after=op(1))])
    assert found.state is State.PARKED
    assert "dropped" in found.error


def test_a_delivered_one_stays_while_somebody_may_ask_or_another_one_follows() -> None:
    done = issue(1, state=State.DONE, number=40, tried_at=NOW)
    follower = comment(2, on=0, after=op(1))
    assert forgettable([done], now=NOW + KEPT - timedelta(seconds=1)) == ()
    assert ops(forgettable([done], now=NOW + KEPT)) == [1]
    assert forgettable([done, follower], now=NOW + KEPT) == ()
    assert ops(forgettable([done], now=NOW - timedelta(days=1))) == [1], "by a clock that was set back"

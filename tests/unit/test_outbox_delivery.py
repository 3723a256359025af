"""Whatever happens while it is delivered, each entry arrives once, in order, or is kept for a person with a reason."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdock.core.errors import CdockError, Limited, NotPermitted, Refused, Unavailable
from cdock.core.issues import Comment, Issue, Snapshot, Watch
from cdock.core.marker import Marker, parse_marker
from cdock.core.outbox import Entry, Kind, State, new_answer, new_issue, unparked
from cdock.core.policy import Policy
from cdock.reconciler.delivering import deliver, deliver_all
from cdock.testing import Crash, Faults, MemoryClock, MemoryForge, MemoryHub, MemoryIds, MemoryOutbox

LAG = 20.0
"""Seconds for which this forge does not show what it made without anybody hearing of it."""


@dataclass
class LossyForge(MemoryForge):
    """A forge whose answers get lost, after which it takes a while to show what it made."""

    lose: int = 0
    """Which of the next writes is applied and never answered; 0 for none."""
    error: CdockError | None = None
    """What every write is answered with, without being applied."""
    hidden: dict[int, datetime] = field(default_factory=dict)
    """Ids of issues and comments, and when they come to light."""

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        with self._as_shown():
            return super().look(watch, fresh=fresh)

    def ensure_issue(self, **wanted: Any) -> Issue:
        with self._answering(), self._as_shown():
            return super().ensure_issue(**wanted)

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        with self._answering(), self._as_shown():
            super().ensure_comment(issue, marker=marker, body=body)

    @contextmanager
    def _as_shown(self) -> Iterator[None]:
        """Take what is hidden away, for as long as the block runs."""
        hub, now = self.hub, self.hub.clock.now()
        hidden = {made for made, until in self.hidden.items() if now < until}
        issues = {n: issue for n, issue in hub.issues.items() if issue.id in hidden}
        for number in issues:
            del hub.issues[number]
        comments: dict[int, list[Comment]] = {}
        for number, issue in hub.issues.items():
            if away := [comment for comment in issue.comments if comment.id in hidden]:
                comments[number] = away
                hub.issues[number] = replace(
                    issue, comments=tuple(c for c in issue.comments if c.id not in hidden)
                )
        try:
            yield
        finally:
            hub.issues.update(issues)
            for number, away in comments.items():
                issue = hub.issues[number]
                every = sorted((*issue.comments, *away), key=lambda comment: comment.id)
                hub.issues[number] = replace(issue, comments=tuple(every))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if self.error is not None:
            raise self.error
        before = self._ids()
        try:
            yield
        except Crash:
            self._hide(before)
            raise
        if self.lose:
            self.lose -= 1
            if not self.lose:
                self._hide(before)
                raise Unavailable("the answer was lost", fix="look again")

    def _hide(self, before: set[int]) -> None:
        until = self.hub.clock.now() + timedelta(seconds=LAG)
        self.hidden |= dict.fromkeys(self._ids() - before, until)

    def _ids(self) -> set[int]:
        issues = self.hub.issues.values()
        return {issue.id for issue in issues} | {c.id for issue in issues for c in issue.comments}


class Office:
    """A forge, an outbox, and whoever delivers between them; `restart` after a crash."""

    def __init__(self) -> None:
        self.clock = MemoryClock()
        self.hub = MemoryHub(clock=self.clock)
        self.faults = Faults()
        self.forge = LossyForge(self.hub, self.faults)
        self.outbox = MemoryOutbox(faults=self.faults)
        self.policy = Policy()
        self.ids = MemoryIds()
        self.task = self.hub.open_issue("A task", labels=["agent-ready"])
        marker = Marker("help", {"task": str(self.ids.uuid()), "round": "1", "issue": str(self.task)})
        self.help = self.hub.open_issue(
            "Help wanted", body=f"{marker}\nWhat now?", by=self.hub.bot, labels=["agent-help"]
        )

    def create(self, title: str = "More", *, ready: bool = True) -> Entry:
        return self._put(
            new_issue(self.ids.uuid(), title=title, body="b", labels=["x"], ready=ready, now=self.clock.now())
        )

    def say(self, text: str = "Use B.", *, after: Entry | None = None) -> Entry:
        """An answer to the help issue, or a comment on what `after` makes."""
        entry = new_answer(self.ids.uuid(), on=self.help, body=text, now=self.clock.now())
        if after is not None:
            entry = replace(entry, on=0, after=after.op, while_open=False)
        return self._put(entry)

    def _put(self, entry: Entry) -> Entry:
        # People's own commands do not die in these stories.
        self.outbox.kept[entry.op] = entry
        self.clock.advance(1)
        return entry

    def now(self, entry: Entry) -> Entry:
        return self.outbox.kept[entry.op]

    def deliver(self) -> bool:
        """Deliver; whether it died on the way."""
        try:
            deliver(self)
        except Crash:
            return True
        return False

    def settle(self) -> None:
        """Everything works again: deliver until nothing waits."""
        self.faults.down.clear()
        self.faults.crash_at, self.forge.lose, self.forge.error = None, 0, None
        for _ in range(60):
            deliver(self)
            if not any(entry.waits for entry in self.outbox.list()):
                return
            self.clock.advance(61)
        raise AssertionError(f"it never ends: {self.outbox.list()}")

    def arrived(self) -> dict[str, list[tuple[int, int]]]:
        """What people said as the forge has it: by `op`, each time the issue it is on, and its id."""
        found: dict[str, list[tuple[int, int]]] = {}
        for number, issue in sorted(self.hub.issues.items()):
            for text, made in ((issue.body, issue.id), *((c.body, c.id) for c in issue.comments)):
                marker = parse_marker(text)
                if marker and marker.kind == "said":
                    found.setdefault(marker.fields["op"], []).append((number, made))
        return found

    def check(self, entries: Sequence[Entry]) -> None:
        """Each of `entries` is there once, in order, or parked with a reason."""
        arrived = self.arrived()
        assert all(len(places) == 1 for places in arrived.values()), "something was said twice"
        lines: dict[object, list[int]] = {}
        for entry in entries:
            now = self.now(entry)
            assert now.state in (State.DONE, State.PARKED), now
            places = arrived.get(str(entry.op), [])
            if now.state is State.PARKED:
                assert now.error
                assert now.fix
                assert not places or "may have arrived" in now.error, f"{now} is there"
                continue
            ((number, made),) = places
            assert now.number == number
            assert now.url == self.hub.issues[number].url
            if entry.after is not None:
                assert number == self.outbox.kept[entry.after].number
            lines.setdefault("issues" if entry.kind is Kind.ISSUE else number, []).append(made)
        assert all(line == sorted(line) for line in lines.values()), "out of order"


def test_a_task_with_its_labels_and_what_is_said_on_it() -> None:
    office = Office()
    made = office.create("Add login")
    said = office.say("And logout.", after=made)
    answer = office.say()
    changed = deliver(office)
    office.check([made, said, answer])
    assert {entry.op for entry in changed} == {made.op, said.op, answer.op}
    issue = office.hub.issues[office.now(made).number]
    assert (issue.title, issue.labels) == ("Add login", {"x", "agent-ready"})
    assert parse_marker(issue.body) == made.marker
    assert issue.body.endswith("\nb")
    assert [c.body.partition("\n")[2] for c in issue.comments] == ["And logout."]
    (comment,) = office.hub.issues[office.help].comments
    assert comment.body.endswith("\nUse B.")
    assert deliver(office) == ()


def test_without_ready_nothing_starts() -> None:
    office = Office()
    made = office.create(ready=False)
    office.settle()
    assert office.hub.issues[office.now(made).number].labels == {"x"}


def test_a_forge_that_is_away_is_sent_nothing() -> None:
    office = Office()
    made = office.create()
    office.faults.down.add("forge")
    report = deliver_all(office)
    assert isinstance(report.trouble, Unavailable)
    assert report.changed == ()
    assert office.now(made) == made, "it was not tried, so there is nothing to wait for"
    office.faults.down.clear()
    deliver(office)
    office.check([made])


def test_a_lost_answer_is_waited_for_and_nothing_is_sent_twice() -> None:
    office = Office()
    made, said = office.create(), office.say()
    office.forge.lose = 1
    assert isinstance(deliver_all(office).trouble, Unavailable)
    assert office.now(made).state is State.UNKNOWN
    office.clock.advance(5)
    deliver(office)
    assert office.now(made).state is State.UNKNOWN, "what was made may not show yet"
    assert office.now(said).state is State.DONE, "others need not wait for it"
    office.clock.advance(26)
    deliver(office)
    office.check([made, said])


def test_a_quota_is_waited_out() -> None:
    office = Office()
    made = office.create()
    until = office.clock.now() + timedelta(minutes=7)
    office.forge.error = Limited("used up", until=until)
    assert isinstance(deliver_all(office).trouble, Limited)
    assert office.now(made).state is State.PENDING
    assert office.now(made).not_before == until
    office.forge.error = None
    office.clock.advance(400)
    assert deliver(office) == ()
    office.clock.advance(20)
    deliver(office)
    office.check([made])


@pytest.mark.parametrize(
    "error", [Refused("invalid", fix="mend it."), NotPermitted("no right", fix="get it")]
)
def test_what_is_refused_is_parked_with_what_follows_and_the_rest_goes_on(error: CdockError) -> None:
    office = Office()
    made = office.create()
    said = office.say("On it.", after=made)
    office.forge.error = error
    deliver(office)
    office.check([made, said])
    assert error.message in office.now(made).error
    assert f"cdock sync --retry {made.name}" in office.now(made).fix
    office.forge.error = None
    other = office.create()
    deliver(office)
    office.check([made, said, other])
    for entry in (made, said):
        office.outbox.put(unparked(office.now(entry)))
    deliver(office)
    assert {office.now(entry).state for entry in (made, said)} == {State.DONE}


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_arrived() -> None:
    office = Office()
    made = office.create()
    office.forge.lose = 1
    deliver(office)
    office.forge.error = NotPermitted("no right", fix="get it")
    office.clock.advance(31)
    deliver(office)
    office.check([made])
    assert "may have arrived" in office.now(made).error
    office.forge.error = None
    office.outbox.put(unparked(office.now(made)))
    deliver(office)
    office.check([made])
    assert office.now(made).state is State.DONE


def test_an_answer_to_a_closed_question_is_kept() -> None:
    office = Office()
    said = office.say()
    office.hub.close(office.help, by="maria")
    deliver(office)
    office.check([said])
    assert office.now(said).state is State.PARKED
    assert "closed meanwhile by maria" in office.now(said).error
    assert not office.hub.issues[office.help].comments


def test_an_answer_that_arrived_and_closed_the_question_is_done() -> None:
    """The poller takes the answer and closes the help issue before anybody knows that it arrived."""
    office = Office()
    said = office.say()
    office.forge.lose = 1
    deliver(office)
    office.hub.close(office.help, by=office.hub.bot)
    office.clock.advance(31)
    deliver(office)
    office.check([said])
    assert office.now(said).state is State.DONE


def test_an_issue_is_gone_only_when_it_is_missed_twice() -> None:
    office = Office()
    said = office.say()
    away = office.hub.issues.pop(office.help)
    deliver(office)
    assert office.now(said).state is State.PENDING
    deliver(office)
    assert office.now(said).state is State.PENDING, "asking again at once proves nothing"
    office.clock.advance(31)
    office.hub.issues[office.help] = away
    deliver(office)
    office.check([said])
    assert office.now(said).state is State.DONE

    other = office.say("More.")
    del office.hub.issues[office.help]
    deliver(office)
    office.clock.advance(31)
    deliver(office)
    assert office.now(other).state is State.PARKED
    assert "deleted or moved" in office.now(other).error


def test_a_crash_at_every_call_of_a_delivery_sends_nothing_twice_and_loses_nothing() -> None:
    def office_with_post() -> tuple[Office, list[Entry]]:
        office = Office()
        made = office.create()
        return office, [made, office.say("a", after=made), office.say("b"), office.create("Two")]

    whole, _ = office_with_post()
    deliver(whole)
    crashes = 0
    for after in (False, True):
        for at in range(1, whole.faults.calls + 1):
            office, entries = office_with_post()
            office.faults.crash_at, office.faults.crash_after = at, after
            crashes += office.deliver()
            office.faults.crash_at = None
            office.deliver()
            office.settle()
            office.check(entries)
            assert all(office.now(entry).state is State.DONE for entry in entries), (at, after)
    assert crashes > whole.faults.calls, "the crashes really happened"


events = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.booleans()),
        st.tuples(st.just("say"), st.integers(0, 9)),
        st.tuples(st.just("follow"), st.integers(0, 9)),
        st.tuples(st.just("outage"), st.booleans()),
        st.tuples(st.just("lose"), st.integers(1, 3)),
        st.tuples(st.just("refuse"), st.booleans()),
        st.tuples(st.just("limit"), st.integers(1, 200)),
        st.tuples(st.just("crash"), st.integers(1, 20)),
        st.tuples(st.just("crash after"), st.integers(1, 20)),
        st.tuples(st.just("close"), st.booleans()),
        st.tuples(st.just("wait"), st.integers(0, 90)),
        st.tuples(st.just("deliver"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events)
def test_each_entry_arrives_once_and_in_order(story: list[tuple[str, int]]) -> None:
    office = Office()
    entries: list[Entry] = []
    for event, value in story:
        match event:
            case "create":
                entries.append(office.create(ready=bool(value)))
            case "say":
                entries.append(office.say(f"word {value}"))
            case "follow" if entries:
                entries.append(office.say(f"after {value}", after=entries[value % len(entries)]))
            case "outage":
                office.faults.down = {"forge"} if value else set()
            case "lose":
                office.forge.lose = value
            case "refuse":
                office.forge.error = NotPermitted("no right", fix="get it") if value else None
            case "limit":
                until = office.clock.now() + timedelta(seconds=value)
                office.forge.error = Limited("used up", until=until)
            case "crash" | "crash after":
                office.faults.crash_after = event == "crash after"
                office.faults.crash_at = office.faults.calls + value
            case "close" if value:
                office.hub.close(office.help)
            case "close":
                office.hub.reopen(office.help)
            case "wait":
                office.clock.advance(value)
            case "deliver":
                office.deliver()
        assert max(Counter(map(len, office.arrived().values())), default=1) == 1
    office.settle()
    office.check(entries)

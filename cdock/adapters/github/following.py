"""Following what is said about open pull requests, for as few points as possible.

Reviews, threads, checks and conflicts are in no list of a repository, so one GraphQL question is asked about all pull
requests that are due: at once where a list showed that somebody did something, and otherwise at a slow pace.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.home import Home
from cdock.adapters.github.normalize import User
from cdock.adapters.github.shownpulls import ShownPulls
from cdock.adapters.github.talk import document, row_name, talk_of
from cdock.adapters.github.writers import Writers
from cdock.adapters.payload import Row
from cdock.adapters.refusals import Absent
from cdock.core.errors import Refused, Unavailable
from cdock.core.marker import speaks_for_cdock
from cdock.core.pulls import PullRequest, Remark

log = logging.getLogger(__name__)

PACE, SOON = 60.0, 30.0
"""Seconds between two questions about a pull request, and while a check is under way or conflicts are not known."""
LAG = 60.0
"""Seconds for which an answer may lack what a list has shown already."""
AT_ONCE = 10
"""Pull requests of one question: the host gives up on one that takes ten seconds."""
FOLLOW, CHECKS = "follow pull requests", "see check runs"


class Follower:
    """Keeps what is said about pull requests up to date. `clock` is in seconds and never jumps."""

    def __init__(
        self,
        client: Client,
        home: Home,
        writers: Writers,
        pulls: ShownPulls,
        optional: OptionalFeatures,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._pulls = pulls
        self._optional = optional
        self._clock = clock
        self._due: dict[int, float] = {}
        self._told: dict[int, datetime] = {}
        self._heard: dict[int, dict[str, datetime]] = {}
        self._expected: dict[int, tuple[datetime, float]] = {}
        self._first: dict[str, int] = {}

    @property
    def told(self) -> bool:
        """Whether anything was asked about a pull request yet: the first answer holds all that was said before."""
        return bool(self._told)

    def first_of(self, thread: str) -> int:
        """The id of a thread's first comment; 0 when it was not shown."""
        return self._first.get(thread, 0)

    def made(self, number: int) -> None:
        """We opened this pull request: nobody has said anything about it yet."""
        self._due[number] = self._clock() + SOON

    def note_row(self, row: Row) -> None:
        """A pull request's row of the list of all of them."""
        number = payload.number_of(row)
        before = self._pulls.find(number)
        self._pulls.note(row)
        now = self._pulls.find(number)
        if before is None or now is None or now.updated is None or now.updated == before.updated:
            return
        if now.pull.commit == before.pull.commit:
            self._expect(number, now.updated)
        else:
            # Somebody pushed, most likely we: what the checks say takes its time.
            self._due[number] = min(self._due.get(number, 0.0), self._clock() + SOON)

    @property
    def works(self) -> bool:
        """Whether anything can be asked, as far as is known."""
        return self._optional.available(FOLLOW)

    def note_issue(self, row: Row) -> bool:
        """A pull request's row of the list of issues; whether that told all there is to know of it."""
        number = payload.number_of(row)
        before = self._pulls.find(number)
        if not self._pulls.note_issue(row):
            return False
        now = self._pulls.find(number)
        if before and now and now.updated and now.pull.open and now.updated != before.updated:
            if now.pull.draft:
                # We push to it all the time, and that is not told from words of people.
                self._due[number] = min(self._due.get(number, 0.0), self._clock() + SOON)
            else:
                self._expect(number, now.updated)
        return True

    def note_remark(self, number: int, row: Row) -> None:
        """A comment's row of the conversation or of a thread of a pull request."""
        changed, told = normalize.updated_of(row), self._told.get(number)
        if told is None:
            self._due[number] = self._clock()
            return
        heard = self._heard.setdefault(number, {})
        # By its address, for the two kinds of comments have ids of their own.
        address = payload.text_of(row, "url")
        # What was said in the second of the last answer may be missing there.
        if changed >= told and heard.get(address) != changed:
            heard[address] = changed
            self._expect(number, payload.moment_of(row, "created_at"))

    def replied(self, number: int, thread: str, node: Mapping[str, Any]) -> None:
        """We replied in a thread, and this is the comment."""
        shown = self._pulls.find(number)
        if shown is None:
            return
        remark = Remark(
            id=normalize.whole_of(node, "fullDatabaseId"),
            author=self._writers.me(),
            body=payload.body_of(node),
            created_at=payload.moment_of(node, "createdAt"),
            mine=True,
        )
        threads = tuple(
            replace(each, remarks=(*each.remarks, remark)) if each.ref == thread else each
            for each in shown.pull.threads
        )
        self._pulls.note_talk(replace(shown.pull, threads=threads), remark.created_at)

    def follow(self, pulls: Iterable[PullRequest]) -> None:
        """Ask about those of these open pull requests that are due."""
        numbers = {pull.number for pull in pulls if pull.open}
        for kept in (self._due, self._told, self._heard, self._expected):
            for number in set(kept) - numbers:
                kept.pop(number)
        now = self._clock()
        due = sorted(number for number in numbers if self._due.get(number, now) <= now)
        for start in range(0, len(due), AT_ONCE):
            self._ask(due[start : start + AT_ONCE])

    def mine(self, user: User, body: str) -> bool:
        """Whether we wrote this."""
        return speaks_for_cdock(body) and self._writers.is_me(user)

    def include(self, user: User) -> bool:
        """Whether the word of `user` counts."""
        return self._writers.include(user)

    def _expect(self, number: int, moment: datetime) -> None:
        """Something happened then: ask now, and again while an answer is from before it."""
        now = self._clock()
        self._expected[number] = moment, now + LAG
        self._due[number] = now

    def _ask(self, numbers: Sequence[int]) -> None:
        now = self._clock()
        try:
            data = self._answer(numbers)
            for number in numbers:
                self._due[number] = now + PACE
                row = data.get(row_name(number))
                if isinstance(row, dict):
                    self._take(number, row, now=now)
        except Absent:
            # One that is gone spoils the answer about all.
            for number in numbers:
                self._due[number] = now + PACE
                if len(numbers) > 1:
                    self._ask([number])
        except Unavailable as error:
            # The rest of the look is good without it: GraphQL has limits of its own.
            log.debug("what is said about pull requests could not be read", extra={"error": error.message})
            for number in numbers:
                self._due[number] = now + SOON

    def _answer(self, numbers: Collection[int]) -> Mapping[str, Any]:
        if not self._optional.available(FOLLOW):
            return {}
        lack = None
        if self._optional.available(CHECKS):
            try:
                return self._asked(document(numbers, checks=True))
            except Absent:
                raise
            except Refused as error:
                lack = error
        try:
            data = self._asked(document(numbers, checks=False))
        except Absent:
            raise
        except Refused as error:
            self._optional.lacks(FOLLOW, error)
            return {}
        if lack:
            self._optional.lacks(CHECKS, lack)
        return data

    def _asked(self, text: str) -> Mapping[str, Any]:
        owner, _, name = self._home.full_name.partition("/")
        data = self._client.graphql(text, {"owner": owner, "name": name}, writing=False)
        return normalize.fields_of(data.get("repository"))

    def _take(self, number: int, row: Mapping[str, Any], *, now: float) -> None:
        shown = self._pulls.find(number)
        if shown is None or not shown.pull.open:
            return
        talk = talk_of(row, of=shown.pull, since=shown.updated, trust=self)
        self._first.update(talk.first)
        self._told[number] = talk.updated
        self._pulls.note_talk(talk.pull, talk.updated)
        expected, until = self._expected.get(number, (talk.updated, now))
        if talk.updated < expected and now < until:
            self._due[number] = now
        else:
            self._expected.pop(number, None)
            self._due[number] = now + (PACE if talk.settled else SOON)

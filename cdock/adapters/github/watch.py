"""Looking at a repository for next to nothing: two lists at constant addresses, and single reads of what they hide.

Every fresh look asks for the issues and the comments that changed, and while one of our pull requests is open for
comments on lines; for pull requests only where they are not among the issues. Unchanged, that is two to four answers of
no cost, however many issues are watched.
"""

import threading
import time
from collections.abc import Callable

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.following import Follower
from cdock.adapters.github.home import Home, Row
from cdock.adapters.github.picture import Picture, Thread
from cdock.adapters.github.polling import Feed
from cdock.adapters.github.reading import Reader
from cdock.adapters.github.sweeping import Sweep
from cdock.adapters.github.writers import Writers
from cdock.adapters.sighted import is_listed, starting
from cdock.core.choices import ticked
from cdock.core.issues import Snapshot, Watch
from cdock.core.marker import speaks_for_cdock
from cdock.core.pulls import PullRequest

AGED = 300.0
"""Seconds after the last look from which a write looks for itself."""
MANY = 10
"""Branches whose pull requests are looked for in the list of all of them, rather than one by one."""
ABSENT_AGAIN = 10.0
"""Seconds until an issue that was not there is asked for again; doubled each time (asking for what is not there again
and again can bring a secondary limit)."""


class Watcher:
    """Keeps a picture of what is watched. `sweep` is the number of seconds between two safety sweeps.

    `clock`, in seconds, never jumps; it is for what is asked at a pace.
    """

    def __init__(
        self,
        client: Client,
        home: Home,
        writers: Writers,
        optional: OptionalFeatures,
        *,
        sweep: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.picture = Picture()
        self.reader = Reader(client, home, writers, optional, self.picture)
        self.follower = Follower(client, home, writers, self.picture.pulls, optional, clock=clock)
        self._home = home
        self._writers = writers
        self._issues = Feed(client, "issues", size=50, state="all")
        self._comments = Feed(client, "issues/comments", size=50)
        self._pulls = Feed(client, "pulls", size=30, state="all")
        self._remarks = Feed(client, "pulls/comments", size=50)
        self._sweep = Sweep(home, self.reader, self.picture, every=sweep)
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._listed: set[tuple[str, str]] = set()
        self._absent: dict[int, tuple[float, float]] = {}
        self._heard: set[int] = set()
        self._pull_news = self._follows_pulls = self._lists_pulls = self._unjudged = False
        self._last: tuple[Watch, int, Snapshot] | None = None

    def look(self, watch: Watch, *, fresh: bool) -> Snapshot:
        """See `Forge.look`."""
        with self._lock:
            fresh = fresh or not self._looked_at
            if fresh:
                self._poll(watch)
            self._complete(watch)
            if fresh:
                if self._sweep.due:
                    self._sweep.go_on(watch, self._wanted(watch), kept=self._all_helps(watch.help))
                    self._complete(watch)
                self.follower.follow(self._pulls_of(watch))
                self._looked_at = time.monotonic()
            return self._show(watch)

    def thread(self, number: int) -> Thread | None:
        """What is known of an issue, when it is certain enough to base a write on."""
        thread = self.picture.thread(number)
        return thread if thread and not thread.unsure and self.recent else None

    @property
    def recent(self) -> bool:
        """Whether the last look was not long ago."""
        return bool(self._looked_at) and time.monotonic() - self._looked_at < AGED

    def note(self, row: Row) -> None:
        """An issue's row was read, or answered to a write of ours. Before the first look nobody would keep it up."""
        if self._looked_at:
            self.reader.note(row)

    def wrote(self, number: int, row: Row) -> None:
        """The answer to a comment of ours that was written or edited."""
        if self._looked_at:
            self.reader.note_comment(number, row, written=True)

    # What changed.

    def _poll(self, watch: Watch) -> None:
        first = not self._looked_at

        def take_issue(row: Row) -> None:
            if payload.is_pull(row):
                self._lists_pulls = True
                if not self.follower.note_issue(row):
                    self._pull_news |= self.picture.pulls.is_news(row) and not first
            else:
                self.reader.note(row)

        self._issues.walk(self._home.path("issues"), take_issue, more=_shrinking(self._unseen(watch)))
        wanted = self._wanted(watch)

        def take_comment(row: Row) -> None:
            number = normalize.spoken_on(row)
            if self.picture.pulls.find(number):
                self.follower.note_remark(number, row)
            elif self.picture.thread(number) is None:
                self._heard.add(number)
            elif number in wanted:
                self.reader.note_comment(number, row)
            else:
                self.picture.note_talk(number)

        unheard = _shrinking(lambda: sum(self._lacking(number) for number in wanted))
        if self._comments.walk(self._home.path("issues/comments"), take_comment, more=unheard) and first:
            # All comments from the newest back to here were shown at once, so as many as there are is all there are.
            for number in wanted:
                thread = self.picture.thread(number)
                if thread and thread.count and thread.matches():
                    self.picture.complete(number, None)
        self.picture.compare_counts()
        self._poll_pulls(watch)

    def _unseen(self, watch: Watch) -> Callable[[], int]:
        return lambda: sum(self.picture.thread(number) is None for number in watch.held)

    def _lacking(self, number: int) -> int:
        """How many comments of an issue were not shown yet."""
        thread = self.picture.thread(number)
        return max(0, (thread.count or 0) - len(thread.said)) if thread else 0

    def _poll_pulls(self, watch: Watch) -> None:
        follows = any(pull.open for pull in self._pulls_of(watch))
        if not follows and not (self._pull_news and watch.branches):
            self._follows_pulls = False
            return
        if not self._follows_pulls:
            # What changed while nothing of ours was open is no news.
            self._pulls.restart()
            self._remarks.restart()
        if self._pull_news or not (self._lists_pulls and self.follower.works):
            self._pulls.walk(self._home.path("pulls"), self.follower.note_row)
        if follows and self.follower.told:
            self._remarks.walk(self._home.path("pulls/comments"), self._take_remark)
        self._follows_pulls, self._pull_news = follows, False

    def _take_remark(self, row: Row) -> None:
        number = normalize.remarked_on(row)
        if self.picture.pulls.find(number):
            self.follower.note_remark(number, row)

    # What is wanted and was never shown.

    def _complete(self, watch: Watch) -> None:
        as_before = self._last is not None and self._last[:2] == (watch, self.picture.revision)
        if as_before and not self._absent and not self._unjudged:
            return
        for label in starting(watch):
            self._list("ready", label)
        self._list("help", watch.help)
        now = time.monotonic()
        for number in sorted(watch.held):
            thread = self.picture.thread(number)
            if thread is None or thread.unsure:
                self._fetch(number, now=now)
        for number in sorted(self._wanted(watch)):
            thread = self.picture.thread(number)
            if thread and not thread.complete:
                self._hear(number, thread)
            if thread and not thread.issue.open and thread.about and not thread.closing_judged:
                self.reader.closing(number)
        self._judge_ticks(watch)
        self._judge_comments(watch)
        branches = sorted(branch for branch in watch.branches if not self.picture.pulls.knows(branch))
        if len(branches) >= MANY:
            self.reader.branches(branches)
        else:
            for branch in branches:
                self.reader.branch(branch)
        self._absent = {n: again for n, again in self._absent.items() if n in watch.held}

    def _judge_ticks(self, watch: Watch) -> None:
        def unjudged() -> list[int]:
            helps = (thread for thread in self._helps(watch) if not thread.ticks_judged)
            return [thread.issue.number for thread in helps if ticked(thread.issue.body)]

        for number in unjudged():
            self.reader.ticks(number)
        self._unjudged = bool(unjudged())

    def _judge_comments(self, watch: Watch) -> None:
        for number in sorted(watch.held):
            for comment in self.picture.unjudged(number):
                self.reader.ticks_in(number, comment)
            self._unjudged |= bool(self.picture.unjudged(number))

    def _list(self, kind: str, label: str) -> None:
        if (kind, label) in self._listed:
            return
        if kind == "ready":
            self.reader.labelled(label, anew=True)
        else:
            self.reader.helps(label)
        self._listed.add((kind, label))

    def _fetch(self, number: int, *, now: float) -> None:
        due, pause = self._absent.get(number, (0.0, ABSENT_AGAIN))
        if now < due:
            return
        if self.reader.issue(number):
            self._absent.pop(number, None)
        else:
            self._absent[number] = (now + pause, min(pause * 2, AGED))

    def _hear(self, number: int, thread: Thread) -> None:
        if thread.count == 0 and not thread.said and number not in self._heard:
            self.picture.complete(number, None)
        else:
            self.reader.comments(number)
        self._heard.discard(number)

    # What is shown.

    def _pulls_of(self, watch: Watch) -> list[PullRequest]:
        pulls = (self.picture.pulls.newest(branch) for branch in watch.branches)
        return [pull for pull in pulls if pull]

    def _wanted(self, watch: Watch) -> frozenset[int]:
        """The issues whose comments are wanted: the held ones, and those that ask about them."""
        return watch.held | {thread.issue.number for thread in self._helps(watch)}

    def _helps(self, watch: Watch) -> list[Thread]:
        if not watch.asking:
            return []
        return [t for t in self.picture.threads() if t.about in watch.asking and self._asks(t, watch.help)]

    def _all_helps(self, label: str) -> frozenset[int]:
        """Every help issue we know of: they are listed once, so none of them may be forgotten."""
        return frozenset(t.issue.number for t in self.picture.threads() if t.about and self._asks(t, label))

    def _asks(self, thread: Thread, label: str) -> bool:
        issue = thread.issue
        ours = normalize.same_login(issue.author, self._writers.me()) and speaks_for_cdock(issue.body)
        return ours and issue.wears(label)

    def _show(self, watch: Watch) -> Snapshot:
        revision = self.picture.revision
        if self._last and self._last[:2] == (watch, revision):
            return self._last[2]
        held = ((number, self.picture.thread(number)) for number in watch.held)
        issues = {number: thread.with_comments() for number, thread in held if thread}
        for thread in self.picture.threads():
            issue = thread.issue
            if is_listed(issue, watch):
                issues.setdefault(issue.number, issue)
        helps = [
            normalize.help_of(
                thread.issue,
                comments=thread.comments(),
                closed_by=thread.closer.login if thread.closer else "",
                closed_by_writer=thread.closed_by_writer,
                ticked_by=thread.ticked_by,
                ticked_by_writer=thread.ticked_by_writer,
            )
            for thread in self._helps(watch)
        ]
        shown = Snapshot(
            issues=tuple(issues[number] for number in sorted(issues)),
            helps=tuple(sorted((h for h in helps if h), key=lambda help_: help_.number)),
            pulls=tuple(sorted(self._pulls_of(watch), key=lambda pull: pull.number)),
        )
        if self._last and self._last[2] == shown:
            shown = self._last[2]
        self._last = (watch, revision, shown)
        return shown


def _shrinking(left: Callable[[], int]) -> Callable[[], bool]:
    """Whether a list's next page is worth its request: the last one showed something, and something is left."""
    before = left()

    def more() -> bool:
        nonlocal before
        last, before = before, left()
        return 0 < before < last

    return more

"""Looking at a repository: what changed since the last look, and single reads of what that cannot show.

Gitea answers nothing conditionally, so what a quiet look costs is kept small by asking only for changes: issues,
comments, and pull requests while a branch is wanted. How far back that is says the forge's own clock, never ours.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cdock.adapters import payload
from cdock.adapters.gitea import normalize
from cdock.adapters.gitea.client import Client, Row
from cdock.adapters.gitea.following import Follower
from cdock.adapters.gitea.home import Home
from cdock.adapters.gitea.pulls import Pulls
from cdock.adapters.gitea.sights import Sights
from cdock.adapters.gitea.timeline import Timeline
from cdock.adapters.gitea.writers import Writers
from cdock.adapters.marked import help_of, helped_issue, same_login
from cdock.adapters.refusals import Absent
from cdock.adapters.sighted import is_listed, starting
from cdock.core.errors import Unavailable
from cdock.core.issues import Comment, Issue, Snapshot, Watch
from cdock.core.marker import speaks_for_cdock

OVERLAP = timedelta(seconds=120)
"""So far behind the newest change is looked again: what happens in one second is stored in any order."""
ABSENT_AGAIN, ABSENT_MOST = 10.0, 300.0
"""Seconds until an issue that was not there is asked for again; doubled each time, up to the second number."""


@dataclass
class Thread:
    """An issue as it was shown last, and what is known of its comments."""

    issue: Issue
    """Without its comments."""
    count: int | None
    said: dict[int, tuple[datetime, Comment]] | None = None
    """Its comments and when each changed, by id; None while they were not read, or may be others now."""
    closed_by: tuple[str, bool] | None = None
    """Who closed it and whether their word counts; None when that was not asked yet."""
    whole: Issue | None = field(default=None, repr=False)

    def with_comments(self) -> Issue:
        """The issue with all that was said; the same object as long as nothing changes."""
        if self.whole is None:
            self.whole = replace(self.issue, comments=self.comments()) if self.said else self.issue
        return self.whole

    def comments(self) -> tuple[Comment, ...]:
        """All that was said, in the order it was written."""
        said = self.said or {}
        return tuple(said[number][1] for number in sorted(said))


class Watcher:
    """Keeps what is watched up to date. `sweep` is the number of seconds between two looks at everything."""

    def __init__(
        self,
        client: Client,
        home: Home,
        writers: Writers,
        timeline: Timeline,
        pulls: Pulls,
        follower: Follower,
        sights: Sights,
        *,
        sweep: float,
    ) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._timeline = timeline
        self._pulls = pulls
        self._follower = follower
        self._sights = sights
        self._ready: set[str] = set()
        self._every = sweep
        self._sweep_at = 0.0
        self._threads: dict[int, Thread] = {}
        self._since: dict[str, datetime] = {}
        self._listed: set[tuple[str, str]] = set()
        self._absent: dict[int, tuple[float, float]] = {}
        self._last: Snapshot | None = None
        self._lock = threading.RLock()

    def look(self, watch: Watch, *, fresh: bool) -> Snapshot:
        """See `Forge.look`."""
        with self._lock:
            self._ready.update(starting(watch))
            fresh = fresh or not self._since
            if fresh:
                self._poll(watch)
            self._complete(watch)
            if fresh:
                self._follower.follow(watch.branches)
            shown = self._show(watch)
            if self._last != shown:
                self._last = shown
            return self._last

    # What our own writes were answered with. Before the first look nobody would keep it up to date.

    def note(self, row: Row) -> None:
        """An issue's row was read, or answered to a write of ours."""
        with self._lock:
            if self._since:
                self._take(row)

    def note_labels(self, number: int, labels: Iterable[str]) -> None:
        """The issue wears these labels now."""
        with self._lock:
            if thread := self._threads.get(number):
                thread.issue, thread.whole = replace(thread.issue, labels=frozenset(labels)), None

    def note_comment(self, number: int, row: Row) -> None:
        """A comment was read, or answered to a write of ours."""
        with self._lock:
            thread = self._threads.get(number)
            if thread and thread.said is not None:
                self._hear(thread, thread.said, row)

    # What changed.

    def _poll(self, watch: Watch) -> None:
        if not self._since or time.monotonic() >= self._sweep_at:
            self._sweep(watch)
        else:
            # Comments first: then the count of an issue rarely speaks of one that was not shown yet.
            self._walk("issues/comments", {}, self._take_comment)
            self._walk("issues", {"state": "all", "type": "issues"}, self._take_change)
        self._pulls.follow(watch.branches)

    def _walk(self, rest: str, query: dict[str, str], take: Callable[[Row], None]) -> None:
        """Give each changed row to `take`. Where it raises, the walk did not happen and is repeated."""
        newest = self._since[rest]
        since = f"{newest - OVERLAP:%Y-%m-%dT%H:%M:%SZ}"
        for row in self._client.rows(self._home.path(rest), {**query, "since": since}):
            take(row)
            newest = max(newest, payload.moment_of(row, "updated_at"))
        self._since[rest] = newest

    def _take_change(self, row: Row) -> None:
        if payload.is_pull(row):
            return
        issue = normalize.issue_from_rest(row)
        if issue.number in self._threads or self._is_listed(issue):
            self._take(row)

    def _take_comment(self, row: Row) -> None:
        number = normalize.spoken_on(row)
        if number is not None:
            self.note_comment(number, row)

    def _take(self, row: Row) -> None:
        issue, count = normalize.issue_from_rest(row), payload.spoken(row)
        self._sights.see(issue, worn=any(issue.wears(label) for label in self._ready))
        known = self._threads.get(issue.number)
        if known is None or known.issue.id != issue.id:
            self._threads[issue.number] = Thread(issue, count)
            return
        news = known.issue.updated_at != issue.updated_at or known.count != count
        if news:
            # It may have been opened and closed again since.
            known.closed_by = None
        if known.issue != issue:
            known.issue, known.whole = issue, None
        known.count = count
        if news and known.said is not None and len(known.said) != count:
            # Compared only with news: else a count that is not ours to understand would be read for ever.
            known.said, known.whole = None, None

    def _hear(self, thread: Thread, said: dict[int, tuple[datetime, Comment]], row: Row) -> None:
        """Take over a comment's row, finding out once whether its author may write."""
        number, changed = payload.id_of(row), payload.moment_of(row, "updated_at")
        known = said.get(number)
        if known and (known[0] > changed or (known[0] == changed and known[1].body == payload.body_of(row))):
            return
        mine = speaks_for_cdock(payload.body_of(row)) and self._writers.wrote(row)
        by_writer = not mine and self._writers.include(normalize.login_of(row))
        comment = normalize.comment_from_rest(row, mine=mine, by_writer=by_writer)
        said[number] = (changed, comment)
        thread.whole = None

    def _sweep(self, watch: Watch) -> None:
        """Look at everything: deletions show in no list of changes, and at first nothing is known."""
        self._home.verify()
        # Nothing that changes from now on is missed.
        now = self._client.told_at or datetime.now(UTC)
        self._sights.keep(self._threads)
        kept = self._wanted(watch)
        for number in sorted(kept):
            self._fetch(number)
        self._threads = {number: thread for number, thread in self._threads.items() if number in kept}
        for thread in self._threads.values():
            thread.said = None
        self._listed.clear()
        self._pulls.keep(watch.branches)
        self._pulls.look_up(watch.branches, anew=True)
        self._since = {"issues": now, "issues/comments": now}
        self._sweep_at = time.monotonic() + self._every

    # What is wanted and was never shown.

    def _complete(self, watch: Watch) -> None:
        for label in starting(watch):
            self._list("ready", label)
        self._list("help", watch.help)
        now = time.monotonic()
        for number in sorted(watch.held - self._threads.keys()):
            due, pause = self._absent.get(number, (0.0, ABSENT_AGAIN))
            if now >= due and not self._fetch(number):
                self._absent[number] = (now + pause, min(pause * 2, ABSENT_MOST))
        self._absent = {
            n: again for n, again in self._absent.items() if n in watch.held - self._threads.keys()
        }
        for number in sorted(self._wanted(watch)):
            thread = self._threads[number]
            if thread.said is None and not self._hear_all(thread):
                continue
            if not thread.issue.open and helped_issue(thread.issue) and thread.closed_by is None:
                closer = self._timeline.closer(number)
                thread.closed_by = (closer, self._writers.include(closer))
        self._pulls.look_up(watch.branches)

    def _list(self, kind: str, label: str) -> None:
        if (kind, label) in self._listed:
            return
        query = {"type": "issues", "labels": label, "state": "open"}
        if kind == "help":
            query |= {"state": "all", "created_by": self._writers.me()}
        self._listed.add((kind, label))
        try:
            for row in self._client.rows(self._home.path("issues"), query):
                # A label that is not among the repository's own is no condition for Gitea: it lists all issues then.
                self._take_change(row)
        except BaseException:
            self._listed.discard((kind, label))
            raise

    def _hear_all(self, thread: Thread) -> bool:
        """Read all comments of an issue; whether it is still there."""
        number = thread.issue.number
        try:
            rows = self._client.whole(self._home.path(f"issues/{number}/comments"))
        except (Absent, Unavailable):
            # For the comments of an issue that is not there Gitea answers with a fault of its own.
            if self._fetch(number):
                raise
            return False
        said: dict[int, tuple[datetime, Comment]] = {}
        for row in rows:
            self._hear(thread, said, row)
        thread.said, thread.whole = said, None
        return True

    def _fetch(self, number: int) -> bool:
        """Read one issue; whether it is there. A pull request is none."""
        row = self._client.find(self._home.path(f"issues/{number}"))
        if row is None or payload.is_pull(row):
            self._threads.pop(number, None)
            return False
        self._take(row)
        return True

    # What is shown.

    def _is_listed(self, issue: Issue) -> bool:
        if issue.open and any(issue.wears(label) for label in self._ready):
            return True
        return any(self._asks(issue, label) for kind, label in self._listed if kind == "help")

    def _asks(self, issue: Issue, label: str) -> bool:
        ours = same_login(issue.author, self._writers.me()) and speaks_for_cdock(issue.body)
        return ours and helped_issue(issue) > 0 and issue.wears(label)

    def _wanted(self, watch: Watch) -> Collection[int]:
        """The issues whose comments are wanted: the held ones, and those that ask about them."""
        helps = (t.issue.number for t in self._threads.values() if self._is_help(t.issue, watch))
        return {*(watch.held & self._threads.keys()), *helps}

    def _is_help(self, issue: Issue, watch: Watch) -> bool:
        return helped_issue(issue) in watch.asking and self._asks(issue, watch.help)

    def _show(self, watch: Watch) -> Snapshot:
        threads = [self._threads[number] for number in sorted(self._threads)]
        issues, helps = [], []
        for thread in threads:
            if thread.issue.number in watch.held:
                issues.append(thread.with_comments())
            elif is_listed(thread.issue, watch):
                issues.append(thread.issue)
            if self._is_help(thread.issue, watch):
                login, counts = thread.closed_by or ("", False)
                helps.append(
                    help_of(
                        thread.issue, comments=thread.comments(), closed_by=login, closed_by_writer=counts
                    )
                )
        pulls = (self._pulls.newest(branch) for branch in watch.branches)
        return Snapshot(
            issues=tuple(issues),
            helps=tuple(help_ for help_ in helps if help_),
            pulls=tuple(sorted((p for p in pulls if p), key=lambda pull: pull.number)),
        )

"""What the forge showed last, with our own writes since: nothing here asks anybody.

Replicas lag, so what is older than what is known is passed over. A value that did not change stays the same object, so
that a thousand quiet issues cost a look nothing.
"""

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.normalize import User
from cdock.adapters.payload import Row
from cdock.core.model import Comment, Issue
from cdock.core.pulls import PullRequest

LAG = 60.0
"""Seconds for which a replica may not know of a write of ours."""


@dataclass
class Said:
    """A comment, when it was changed last, and until when (monotonic) a list without it is taken for an old one."""

    comment: Comment
    updated: datetime | None
    kept_until: float = 0.0
    node: str = ""
    """What GraphQL calls it."""


@dataclass
class Thread:
    """An issue as it was shown, and what is known of its comments."""

    issue: Issue
    """Without its comments."""
    count: int | None
    """How many comments it has by the forge's count, where that is known."""
    closed_at: str = ""
    closer: User | None = None
    """Who closed it, where a row said so; lists leave it out."""
    closing_judged: bool = False
    closed_by_writer: bool = False
    said: dict[int, Said] = field(default_factory=dict)
    complete: bool = False
    """Whether `said` is all that was said, and kept so."""
    listed: bool = False
    """Whether its comments were ever read as a list."""
    node: str = ""
    """What GraphQL calls it."""
    about: int = 0
    """The issue that it asks for help with, as far as its first line says; 0 for other issues."""
    unsure: bool = False
    """Whether a write of unknown outcome may have changed it."""
    labelled: dict[str, bool] = field(default_factory=dict)
    """Labels that we put on or took off since it was shown, in lower case."""
    labelled_until: float = 0.0
    shown: Issue | None = None

    def with_comments(self) -> Issue:
        """The issue with all that was said, the same object as long as nothing changes."""
        if self.shown is None:
            self.shown = replace(self.issue, comments=self.comments()) if self.said else self.issue
        return self.shown

    def comments(self) -> tuple[Comment, ...]:
        """All that was said, in the order it was written."""
        return tuple(self.said[number].comment for number in sorted(self.said))

    def agrees(self, row: Row) -> bool:
        """Whether a row from the second of our last write shows what we wrote."""
        worn = {name.casefold() for name in normalize.labels_of(row)}
        return all((name in worn) is on for name, on in self.labelled.items())

    def matches(self) -> bool:
        """Whether as many comments are known as the forge counts, as far as it does."""
        if self.count is None or self.issue.updated_at is None:
            return True
        changed = self.issue.updated_at
        made = [said.comment.created_at for said in self.said.values()]
        # Those written in the second of the count, or after it, may be in it or not.
        surely = sum(moment < changed for moment in made)
        return surely <= self.count <= sum(moment <= changed for moment in made)


@dataclass(frozen=True)
class Shown:
    """A pull request and when it changed."""

    pull: PullRequest
    updated: datetime | None


class Picture:
    """Issues, comments and pull requests by number. Safe to use from several threads."""

    def __init__(self) -> None:
        self.revision = 0
        """Grows with every change that can be seen."""
        self._threads: dict[int, Thread] = {}
        self._pulls: dict[str, dict[int, Shown]] = {}
        self._label_ids: dict[str, str] = {}
        self._strange: set[int] = set()
        self._changed: set[int] = set()
        self._lock = threading.RLock()

    # Issues.

    def thread(self, number: int) -> Thread | None:
        """What is known of an issue."""
        return self._threads.get(number)

    def threads(self) -> tuple[Thread, ...]:
        """All that is known."""
        with self._lock:
            return tuple(self._threads.values())

    def note_issue(self, row: Row) -> Thread:
        """An issue's row was read, or answered to a write of ours.

        Raises:
            Unavailable: the row lacks what an issue needs.
        """
        issue = normalize.issue_from_rest(row)
        with self._lock:
            known = self._threads.get(issue.number)
            if known is None or known.issue.id != issue.id:
                known = self._threads[issue.number] = Thread(issue=issue, count=None)
                self.revision += 1
            elif _older(issue.updated_at, known.issue.updated_at) or not self._current(known, issue, row):
                return known
            if issue != known.issue:
                known.issue, known.shown = issue, None
                self.revision += 1
            known.about = normalize.helped_issue(issue)
            known.node = str(row.get("node_id") or "")
            self.note_label_ids(row.get("labels") or ())
            known.labelled.clear()
            known.unsure = False
            known.count = payload.spoken(row)
            self._changed.add(issue.number)
            self._note_closing(known, row)
            return known

    def _current(self, known: Thread, issue: Issue, row: Row) -> bool:
        """Whether the row was made after our last write: one of the same second may show what was before it."""
        if not known.labelled or issue.updated_at != known.issue.updated_at:
            return True
        return known.agrees(row) or time.monotonic() > known.labelled_until

    def _note_closing(self, known: Thread, row: Row) -> None:
        closed_at = "" if known.issue.open else str(row.get("closed_at") or "closed")
        if closed_at != known.closed_at:
            known.closed_at, known.closer = closed_at, None
            known.closing_judged = known.closed_by_writer = False
        user = normalize.user_of(row, "closed_by")
        if closed_at and user.login and known.closer is None:
            known.closer = user

    def note_labels(self, number: int, changes: Mapping[str, bool]) -> None:
        """We put labels on (True) or took them off."""
        with self._lock:
            known = self._threads.get(number)
            if known is None:
                return
            off = {name.casefold() for name, on in changes.items() if not on}
            worn = {name for name in known.issue.labels if name.casefold() not in off}
            worn |= {name for name, on in changes.items() if on and not known.issue.wears(name)}
            known.labelled |= {name.casefold(): on for name, on in changes.items()}
            known.labelled_until = time.monotonic() + LAG
            if worn != known.issue.labels:
                known.issue, known.shown = replace(known.issue, labels=frozenset(worn)), None
                self.revision += 1

    def note_label_ids(self, labels: Iterable[object]) -> None:
        """Rows of labels were read: they tell what GraphQL calls them."""
        with self._lock:
            for label in labels:
                if isinstance(label, dict) and label.get("name") and label.get("node_id"):
                    self._label_ids[str(label["name"]).casefold()] = str(label["node_id"])

    def label_ids(self, names: Iterable[str]) -> list[str] | None:
        """What GraphQL calls these labels; None when that is not known of all."""
        with self._lock:
            found = [self._label_ids.get(name.casefold(), "") for name in names]
        return found if all(found) else None

    def forget_label_ids(self) -> None:
        """They are wrong: a label was removed and made anew."""
        with self._lock:
            self._label_ids.clear()

    def note_closer(self, number: int, user: User, *, by_writer: bool) -> None:
        """Who closed an issue, and whether they may write to the repository."""
        with self._lock:
            if known := self._threads.get(number):
                known.closer, known.closed_by_writer, known.closing_judged = user, by_writer, True
                self.revision += 1

    def doubt(self, number: int) -> None:
        """A write to the issue may have been applied or not: it and its comments have to be read."""
        with self._lock:
            if known := self._threads.get(number):
                known.unsure, known.complete = True, False
                self.revision += 1

    def forget(self, numbers: Iterable[int]) -> None:
        """These issues are gone, or nobody wants them any more."""
        with self._lock:
            for number in numbers:
                if self._threads.pop(number, None):
                    self.revision += 1

    def compare_counts(self) -> None:
        """Where the forge counts other comments than are known, they have to be read. To be asked after both came."""
        with self._lock:
            changed, self._changed = self._changed, set()
            for number in changed:
                thread = self._threads.get(number)
                if thread and thread.complete and not thread.matches():
                    thread.complete = False
                    self.revision += 1

    # Comments.

    def known(self, number: int, row: Row) -> bool:
        """Whether nothing about a comment's row is new."""
        with self._lock:
            thread = self._threads.get(number)
            said = thread.said.get(payload.id_of(row)) if thread else None
            if said is None:
                return False
            updated = _moment_of(row)
            if _older(updated, said.updated):
                return True
            return updated == said.updated and said.comment.body == payload.body_of(row)

    def note_comment(self, number: int, comment: Comment, row: Row, *, written: bool = False) -> None:
        """A comment was read, or `written` by us."""
        with self._lock:
            thread = self._threads.get(number)
            if thread is None:
                return
            before = thread.said.get(comment.id)
            until = time.monotonic() + LAG if written else before.kept_until if before else 0.0
            thread.said[comment.id] = Said(comment, _moment_of(row), until, str(row.get("node_id") or ""))
            if before is None or before.comment != comment:
                thread.shown = None
                self.revision += 1

    def note_edit(self, number: int, comment: int, body: str) -> None:
        """We changed the text of a comment that is known."""
        with self._lock:
            thread = self._threads.get(number)
            if thread and (said := thread.said.get(comment)):
                said.comment, thread.shown = replace(said.comment, body=body), None
                self.revision += 1

    def note_talk(self, number: int) -> None:
        """Somebody spoke on an issue whose comments nobody wants: they are to be read before anybody does."""
        with self._lock:
            if thread := self._threads.get(number):
                thread.complete, thread.count = False, None

    def complete(self, number: int, there: Collection[int] | None) -> None:
        """The comments `there`, by id, are all there are, and others were deleted; None: those that are known."""
        with self._lock:
            thread = self._threads.get(number)
            if thread is None:
                return
            thread.complete = True
            if there is None:
                return
            thread.listed = True
            now = time.monotonic()
            deleted = [c for c, said in thread.said.items() if c not in there and said.kept_until <= now]
            for each in deleted:
                del thread.said[each]
            if deleted:
                thread.shown = None
                self.revision += 1

    # Pull requests.

    def knows_branch(self, branch: str) -> bool:
        """Whether the pull requests of this branch were read."""
        return branch in self._pulls

    def newest_pull(self, branch: str) -> PullRequest | None:
        """The open pull request of a branch, else its last one."""
        with self._lock:
            pulls = [shown.pull for shown in self._pulls.get(branch, {}).values()]
        return max(pulls, key=lambda pull: (pull.open, pull.number), default=None)

    def note_branch(self, branch: str, rows: Iterable[Row]) -> None:
        """All pull requests of a branch were read."""
        with self._lock:
            self._pulls.setdefault(branch, {})
            for row in rows:
                self.note_pull(row)

    def note_pull(self, row: Row) -> bool:
        """A pull request's row was read, or answered to a write of ours; whether it is one of a known branch."""
        pull = normalize.pull_from_rest(row)
        updated = _moment_of(row)
        with self._lock:
            self._strange.add(pull.number)
            own = self._pulls.get(pull.head)
            if own is None:
                return False
            before = own.get(pull.number)
            if before is None or not _older(updated, before.updated):
                own[pull.number] = Shown(before.pull if before and before.pull == pull else pull, updated)
                self.revision += before is None or before.pull != pull
            return True

    def forget_branches(self, branches: Iterable[str]) -> None:
        """The pull requests of these branches have to be read anew, once they are wanted."""
        with self._lock:
            for branch in branches:
                self._pulls.pop(branch, None)
                self.revision += 1

    def branches(self) -> tuple[str, ...]:
        """All branches whose pull requests were read."""
        with self._lock:
            return tuple(self._pulls)

    def is_news(self, row: Row) -> bool:
        """Whether an issue's row is of a pull request that may be one of ours and is not known to be as it says."""
        number, is_open = payload.number_of(row), payload.is_open(row)
        with self._lock:
            for own in self._pulls.values():
                if number in own:
                    return own[number].pull.open is not is_open
            strange = number not in self._strange
            self._strange.add(number)
            return strange


def _moment_of(row: Row) -> datetime | None:
    return normalize.updated_of(row) if row.get("updated_at") else None


def _older(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other

"""Issues as the forge showed them last, with our own writes since: nothing here asks anybody.

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
from cdock.adapters.github.shownpulls import ShownPulls
from cdock.adapters.payload import Row
from cdock.core.choices import ticked
from cdock.core.issues import Comment, Issue

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
    wrote: str | None = None
    """The text that we gave it last, where we did so since we began to look."""
    judged: bool = False
    """Whether it is known who ticked the boxes in it."""

    @property
    def unjudged(self) -> bool:
        """Whether it is a comment of ours with ticks of which nobody knows whose they are."""
        comment = self.comment
        return not self.judged and comment.mine and comment.body != self.wrote and bool(ticked(comment.body))


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
    ticks_judged: bool = False
    """Whether it is known who changed its text as it is."""
    ticked_by: str = ""
    ticked_by_writer: bool = False
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
    in_doubt: set[int] = field(default_factory=set)
    """Comments with ticks of which nobody knows whose they are, by id."""
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


class Picture:
    """Issues with their comments by number, and the `pulls` beside them. Safe to use from several threads."""

    def __init__(self) -> None:
        self.pulls = ShownPulls()
        self._revision = 0
        self._threads: dict[int, Thread] = {}
        self._label_ids: dict[str, str] = {}
        self._changed: set[int] = set()
        self._lock = threading.RLock()

    @property
    def revision(self) -> int:
        """Grows with every change that can be seen."""
        return self._revision + self.pulls.revision

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
                self._revision += 1
            elif normalize.older(issue.updated_at, known.issue.updated_at) or not self._current(
                known, issue, row
            ):
                return known
            if issue.body != known.issue.body:
                known.ticks_judged, known.ticked_by, known.ticked_by_writer = False, "", False
            if issue != known.issue:
                known.issue, known.shown = issue, None
                self._revision += 1
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
                self._revision += 1

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
                self._revision += 1

    def note_ticks(self, number: int, login: str, *, by_writer: bool) -> None:
        """Who changed an issue's text last, and whether all who did may write to the repository."""
        with self._lock:
            if known := self._threads.get(number):
                known.ticked_by, known.ticked_by_writer, known.ticks_judged = login, by_writer, True
                self._revision += 1

    def doubt(self, number: int) -> None:
        """A write to the issue may have been applied or not: it and its comments have to be read."""
        with self._lock:
            if known := self._threads.get(number):
                known.unsure, known.complete = True, False
                self._revision += 1

    def forget(self, numbers: Iterable[int]) -> None:
        """These issues are gone, or nobody wants them any more."""
        with self._lock:
            for number in numbers:
                if self._threads.pop(number, None):
                    self._revision += 1

    def compare_counts(self) -> None:
        """Where the forge counts other comments than are known, they have to be read. To be asked after both came."""
        with self._lock:
            changed, self._changed = self._changed, set()
            for number in changed:
                thread = self._threads.get(number)
                if thread and thread.complete and not thread.matches():
                    thread.complete = False
                    self._revision += 1

    # Comments.

    def known(self, number: int, row: Row) -> bool:
        """Whether nothing about a comment's row is new."""
        with self._lock:
            thread = self._threads.get(number)
            said = thread.said.get(payload.id_of(row)) if thread else None
            if said is None:
                return False
            updated = normalize.changed_of(row)
            if normalize.older(updated, said.updated):
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
            wrote = comment.body if written else before.wrote if before else None
            node = str(row.get("node_id") or "")
            said = Said(comment, normalize.changed_of(row), until, node, wrote)
            thread.said[comment.id] = said
            (thread.in_doubt.add if said.unjudged else thread.in_doubt.discard)(comment.id)
            if before is None or before.comment != comment:
                thread.shown = None
                self._revision += 1

    def note_edit(self, number: int, comment: int, body: str) -> None:
        """We changed the text of a comment that is known."""
        with self._lock:
            thread = self._threads.get(number)
            if thread and (said := thread.said.get(comment)):
                said.comment = replace(said.comment, body=body, ticked_by="", ticked_by_writer=False)
                said.wrote, said.judged, thread.shown = body, False, None
                thread.in_doubt.discard(comment)
                self._revision += 1

    def note_ticks_in(self, number: int, comment: int, login: str, *, by_writer: bool) -> None:
        """Who changed the text of a comment of ours last, and whether all who did may write to the repository."""
        with self._lock:
            thread = self._threads.get(number)
            if thread and (said := thread.said.get(comment)):
                said.comment = replace(said.comment, ticked_by=login, ticked_by_writer=by_writer)
                said.judged, thread.shown = True, None
                thread.in_doubt.discard(comment)
                self._revision += 1

    def unjudged(self, number: int) -> tuple[int, ...]:
        """The comments of ours on an issue with ticks of which nobody knows whose they are, by id."""
        with self._lock:
            thread = self._threads.get(number)
            return tuple(sorted(thread.in_doubt)) if thread else ()

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
                thread.in_doubt.discard(each)
            if deleted:
                thread.shown = None
                self._revision += 1

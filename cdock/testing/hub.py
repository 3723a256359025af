"""The forge with its git, shared by all machines, and what people do there."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cdock.core.messages import speaks_for_cdock
from cdock.core.model import Claim, Comment, Issue
from cdock.core.pulls import Check, CheckState, Opinion, PullRequest, Remark, Review, Thread
from cdock.testing.clock import MemoryClock

ROOT = "c0"


@dataclass
class MemoryHub:
    """The forge: issues, pull requests, branches and claims, shared by all machines."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    bot: str = "cdock-bot"
    writers: set[str] = field(default_factory=lambda: {"cdock-bot", "maria"})
    issues: dict[int, Issue] = field(default_factory=dict)
    labelled_by: dict[tuple[int, str], str] = field(default_factory=dict)
    """Who put a label on an issue last."""
    allowed_at: dict[tuple[int, str], tuple[int, datetime | None]] = field(default_factory=dict)
    """When somebody who may put it on last, and which of all changes that was."""
    edited_by: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Who changed the text of an issue last, and which of all changes that was."""
    seen: set[int] = field(default_factory=set)
    """Comments that were acknowledged."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Labels as they were first written: their case makes no difference."""
    closed_by: dict[int, str] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    closes: dict[int, int] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=lambda: {ROOT: ""})
    merges: dict[str, str] = field(default_factory=dict)
    """The second parents of commits."""
    branches: dict[str, str] = field(default_factory=lambda: {"main": ROOT})
    refs: dict[int, Claim] = field(default_factory=dict)
    unfinished: dict[int, str] = field(default_factory=dict)
    """Uncommitted work that was kept, by issue."""
    numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))
    serial: int = 0

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    # What people do.

    def open_issue(self, title: str, *, body: str = "", by: str = "maria", labels: Sequence[str] = ()) -> int:
        """A person opens an issue; its number."""
        number = next(iter(self.numbers))
        self.issues[number] = Issue(
            number=number,
            id=7_000_000 + self._next(),
            title=title,
            body=body,
            author=by,
            url=f"memory://issues/{number}",
            created_at=self.clock.now(),
        )
        for label in labels:
            self.label(number, label, by=by)
        return number

    def label(self, number: int, label: str, *, by: str = "maria") -> None:
        """Somebody puts a label on."""
        known = self.spelled.setdefault(label.casefold(), label)
        self._edit(number, labels=self.issues[number].labels | {known})
        self.labelled_by[number, label.casefold()] = by
        if by in self.writers:
            self.allowed_at[number, label.casefold()] = self._next(), self.clock.now()

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        """Somebody changes the text of an issue."""
        issue = self.issues[number]
        self._edit(
            number,
            title=issue.title if title is None else title,
            body=issue.body if body is None else body,
        )
        self.edited_by[number] = by, self._next()

    def unlabel(self, number: int, label: str) -> None:
        """Somebody takes a label off."""
        known = self.spelled.get(label.casefold(), label)
        self._edit(number, labels=self.issues[number].labels - {known})

    def comment(self, number: int, body: str, *, by: str = "maria") -> int:
        """Somebody comments; the comment's id."""
        comment = Comment(
            id=8_000_000 + self._next(),
            author=by,
            body=body,
            created_at=self.clock.now(),
            mine=by == self.bot and speaks_for_cdock(body),
            by_writer=by in self.writers,
        )
        self._edit(number, comments=(*self.issues[number].comments, comment))
        return comment.id

    def edit_comment(self, number: int, body: str) -> None:
        """Somebody changes the newest comment of an issue."""
        *others, newest = self.issues[number].comments
        self._edit(number, comments=(*others, replace(newest, body=body)))

    def close(self, number: int, *, by: str = "maria") -> None:
        """Somebody closes an issue."""
        if self.issues[number].open:
            self._edit(number, open=False)
            self.closed_by[number] = by

    def reopen(self, number: int) -> None:
        """Somebody opens a closed issue again."""
        self._edit(number, open=True)
        self.closed_by.pop(number, None)

    def merge(self, pull: int) -> None:
        """Somebody merges a pull request; the issue it closes closes."""
        found = self.pulls[pull]
        self.pulls[pull] = replace(found, open=False, merged=True)
        self.branches["main"] = self.branches[found.head]
        if pull in self.closes:
            self.close(self.closes[pull])

    def close_pull(self, pull: int) -> None:
        """Somebody closes a pull request without merging it."""
        self.pulls[pull] = replace(self.pulls[pull], open=False)

    def tick(self, number: int, key: str, *, by: str = "maria") -> None:
        """Somebody ticks a box in an issue."""
        body = self.issues[number].body
        lines = [
            line.replace("- [ ]", "- [x]", 1) if line.endswith(f"<!-- cdock:choice {key} -->") else line
            for line in body.split("\n")
        ]
        if "\n".join(lines) == body:
            raise ValueError(f"there is no box {key} in #{number}")
        self.edit(number, by=by, body="\n".join(lines))

    def review(
        self,
        pull: int,
        body: str = "",
        *,
        by: str = "maria",
        opinion: Opinion = Opinion.CHANGES,
        about: Sequence[str] = (),
    ) -> None:
        """Somebody reviews a pull request; `about` are remarks on lines, a thread each."""
        there = self.pulls[pull]
        review = Review(opinion, self._remark(body, by=by), commit=there.commit)
        threads = tuple(
            Thread(f"thread-{self._next()}", "a.py", n, resolved=False, remarks=(self._remark(text, by=by),))
            for n, text in enumerate(about, start=1)
        )
        self.pulls[pull] = replace(
            there, reviews=(*there.reviews, review), threads=(*there.threads, *threads)
        )

    def remark(self, pull: int, thread: str, body: str, *, by: str = "maria") -> None:
        """Somebody answers in a thread."""
        there = self.pulls[pull]
        said = self._remark(body, by=by)
        threads = tuple(
            replace(t, remarks=(*t.remarks, said)) if t.ref == thread else t for t in there.threads
        )
        self.pulls[pull] = replace(there, threads=threads)

    def _remark(self, body: str, *, by: str) -> Remark:
        return Remark(
            id=9_000_000 + self._next(),
            author=by,
            body=body,
            created_at=self.clock.now(),
            mine=by == self.bot and speaks_for_cdock(body),
            by_writer=by in self.writers,
        )

    def check(self, pull: int, name: str, state: CheckState, summary: str = "") -> None:
        """A check on the newest commit of a pull request ends, or begins."""
        there = self.pulls[pull]
        others = tuple(check for check in there.checks if check.name != name)
        made = Check(f"check-{self._next()}", name, state, summary=summary)
        self.pulls[pull] = replace(there, checks=(*others, made))

    def conflict(self, pull: int) -> None:
        """The branch that a pull request goes to moves, to where it conflicts."""
        self.push("main")
        self.pulls[pull] = replace(self.pulls[pull], conflicting=True)

    def push(self, branch: str) -> str:
        """Somebody pushes a commit of their own to a branch, new or old; the commit."""
        self.branches[branch] = self.commit(self.branches.get(branch, self.branches["main"]))
        return self.branches[branch]

    def commit(self, parent: str) -> str:
        """A new commit on `parent`."""
        oid = f"c{self._next()}"
        self.commits[oid] = parent
        return oid

    def merged(self, one: str, other: str) -> str:
        """A new commit on both."""
        oid = self.commit(one)
        self.merges[oid] = other
        return oid

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is in the history of `commit`."""
        ways = [commit]
        while ways:
            here = ways.pop()
            if here == ancestor:
                return True
            ways += [parent for parent in (self.commits.get(here, ""), self.merges.get(here, "")) if parent]
        return False

    def _edit(self, number: int, **changes: Any) -> None:
        self.issues[number] = replace(self.issues[number], **changes, updated_at=self.clock.now())

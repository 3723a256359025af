"""What people do to the issues of memory."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cdock.core.issues import Comment, Issue
from cdock.core.marker import speaks_for_cdock
from cdock.testing.clock import MemoryClock
from cdock.testing.history import Serial


@dataclass
class MemoryIssues(Serial):
    """The issues of one repository, and who may do what to them."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    bot: str = "cdock-bot"
    writers: set[str] = field(default_factory=lambda: {"cdock-bot", "maria"})
    issues: dict[int, Issue] = field(default_factory=dict)
    labelled_by: dict[tuple[int, str], str] = field(default_factory=dict)
    """Who put a label on an issue last."""
    allowed_at: dict[tuple[int, str], tuple[int, datetime | None]] = field(default_factory=dict)
    """When somebody who may put it on last, and which of all changes that was."""
    edits: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """Who changed the text of an issue, and which of all changes that was, oldest first."""
    seen: set[int] = field(default_factory=set)
    """Comments that were acknowledged."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Labels as they were first written: their case makes no difference."""
    closed_by: dict[int, str] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)
    """What issues are a part of."""
    blockers: dict[int, set[int]] = field(default_factory=dict)
    """What issues wait for."""
    labels: set[str] = field(default_factory=set)
    """Labels that were made without being put on anything."""
    reworded: dict[int, list[str]] = field(default_factory=dict)
    """Who changed the text of a comment since its author wrote it or wrote it anew."""
    numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

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

    def unlabel(self, number: int, label: str) -> None:
        """Somebody takes a label off."""
        known = self.spelled.get(label.casefold(), label)
        self._edit(number, labels=self.issues[number].labels - {known})

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        """Somebody changes the text of an issue."""
        issue = self.issues[number]
        self._edit(
            number,
            title=issue.title if title is None else title,
            body=issue.body if body is None else body,
        )
        self.edits.setdefault(number, []).append((by, self._next()))

    def tick(self, number: int, key: str, *, by: str = "maria") -> None:
        """Somebody ticks a box in an issue."""
        self.edit(number, by=by, body=_ticked(self.issues[number].body, key, where=f"#{number}"))

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

    def tick_comment(self, number: int, comment: int, key: str, *, by: str = "maria") -> None:
        """Somebody ticks a box in a comment on an issue."""
        body = next(each.body for each in self.issues[number].comments if each.id == comment)
        self.reword(number, comment, _ticked(body, key, where=f"comment {comment}"), by=by)

    def reword(self, number: int, comment: int, body: str, *, by: str = "") -> None:
        """A comment on an issue gets another text: by its author, as their program writes it, or by a person."""
        self.reworded[comment] = [*self.reworded.get(comment, ()), by] if by else []
        comments = self.issues[number].comments
        self._edit(number, comments=tuple(replace(c, body=body) if c.id == comment else c for c in comments))

    def close(self, number: int, *, by: str = "maria", dropped: bool = False) -> None:
        """Somebody closes an issue, as completed or as not planned."""
        if self.issues[number].open:
            self._edit(number, open=False, dropped=dropped)
            self.closed_by[number] = by

    def reopen(self, number: int) -> None:
        """Somebody opens a closed issue again."""
        self._edit(number, open=True, dropped=False)
        self.closed_by.pop(number, None)

    def block(self, number: int, by: int) -> None:
        """Somebody lets an issue wait for another one."""
        self.blockers.setdefault(number, set()).add(by)

    def blocked_by(self, number: int) -> int:
        """How many open issues this one waits for."""
        return sum(self.issues[other].open for other in self.blockers.get(number, ()))

    def _edit(self, number: int, **changes: Any) -> None:
        self.issues[number] = replace(self.issues[number], **changes, updated_at=self.clock.now())


def _ticked(body: str, key: str, *, where: str) -> str:
    lines = [
        line.replace("- [ ]", "- [x]", 1) if line.endswith(f"<!-- cdock:choice {key} -->") else line
        for line in body.split("\n")
    ]
    if "\n".join(lines) == body:
        raise ValueError(f"there is no box {key} in {where}")
    return "\n".join(lines)

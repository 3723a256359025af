"""What a forge shows of a pull request: its state, what people say about it, and what its checks say."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Remark:
    """Words about a pull request: a comment in a thread, or the text of a review.

    `mine`: we wrote it; `by_writer`: its author may write to the repository.
    """

    id: int
    author: str
    body: str
    created_at: datetime
    mine: bool = False
    by_writer: bool = False


@dataclass(frozen=True)
class Thread:
    """A conversation about a line. `ref` tells one thread from another and is what a reply is sent to."""

    ref: str
    path: str
    line: int
    """0 when it is about the whole file, or about a line that is gone."""
    resolved: bool
    remarks: tuple[Remark, ...] = ()


class Opinion(StrEnum):
    """What a review says as a whole."""

    APPROVED = "approved"
    CHANGES = "changes"
    COMMENT = "comment"


@dataclass(frozen=True)
class Review:
    """A submitted review; `remark.body` may be empty, its inline comments are threads. `commit` is what it is about."""

    opinion: Opinion
    remark: Remark
    commit: str = ""


class CheckState(StrEnum):
    """Where a check stands."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """A check run or a commit status on the newest commit of a pull request.

    `ref` tells one result from another, so that a check that failed again is a new one.
    """

    ref: str
    name: str
    state: CheckState
    summary: str = ""
    url: str = ""


@dataclass(frozen=True)
class PullRequest:
    """The pull request of a task's branch. What is said about it is only looked at while it is open."""

    number: int
    url: str
    head: str
    open: bool = True
    merged: bool = False
    draft: bool = False
    body: str = ""
    commit: str = ""
    """The commit it stands at; empty when the forge did not say."""
    conflicting: bool = False
    """Whether it cannot be merged because of conflicts, as far as the forge has found out."""
    target: str = ""
    """The newest commit of the branch it goes to; empty when the forge did not say."""
    remarks: tuple[Remark, ...] = ()
    """Its conversation, without ours."""
    reviews: tuple[Review, ...] = ()
    threads: tuple[Thread, ...] = ()
    checks: tuple[Check, ...] = ()

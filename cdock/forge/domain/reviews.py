"""Reviews: somebody's opinion of a pull request, with comments on its lines.

Nothing requires a review here, as on GitHub without a branch protection rule; GraphQL's `reviewDecision` is null then,
whatever reviewers said. Who wants to know asks for `opinions`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdock.forge.domain import (
    events,
    issues,
    notices,
    references,
    refs,
    repos,
    reviewcomments,
    reviewers,
    threads,
)
from cdock.forge.domain.errors import Forbidden, NotFound, unprocessable
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.roles import Role, allows, require
from cdock.forge.domain.threads import Anchor, Thread
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of

EVENTS: Final = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
"""What a reviewer does, and the state that their review has then."""
_KIND: Final = "PullRequestReview"
_NOT_ONES_OWN: Final = {"APPROVE": "approve", "REQUEST_CHANGES": "request changes on"}


@dataclass(frozen=True)
class Review:
    """A review as it is now.

    `state`: PENDING (seen by its author only), COMMENTED, APPROVED, CHANGES_REQUESTED, DISMISSED. `oid` is the commit
    that was looked at; `submitted` is None while pending.
    """

    id: int
    issue_id: int
    author: User
    state: str
    body: str
    oid: str
    created: datetime
    updated: datetime
    submitted: datetime | None
    editor: User | None

    @property
    def pending(self) -> bool:
        """Whether it is not submitted yet."""
        return self.state == "PENDING"


@dataclass(frozen=True)
class Draft:
    """A comment to be made with a review."""

    anchor: Anchor
    body: str


def of_pull(tx: Tx, pull: Pull, *, viewer: User | None) -> list[Review]:
    """The reviews of a pull request that somebody sees, oldest first."""
    found = _load(tx, tx.rows("SELECT * FROM review WHERE issue_id = ? ORDER BY id", pull.issue.id))
    return [review for review in found if visible(review, viewer)]


def find(tx: Tx, pull: Pull, review_id: int, *, viewer: User | None) -> Review:
    """One review of a pull request. Raises NotFound."""
    found = by_ids_of(tx, [review_id]).get(review_id)
    if found is None or found.issue_id != pull.issue.id or not visible(found, viewer):
        raise NotFound
    return found


def by_ids_of(tx: Tx, ids: Iterable[int]) -> dict[int, Review]:
    """Reviews by id, of whatever pull request, pending ones too (see `visible`)."""
    wanted = sorted(set(ids))
    marks = ",".join("?" * len(wanted))
    rows = tx.rows(f"SELECT * FROM review WHERE id IN ({marks})", *wanted)  # noqa: S608
    return {review.id: review for review in _load(tx, rows)}


def visible(review: Review, viewer: User | None) -> bool:
    """Whether somebody may know of the review."""
    return not review.pending or (viewer is not None and viewer.id == review.author.id)


def opinions(tx: Tx, pull: Pull) -> list[Review]:
    """The last approval or request for changes of each reviewer, in time order.

    One that was dismissed does not count, so that the one before it does again.
    """
    last: dict[int, Review] = {}
    for review in of_pull(tx, pull, viewer=None):
        if review.state in {"APPROVED", "CHANGES_REQUESTED"}:
            last.pop(review.author.id, None)
            last[review.author.id] = review
    return list(last.values())


def latest(tx: Tx, pull: Pull) -> list[Review]:
    """The last review of each reviewer, whatever its state, by reviewer in time order."""
    last: dict[int, Review] = {}
    for review in of_pull(tx, pull, viewer=None):
        last.pop(review.author.id, None)
        last[review.author.id] = review
    return list(last.values())


def create(
    tx: Tx,
    repo: Repo,
    pull: Pull,
    *,
    actor: User | None,
    event: str | None = None,
    body: str = "",
    oid: str | None = None,
    comments: Sequence[Draft] = (),
) -> Review:
    """Review a pull request. Everybody who may read it may do so; without an event the review stays pending.

    Raises Invalid for an event of `EVENTS` on one's own pull request other than COMMENT, for a second pending review,
    for an unknown commit, for a comment that is nowhere in the diff, and when nothing was said that must be.
    """
    person = _reviewer(tx, repo, pull, actor)
    if pending_of(tx, pull, person) is not None:
        raise unprocessable(_KIND, "User can only have one pending review per pull request")
    review_id = _insert(tx, repo, pull, person, oid=oid, body=body)
    for draft in comments:
        _comment(tx, repo, pull, review_id, draft.anchor, draft.body, author=person)
    if event is not None:
        _submit(tx, repo, pull, by_ids_of(tx, [review_id])[review_id], event=event, body=body)
    return by_ids_of(tx, [review_id])[review_id]


def submit(
    tx: Tx, repo: Repo, pull: Pull, review: Review, *, actor: User | None, event: str, body: str | None = None
) -> Review:
    """Submit one's pending review; `body` replaces its text when given."""
    _own_pending(tx, repo, pull, review, actor)
    _submit(tx, repo, pull, review, event=event, body=review.body if body is None else body)
    return by_ids_of(tx, [review.id])[review.id]


def edit(tx: Tx, repo: Repo, pull: Pull, review: Review, body: str, *, actor: User | None) -> Review:
    """Change the text of one's review."""
    person = _reviewer(tx, repo, pull, actor)
    if person.id != review.author.id:
        raise Forbidden("You may edit your own reviews only.")
    if body != review.body:
        text = issues.checked_body(body, kind=_KIND) or ""
        tx.update("review", review.id, body=text, updated=tx.stamp, editor_id=person.id)
        if not review.pending:
            references.note_mentions(tx, repo, pull.issue.id, text, actor=person)
            issues.touch(tx, pull.issue.id)
            notices.tell(
                tx,
                repo,
                "pull_request_review",
                "edited",
                actor=person,
                review_id=review.id,
                changes={"body": {"from": review.body}},
            )
    return by_ids_of(tx, [review.id])[review.id]


def discard(tx: Tx, repo: Repo, pull: Pull, review: Review, *, actor: User | None) -> None:
    """Drop one's pending review with its comments. Raises Invalid for a submitted one."""
    _own_pending(tx, repo, pull, review, actor)
    tx.run("DELETE FROM review WHERE id = ?", review.id)
    _drop_empty_threads(tx, pull)


def dismiss(tx: Tx, repo: Repo, pull: Pull, review: Review, message: str, *, actor: User | None) -> Review:
    """Take the weight off an approval or a request for changes, and say why. Needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    if not message.strip():
        raise unprocessable(_KIND, "message is missing")
    if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise unprocessable(_KIND, f"Can not dismiss a {review.state.lower()} pull request review")
    tx.update("review", review.id, state="DISMISSED", updated=tx.stamp)
    events.record(
        tx,
        repo,
        pull.issue.id,
        "review_dismissed",
        actor=person,
        review=review.id,
        state=review.state.lower(),
        message=message,
    )
    issues.touch(tx, pull.issue.id)
    return by_ids_of(tx, [review.id])[review.id]


def pending_of(tx: Tx, pull: Pull, user: User | None) -> Review | None:
    """Somebody's review that is not submitted yet, if there is one."""
    return next((one for one in of_pull(tx, pull, viewer=user) if one.pending), None) if user else None


def comment(
    tx: Tx,
    repo: Repo,
    pull: Pull,
    anchor: Anchor,
    body: str,
    *,
    actor: User | None,
    oid: str | None = None,
    review: Review | None = None,
) -> ReviewComment:
    """Begin a thread: in one's pending review when it is given, else at once, as a review of its own."""
    person = _reviewer(tx, repo, pull, actor)
    if review is not None:
        _own_pending(tx, repo, pull, review, actor)
        comment_id = _comment(tx, repo, pull, review.id, anchor, body, author=person)
        return reviewcomments.find(tx, repo, comment_id, viewer=person)
    fresh = create(tx, repo, pull, actor=person, event="COMMENT", oid=oid, comments=[Draft(anchor, body)])
    return reviewcomments.of_review(tx, fresh.id)[0]


def reply(
    tx: Tx,
    repo: Repo,
    pull: Pull,
    thread: Thread,
    body: str,
    *,
    actor: User | None,
    review: Review | None = None,
) -> ReviewComment:
    """Answer in a thread: in one's pending review when it is given, else at once, as a review of its own."""
    person = _reviewer(tx, repo, pull, actor)
    if review is not None:
        _own_pending(tx, repo, pull, review, actor)
        review_id = review.id
    elif pending_of(tx, pull, person) is not None:
        raise unprocessable(_KIND, "User can only have one pending review per pull request")
    else:
        review_id = _insert(tx, repo, pull, person, oid=None, body="")
    comment_id = reviewcomments.insert(
        tx,
        repo,
        issue_id=pull.issue.id,
        thread_id=thread.id,
        review_id=review_id,
        author=person,
        body=body,
        reply_to=thread.comments[0].id,
    )
    if review is None:
        _submit(tx, repo, pull, by_ids_of(tx, [review_id])[review_id], event="COMMENT", body="")
    return reviewcomments.find(tx, repo, comment_id, viewer=person)


def _reviewer(tx: Tx, repo: Repo, pull: Pull, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    if pull.issue.locked and not allows(tx, repo, person, Role.WRITE):
        raise Forbidden("Unable to create comment because issue is locked.")
    return person


def _own_pending(tx: Tx, repo: Repo, pull: Pull, review: Review, actor: User | None) -> None:
    person = _reviewer(tx, repo, pull, actor)
    if review.author.id != person.id:
        raise NotFound
    if not review.pending:
        raise unprocessable(_KIND, "Can not change a review that is submitted")


def _insert(tx: Tx, repo: Repo, pull: Pull, author: User, *, oid: str | None, body: str) -> int:
    if oid is not None and (not refs.is_oid(oid) or refs.resolved(repo, [oid])[0] != oid):
        raise unprocessable(_KIND, "The commit_id is not part of the pull request")
    return tx.insert(
        "review",
        issue_id=pull.issue.id,
        author_id=author.id,
        state="PENDING",
        body=issues.checked_body(body, kind=_KIND) or "",
        oid=oid or pull.head_oid,
        created=tx.stamp,
        updated=tx.stamp,
    )


def _comment(
    tx: Tx, repo: Repo, pull: Pull, review_id: int, anchor: Anchor, body: str, *, author: User
) -> int:
    review = by_ids_of(tx, [review_id])[review_id]
    return reviewcomments.insert(
        tx,
        repo,
        issue_id=pull.issue.id,
        thread_id=threads.begin(tx, repo, pull, anchor, oid=review.oid),
        review_id=review_id,
        author=author,
        body=body,
        reply_to=None,
    )


def _submit(tx: Tx, repo: Repo, pull: Pull, review: Review, *, event: str, body: str) -> None:
    if event not in EVENTS:
        raise unprocessable(_KIND, f"event must be one of {', '.join(EVENTS)}")
    person = review.author
    if event in _NOT_ONES_OWN and person.id == pull.issue.author.id:
        raise unprocessable(_KIND, f"Can not {_NOT_ONES_OWN[event]} your own pull request")
    said = reviewcomments.of_review(tx, review.id)
    if not body.strip() and (event == "REQUEST_CHANGES" or (event == "COMMENT" and not said)):
        raise unprocessable(_KIND, "You need to leave a comment: body is missing")
    tx.update(
        "review",
        review.id,
        state=EVENTS[event],
        body=issues.checked_body(body, kind=_KIND) or "",
        submitted=tx.stamp,
        updated=tx.stamp,
    )
    reviewers.fulfil(tx, pull, person)
    events.record(tx, repo, pull.issue.id, "reviewed", actor=person, oid=review.oid, review=review.id)
    for text in (body, *(one.body for one in said)):
        references.note_mentions(tx, repo, pull.issue.id, text, actor=person)
    for one in said:
        notices.tell(tx, repo, "pull_request_review_comment", "created", actor=person, comment_id=one.id)
    issues.touch(tx, pull.issue.id)


def _drop_empty_threads(tx: Tx, pull: Pull) -> None:
    tx.run(
        "DELETE FROM review_thread WHERE issue_id = ? "
        "AND NOT EXISTS (SELECT 1 FROM review_comment WHERE thread_id = review_thread.id)",
        pull.issue.id,
    )


def _load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Review]:
    rows = list(rows)
    people = by_ids(tx, [row[key] for row in rows for key in ("author_id", "editor_id")])
    return [
        Review(
            id=row["id"],
            issue_id=row["issue_id"],
            author=people[row["author_id"]],
            state=row["state"],
            body=row["body"],
            oid=row["oid"],
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            submitted=moment_of(row["submitted"]) if row["submitted"] else None,
            editor=people.get(row["editor_id"]),
        )
        for row in rows
    ]

"""Comments on lines of a pull request. Each belongs to a thread (`threads`) and to a review (`reviews`).

Comments of a review that is not submitted yet exist for their author only; whoever lists comments says who looks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cdock.forge.domain import issues, notices, references, repos
from cdock.forge.domain.errors import NotFound, missing
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, allows, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of, text_of


@dataclass(frozen=True)
class ReviewComment:
    """A comment as it is now; `reply_to` is the id of its thread's first comment, None for that one itself.

    `pending` while its review is not submitted; `editor` is set once its text was changed.
    """

    id: int
    issue_id: int
    issue_number: int
    thread_id: int
    review_id: int
    author: User
    body: str
    reply_to: int | None
    created: datetime
    updated: datetime
    editor: User | None
    pending: bool


def find(tx: Tx, repo: Repo, comment_id: int, *, viewer: User | None) -> ReviewComment:
    """One comment by its id. Raises NotFound."""
    found = _where(tx, "review_comment.repo_id = ? AND review_comment.id = ?", repo.id, comment_id)
    if not found or not visible(found[0], viewer):
        raise NotFound
    return found[0]


def repo_id_of(tx: Tx, comment_id: int) -> int:
    """The repository in which a comment is. Raises NotFound."""
    row = tx.row("SELECT repo_id FROM review_comment WHERE id = ?", comment_id)
    if row is None:
        raise NotFound
    return int(row["repo_id"])


def of_issue(tx: Tx, issue_id: int, *, viewer: User | None) -> list[ReviewComment]:
    """All comments on lines of a pull request (by its issue's id), oldest first."""
    found = _where(tx, "review_comment.issue_id = ? ORDER BY review_comment.id", issue_id)
    return [comment for comment in found if visible(comment, viewer)]


def of_review(tx: Tx, review_id: int) -> list[ReviewComment]:
    """The comments that were made with a review, oldest first."""
    return _where(tx, "review_comment.review_id = ? ORDER BY review_comment.id", review_id)


def count(tx: Tx, issue_id: int) -> int:
    """How many comments on lines a pull request has, pending ones not counted."""
    row = tx.row(
        "SELECT count(*) AS n FROM review_comment JOIN review ON review.id = review_id "
        "WHERE review_comment.issue_id = ? AND state <> 'PENDING'",
        issue_id,
    )
    return int(row["n"]) if row is not None else 0


def list_page(
    tx: Tx,
    repo: Repo,
    *,
    viewer: User | None,
    issue_id: int | None = None,
    since: datetime | None = None,
    sort: str = "created",
    descending: bool = False,
    limit: int,
    skip: int = 0,
) -> tuple[list[ReviewComment], int]:
    """Comments on lines of all pull requests, or of one, and how many there are without the limit.

    `since` keeps those written or changed at that moment or later.
    """
    order = "DESC" if descending else "ASC"
    key = "review_comment.updated" if sort == "updated" else "review_comment.created"
    where = (
        "review_comment.repo_id = ?1 AND (?2 IS NULL OR review_comment.issue_id = ?2) "
        "AND (?3 IS NULL OR review_comment.updated >= ?3) "
        "AND (review.state <> 'PENDING' OR review.author_id = ?4)"
    )
    values = (repo.id, issue_id, since and text_of(since), viewer.id if viewer else 0)
    total = tx.row(f"SELECT count(*) AS n {_FROM} WHERE {where}", *values)
    found = _where(
        tx,
        f"{where} ORDER BY {key} {order}, review_comment.id {order} LIMIT ?5 OFFSET ?6",
        *values,
        limit,
        skip,
    )
    return found, int(total["n"]) if total is not None else 0


def edit(tx: Tx, repo: Repo, comment: ReviewComment, body: str, *, actor: User | None) -> ReviewComment:
    """Change a comment's text: one's own, or anybody's with write access."""
    person = _require_author(tx, repo, comment, actor)
    if body != comment.body:
        tx.update(
            "review_comment",
            comment.id,
            body=checked(body, kind="PullRequestReviewComment"),
            updated=tx.stamp,
            editor_id=person.id,
        )
        if not comment.pending:
            references.note_mentions(tx, repo, comment.issue_id, body, actor=person)
            issues.touch(tx, comment.issue_id)
            notices.tell(
                tx,
                repo,
                "pull_request_review_comment",
                "edited",
                actor=person,
                comment_id=comment.id,
                changes={"body": {"from": comment.body}},
            )
    return find(tx, repo, comment.id, viewer=person)


def delete(tx: Tx, repo: Repo, comment: ReviewComment, *, actor: User | None) -> None:
    """Remove a comment: one's own, or anybody's with write access. Its thread ends with its last comment."""
    person = _require_author(tx, repo, comment, actor)
    if not comment.pending:
        issues.touch(tx, comment.issue_id)
        notices.tell(tx, repo, "pull_request_review_comment", "deleted", actor=person, comment=comment)
    tx.run("DELETE FROM review_comment WHERE id = ?", comment.id)
    rest = tx.row("SELECT min(id) AS first FROM review_comment WHERE thread_id = ?", comment.thread_id)
    if rest is not None and rest["first"] is not None:
        # What answered the first comment now answers the one after it.
        first = rest["first"]
        tx.run("UPDATE review_comment SET reply_to = ? WHERE thread_id = ?", first, comment.thread_id)
        tx.run("UPDATE review_comment SET reply_to = NULL WHERE id = ?", first)


def may_edit(tx: Tx, repo: Repo, comment: ReviewComment, actor: User | None) -> bool:
    """Whether this user may change or remove it."""
    return actor is not None and (actor.id == comment.author.id or allows(tx, repo, actor, Role.WRITE))


def visible(comment: ReviewComment, viewer: User | None) -> bool:
    """Whether somebody may know of the comment."""
    return not comment.pending or (viewer is not None and viewer.id == comment.author.id)


def insert(
    tx: Tx,
    repo: Repo,
    *,
    issue_id: int,
    thread_id: int,
    review_id: int,
    author: User,
    body: str,
    reply_to: int | None,
) -> int:
    """The bare row of a new comment; gives its id. Raises Invalid for a text out of bounds."""
    return tx.insert(
        "review_comment",
        repo_id=repo.id,
        issue_id=issue_id,
        thread_id=thread_id,
        review_id=review_id,
        author_id=author.id,
        reply_to=reply_to,
        body=checked(body, kind="PullRequestReviewComment"),
        created=tx.stamp,
        updated=tx.stamp,
    )


def checked(body: str, *, kind: str) -> str:
    """The text, known to be within GitHub's bounds. Raises Invalid."""
    if not body.strip():
        raise missing(kind, "body")
    return issues.checked_body(body, kind=kind) or ""


def by_threads(tx: Tx, thread_ids: Iterable[int], *, viewer: User | None) -> dict[int, list[ReviewComment]]:
    """The comments that somebody sees in each of these threads, oldest first."""
    wanted = sorted(set(thread_ids))
    marks = ",".join("?" * len(wanted))
    found: dict[int, list[ReviewComment]] = {thread_id: [] for thread_id in wanted}
    for comment in _where(tx, f"thread_id IN ({marks}) ORDER BY review_comment.id", *wanted):
        if visible(comment, viewer):
            found[comment.thread_id].append(comment)
    return found


_FROM = "FROM review_comment JOIN review ON review.id = review_id JOIN issue ON issue.id = review_comment.issue_id"


def _where(tx: Tx, condition: str, *values: object) -> list[ReviewComment]:
    return _load(
        tx,
        tx.rows(
            f"SELECT review_comment.*, review.state AS review_state, number {_FROM} WHERE {condition}",
            *values,
        ),
    )


def _load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[ReviewComment]:
    rows = list(rows)
    people = by_ids(tx, [row[key] for row in rows for key in ("author_id", "editor_id")])
    return [
        ReviewComment(
            id=row["id"],
            issue_id=row["issue_id"],
            issue_number=row["number"],
            thread_id=row["thread_id"],
            review_id=row["review_id"],
            author=people[row["author_id"]],
            body=row["body"],
            reply_to=row["reply_to"],
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            editor=people.get(row["editor_id"]),
            pending=row["review_state"] == "PENDING",
        )
        for row in rows
    ]


def _require_author(tx: Tx, repo: Repo, comment: ReviewComment, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    return person if person.id == comment.author.id else require(tx, repo, person, Role.WRITE)

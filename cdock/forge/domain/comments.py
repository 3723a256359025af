"""Comments on issues and pull requests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cdock.forge.domain import edits, events, issues, notices, reactions, references, repos
from cdock.forge.domain.errors import Forbidden, NotFound, missing
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, allows, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of, text_of


@dataclass(frozen=True)
class Comment:
    """A comment as it is now; `editor` is set once its text was changed."""

    id: int
    issue_id: int
    issue_number: int
    on_pull: bool
    author: User
    body: str
    created: datetime
    updated: datetime
    editor: User | None
    reactions: Mapping[str, int]

    @property
    def edited(self) -> bool:
        """Whether its text was changed after it was written."""
        return self.editor is not None


def create(tx: Tx, repo: Repo, issue: Issue, body: str, *, actor: User | None) -> Comment:
    """Write a comment. Raises Forbidden on a locked issue unless one may write to the repository."""
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    if issue.locked and not allows(tx, repo, person, Role.WRITE):
        raise Forbidden("Unable to create comment because issue is locked.")
    comment_id = tx.insert(
        "comment",
        issue_id=issue.id,
        repo_id=repo.id,
        author_id=person.id,
        body=_checked(body),
        created=tx.stamp,
        updated=tx.stamp,
    )
    events.record(tx, repo, issue.id, "commented", actor=person, comment=comment_id)
    references.note_mentions(tx, repo, issue.id, body, actor=person)
    issues.touch(tx, issue.id)
    return find(tx, repo, comment_id)


def find(tx: Tx, repo: Repo, comment_id: int) -> Comment:
    """One comment by its id. Raises NotFound."""
    found = load(tx, tx.rows(f"{_SELECT} WHERE comment.repo_id = ? AND comment.id = ?", repo.id, comment_id))
    if not found:
        raise NotFound
    return found[0]


def by_id(tx: Tx, comment_id: int) -> Comment:
    """One comment by its id, of whatever repository. Raises NotFound."""
    found = load(tx, tx.rows(f"{_SELECT} WHERE comment.id = ?", comment_id))
    if not found:
        raise NotFound
    return found[0]


def of_issue(tx: Tx, issue: Issue, *, since: datetime | None = None) -> list[Comment]:
    """The comments on one issue, oldest first; with `since` those written or changed at that moment or later."""
    rows = tx.rows(
        f"{_SELECT} WHERE comment.issue_id = ?1 AND (?2 IS NULL OR comment.updated >= ?2) ORDER BY comment.id",
        issue.id,
        since and text_of(since),
    )
    return load(tx, rows)


def of_repo(
    tx: Tx,
    repo: Repo,
    *,
    since: datetime | None = None,
    sort: str = "created",
    descending: bool = False,
    limit: int,
    skip: int = 0,
) -> tuple[list[Comment], int]:
    """Comments on all issues of a repository, and how many there are without the limit."""
    order = "DESC" if descending else "ASC"
    key = "comment.updated" if sort == "updated" else "comment.created"
    where = "comment.repo_id = ?1 AND (?2 IS NULL OR comment.updated >= ?2)"
    changed = since and text_of(since)
    total = tx.row(f"SELECT count(*) AS n FROM comment WHERE {where}", repo.id, changed)  # noqa: S608
    rows = tx.rows(
        f"{_SELECT} WHERE {where} ORDER BY {key} {order}, comment.id {order} LIMIT ?3 OFFSET ?4",
        repo.id,
        changed,
        limit,
        skip,
    )
    return load(tx, rows), int(total["n"]) if total is not None else 0


def edit(tx: Tx, repo: Repo, comment: Comment, body: str, *, actor: User | None) -> Comment:
    """Change a comment's text: one's own, or anybody's with write access."""
    person = _require_author(tx, repo, comment, actor)
    if body != comment.body:
        tx.update("comment", comment.id, body=_checked(body), updated=tx.stamp, editor_id=person.id)
        edits.note_in(tx, comment, body, editor=person)
        changed = {"body": {"from": comment.body}}
        notices.tell(
            tx, repo, "issue_comment", "edited", actor=person, comment_id=comment.id, changes=changed
        )
        references.note_mentions(tx, repo, comment.issue_id, body, actor=person)
    return find(tx, repo, comment.id)


def delete(tx: Tx, repo: Repo, comment: Comment, *, actor: User | None) -> None:
    """Remove a comment: one's own, or anybody's with write access."""
    person = _require_author(tx, repo, comment, actor)
    notices.tell(tx, repo, "issue_comment", "deleted", actor=person, comment=comment)
    tx.run("DELETE FROM reaction WHERE subject = 'comment' AND subject_id = ?", comment.id)
    tx.run(
        "DELETE FROM event WHERE issue_id = ? AND kind = 'commented' AND json_extract(data, '$.comment') = ?",
        comment.issue_id,
        comment.id,
    )
    tx.run("DELETE FROM comment WHERE id = ?", comment.id)


def may_edit(tx: Tx, repo: Repo, comment: Comment, actor: User | None) -> bool:
    """Whether this user may change or remove it."""
    return actor is not None and (actor.id == comment.author.id or allows(tx, repo, actor, Role.WRITE))


def load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Comment]:
    """Comments from rows of the query of this module."""
    rows = list(rows)
    people = by_ids(tx, [row[key] for row in rows for key in ("author_id", "editor_id")])
    reacted = reactions.counts(tx, "comment", [row["id"] for row in rows])
    return [
        Comment(
            id=row["id"],
            issue_id=row["issue_id"],
            issue_number=row["number"],
            on_pull=bool(row["is_pull"]),
            author=people[row["author_id"]],
            body=row["body"],
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            editor=people.get(row["editor_id"]),
            reactions=reacted[row["id"]],
        )
        for row in rows
    ]


_SELECT = "SELECT comment.*, number, is_pull FROM comment JOIN issue ON issue.id = issue_id"


def _require_author(tx: Tx, repo: Repo, comment: Comment, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    return person if person.id == comment.author.id else require(tx, repo, person, Role.WRITE)


def _checked(body: str) -> str:
    if not body.strip():
        raise missing("IssueComment", "body")
    return issues.checked_body(body, kind="IssueComment") or ""

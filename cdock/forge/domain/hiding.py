"""Comments that somebody hid: still there, folded, with the reason."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import issues
from cdock.forge.domain.comments import Comment
from cdock.forge.domain.errors import invalid
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

REASONS: Final = ("abuse", "duplicate", "off-topic", "outdated", "resolved", "spam")


def hide(tx: Tx, repo: Repo, comment: Comment, *, reason: str, actor: User | None) -> None:
    """Hide a comment: one's own, or anybody's with triage rights. Another reason replaces an earlier one."""
    person = _may_hide(tx, repo, comment, actor)
    if reason not in REASONS:
        raise invalid("IssueComment", "classifier")
    tx.run("DELETE FROM hidden_comment WHERE comment_id = ?", comment.id)
    tx.insert("hidden_comment", comment_id=comment.id, reason=reason, hidden_by=person.id, created=tx.stamp)
    issues.touch(tx, comment.issue_id)


def show(tx: Tx, repo: Repo, comment: Comment, *, actor: User | None) -> None:
    """Show a hidden comment again; who may hide it may show it."""
    _may_hide(tx, repo, comment, actor)
    if tx.run("DELETE FROM hidden_comment WHERE comment_id = ?", comment.id):
        issues.touch(tx, comment.issue_id)


def reason_of(tx: Tx, comment: Comment) -> str | None:
    """Why a comment is hidden, or None when it is not."""
    row = tx.row("SELECT reason FROM hidden_comment WHERE comment_id = ?", comment.id)
    return str(row["reason"]) if row is not None else None


def _may_hide(tx: Tx, repo: Repo, comment: Comment, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.READ)
    return person if person.id == comment.author.id else require(tx, repo, person, Role.TRIAGE)

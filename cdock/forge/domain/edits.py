"""Earlier versions of the text of an issue or a comment: who wrote which, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of, text_of

if TYPE_CHECKING:
    from cdock.forge.domain.comments import Comment
    from cdock.forge.domain.issues import Issue

Kind = Literal["issue", "comment"]
_FOUND: Final = {
    "issue": "SELECT * FROM issue_edit WHERE issue_id = ? ORDER BY id DESC",
    "comment": "SELECT * FROM comment_edit WHERE comment_id = ? ORDER BY id DESC",
}


@dataclass(frozen=True)
class Edit:
    """A version of a text. The first one is what was written to begin with."""

    id: int
    editor: User
    body: str
    created: datetime


def note(tx: Tx, issue: Issue, body: str, *, editor: User) -> None:
    """Somebody changes the text of an issue to `body`; with the first change the version before it is kept too."""
    _note(tx, "issue", issue, body, edited=issue.edited, editor=editor)


def note_in(tx: Tx, comment: Comment, body: str, *, editor: User) -> None:
    """The same for a comment."""
    _note(tx, "comment", comment, body, edited=comment.updated if comment.edited else None, editor=editor)


def of_issue(tx: Tx, issue: Issue) -> list[Edit]:
    """All versions of a text that was changed, newest first; none of one that never was."""
    return _list(tx, "issue", issue.id)


def of_comment(tx: Tx, comment: Comment) -> list[Edit]:
    """The same for a comment."""
    return _list(tx, "comment", comment.id)


def _note(
    tx: Tx, kind: Kind, of: Issue | Comment, body: str, *, edited: datetime | None, editor: User
) -> None:
    if not tx.rows(_FOUND[kind], of.id):
        _insert(tx, kind, of.id, of.author, of.body or "", text_of(of.created))
        if of.editor is not None and edited is not None:
            # Edited by an earlier version of the forge, which kept the last edit only.
            _insert(tx, kind, of.id, of.editor, of.body or "", text_of(edited))
    _insert(tx, kind, of.id, editor, body, tx.stamp)


def _list(tx: Tx, kind: Kind, of: int) -> list[Edit]:
    rows = tx.rows(_FOUND[kind], of)
    people = by_ids(tx, (row["editor_id"] for row in rows))
    return [Edit(row["id"], people[row["editor_id"]], row["body"], moment_of(row["created"])) for row in rows]


def _insert(tx: Tx, kind: Kind, of: int, editor: User, body: str, moment: str) -> None:
    values = {f"{kind}_id": of}
    tx.insert(f"{kind}_edit", **values, editor_id=editor.id, body=body, created=moment)

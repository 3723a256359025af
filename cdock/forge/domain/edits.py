"""Earlier versions of an issue's text: who wrote which, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of, text_of

if TYPE_CHECKING:
    from cdock.forge.domain.issues import Issue


@dataclass(frozen=True)
class Edit:
    """A version of a text. The first one is what was written to begin with."""

    id: int
    editor: User
    body: str
    created: datetime


def note(tx: Tx, issue: Issue, body: str, *, editor: User) -> None:
    """Somebody changes the text of an issue to `body`; with the first change the version before it is kept too."""
    if tx.row("SELECT 1 FROM issue_edit WHERE issue_id = ?", issue.id) is None:
        _insert(tx, issue, issue.author, issue.body or "", text_of(issue.created))
        if issue.editor is not None and issue.edited is not None:
            # Edited by an earlier version of the forge, which kept the last edit only.
            _insert(tx, issue, issue.editor, issue.body or "", text_of(issue.edited))
    _insert(tx, issue, editor, body, tx.stamp)


def of_issue(tx: Tx, issue: Issue) -> list[Edit]:
    """All versions of a text that was changed, newest first; none of one that never was."""
    rows = tx.rows("SELECT * FROM issue_edit WHERE issue_id = ? ORDER BY id DESC", issue.id)
    people = by_ids(tx, (row["editor_id"] for row in rows))
    return [Edit(row["id"], people[row["editor_id"]], row["body"], moment_of(row["created"])) for row in rows]


def _insert(tx: Tx, issue: Issue, editor: User, body: str, moment: str) -> None:
    tx.insert("issue_edit", issue_id=issue.id, editor_id=editor.id, body=body, created=moment)

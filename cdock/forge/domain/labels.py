"""The labels of a repository. Names are compared without regard to case and keep theirs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cdock.forge.domain import notices
from cdock.forge.domain.errors import NotFound, already_exists, invalid, missing
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

NAME_LIMIT: Final = 50
DESCRIPTION_LIMIT: Final = 100
NO_COLOR: Final = "ededed"
"""The colour of a label that was made by naming it on an issue."""

_COLOR: Final = re.compile(r"[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Label:
    """A label; `color` is six hexadecimal digits without `#`."""

    id: int
    name: str
    color: str
    description: str | None
    default: bool


def list_all(tx: Tx, repo: Repo) -> list[Label]:
    """The labels of a repository, by name."""
    return [
        label_of(row) for row in tx.rows("SELECT * FROM label WHERE repo_id = ? ORDER BY name, id", repo.id)
    ]


def of_milestone(tx: Tx, milestone_id: int) -> list[Label]:
    """The labels on the issues of a milestone, by name."""
    rows = tx.rows(
        "SELECT DISTINCT label.* FROM label JOIN issue_label ON label_id = label.id "
        "JOIN issue ON issue.id = issue_id WHERE milestone_id = ? ORDER BY name",
        milestone_id,
    )
    return [label_of(row) for row in rows]


def find(tx: Tx, repo: Repo, name: str) -> Label:
    """The label of this name. Raises NotFound."""
    row = tx.row("SELECT * FROM label WHERE repo_id = ? AND name = ?", repo.id, name)
    if row is None:
        raise NotFound
    return label_of(row)


def create(
    tx: Tx,
    repo: Repo,
    name: str,
    *,
    actor: User | None,
    color: str = NO_COLOR,
    description: str | None = None,
) -> Label:
    """A new label. Raises Invalid when one of this name exists; needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    if tx.row("SELECT 1 FROM label WHERE repo_id = ? AND name = ?", repo.id, _name(name)):
        raise already_exists("Label", "name")
    label_id = tx.insert(
        "label",
        repo_id=repo.id,
        name=name,
        color=_color(color),
        description=_description(description),
    )
    notices.tell(tx, repo, "label", "created", actor=person, label_id=label_id)
    return by_id(tx, label_id)


def ensure_named(tx: Tx, repo: Repo, names: Iterable[str], *, actor: User) -> list[Label]:
    """The labels of these names; unknown ones are made, as GitHub does when an issue gets them. Raises Invalid."""
    found: dict[int, Label] = {}
    for name in names:
        row = tx.row("SELECT * FROM label WHERE repo_id = ? AND name = ?", repo.id, name)
        if row is None:
            label_id = tx.insert("label", repo_id=repo.id, name=_name(name), color=NO_COLOR)
            notices.tell(tx, repo, "label", "created", actor=actor, label_id=label_id)
            label = by_id(tx, label_id)
        else:
            label = label_of(row)
        found[label.id] = label
    return list(found.values())


def update(
    tx: Tx,
    repo: Repo,
    label: Label,
    *,
    actor: User | None,
    name: str | None = None,
    color: str | None = None,
    description: str | None = None,
) -> Label:
    """Change what is given. Raises Invalid for a taken name; needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    if name is not None:
        taken = tx.row("SELECT id FROM label WHERE repo_id = ? AND name = ?", repo.id, _name(name))
        if taken is not None and taken["id"] != label.id:
            raise already_exists("Label", "name")
    tx.update(
        "label",
        label.id,
        name=label.name if name is None else name,
        color=label.color if color is None else _color(color),
        description=label.description if description is None else _description(description),
    )
    after = by_id(tx, label.id)
    changes = {
        key: {"from": getattr(label, key) or ""}
        for key in ("name", "color", "description")
        if getattr(label, key) != getattr(after, key)
    }
    if changes:
        notices.tell(tx, repo, "label", "edited", actor=person, label_id=label.id, changes=changes)
    return after


def delete(tx: Tx, repo: Repo, label: Label, *, actor: User | None) -> None:
    """Remove a label, also from all issues; needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    notices.tell(tx, repo, "label", "deleted", actor=person, label=label)
    tx.run("DELETE FROM label WHERE id = ?", label.id)


def label_of(row: sqlite3.Row) -> Label:
    """A label from a row of its table."""
    return Label(
        id=row["id"],
        name=row["name"],
        color=row["color"],
        description=row["description"],
        default=bool(row["is_default"]),
    )


def by_id(tx: Tx, label_id: int) -> Label:
    """The label with this id. Raises NotFound."""
    row = tx.row("SELECT * FROM label WHERE id = ?", label_id)
    if row is None:
        raise NotFound
    return label_of(row)


def _name(name: str) -> str:
    if not name.strip():
        raise missing("Label", "name")
    if len(name) > NAME_LIMIT:
        raise invalid("Label", "name", f"name is too long (maximum is {NAME_LIMIT} characters)")
    return name


def _color(color: str) -> str:
    if not _COLOR.fullmatch(color):
        raise invalid("Label", "color")
    return color.lower()


def _description(text: str | None) -> str | None:
    if text is not None and len(text) > DESCRIPTION_LIMIT:
        raise invalid(
            "Label", "description", f"description is too long (maximum is {DESCRIPTION_LIMIT} characters)"
        )
    return text

"""Milestones of a repository."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdock.forge.domain import notices
from cdock.forge.domain.errors import NotFound, already_exists, invalid, missing
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of, text_of


@dataclass(frozen=True)
class Milestone:
    """A milestone with the number of its open and closed issues."""

    id: int
    number: int
    title: str
    description: str | None
    state: str
    creator: User
    due: datetime | None
    created: datetime
    updated: datetime
    closed: datetime | None
    open_issues: int
    closed_issues: int


def list_all(tx: Tx, repo: Repo, *, state: str = "open") -> list[Milestone]:
    """Milestones in this state (`open`, `closed`, `all`), by number."""
    rows = tx.rows(
        "SELECT * FROM milestone WHERE repo_id = ?1 AND (?2 = 'all' OR state = ?2) ORDER BY number",
        repo.id,
        state,
    )
    return _milestones(tx, rows)


def find(tx: Tx, repo: Repo, number: int) -> Milestone:
    """The milestone of this number. Raises NotFound."""
    found = _milestones(
        tx, tx.rows("SELECT * FROM milestone WHERE repo_id = ? AND number = ?", repo.id, number)
    )
    if not found:
        raise NotFound
    return found[0]


def by_ids_of(tx: Tx, ids: Iterable[int | None]) -> dict[int, Milestone]:
    """Milestones by id; None is passed over."""
    wanted = sorted({key for key in ids if key is not None})
    marks = ",".join("?" * len(wanted))
    return {
        m.id: m
        for m in _milestones(tx, tx.rows(f"SELECT * FROM milestone WHERE id IN ({marks})", *wanted))  # noqa: S608
    }


def create(
    tx: Tx,
    repo: Repo,
    title: str,
    *,
    actor: User | None,
    description: str | None = None,
    state: str = "open",
    due: datetime | None = None,
) -> Milestone:
    """A new milestone. Raises Invalid when the title is taken; needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    _check(tx, repo, title, own_id=None)
    row = tx.row("SELECT coalesce(max(number), 0) + 1 AS next FROM milestone WHERE repo_id = ?", repo.id)
    number = int(row["next"]) if row is not None else 1
    tx.insert(
        "milestone",
        repo_id=repo.id,
        number=number,
        title=title,
        description=description,
        state=_state(state),
        creator_id=person.id,
        due=text_of(due) if due else None,
        created=tx.stamp,
        updated=tx.stamp,
        closed=tx.stamp if state == "closed" else None,
    )
    notices.tell(tx, repo, "milestone", "created", actor=person, number=number)
    return find(tx, repo, number)


def update(
    tx: Tx, repo: Repo, milestone: Milestone, *, actor: User | None, changes: dict[str, Any]
) -> Milestone:
    """Change title, description, state or due (a moment or None); needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    columns: dict[str, object] = {"updated": tx.stamp}
    if "title" in changes:
        _check(tx, repo, changes["title"], own_id=milestone.id)
        columns["title"] = changes["title"]
    if "description" in changes:
        columns["description"] = changes["description"]
    if "due" in changes:
        columns["due"] = text_of(changes["due"]) if changes["due"] else None
    if "state" in changes and _state(changes["state"]) != milestone.state:
        columns["state"] = changes["state"]
        columns["closed"] = tx.stamp if changes["state"] == "closed" else None
    tx.update("milestone", milestone.id, **columns)
    after = find(tx, repo, milestone.number)
    _tell_changes(tx, repo, milestone, after, actor=person)
    return after


def delete(tx: Tx, repo: Repo, milestone: Milestone, *, actor: User | None) -> None:
    """Remove it; issues in it lose it. Needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    notices.tell(tx, repo, "milestone", "deleted", actor=person, milestone=milestone)
    tx.run("DELETE FROM milestone WHERE id = ?", milestone.id)


def _tell_changes(tx: Tx, repo: Repo, before: Milestone, after: Milestone, *, actor: User) -> None:
    old: dict[str, str | None] = {}
    if before.title != after.title:
        old["title"] = before.title
    if before.description != after.description:
        old["description"] = before.description or ""
    if before.due != after.due:
        old["due_on"] = text_of(before.due) if before.due else ""
    if old:
        changes = {key: {"from": value} for key, value in old.items()}
        notices.tell(tx, repo, "milestone", "edited", actor=actor, number=after.number, changes=changes)
    if before.state != after.state:
        action = "closed" if after.state == "closed" else "opened"
        notices.tell(tx, repo, "milestone", action, actor=actor, number=after.number)


def _state(state: str) -> str:
    if state not in {"open", "closed"}:
        raise invalid("Milestone", "state")
    return state


def _check(tx: Tx, repo: Repo, title: str, *, own_id: int | None) -> None:
    if not title.strip():
        raise missing("Milestone", "title")
    taken = tx.row("SELECT id FROM milestone WHERE repo_id = ? AND title = ?", repo.id, title)
    if taken is not None and taken["id"] != own_id:
        raise already_exists("Milestone", "title")


def _milestones(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Milestone]:
    rows = list(rows)
    people = by_ids(tx, (row["creator_id"] for row in rows))
    marks = ",".join("?" * len(rows))
    counted = tx.rows(
        "SELECT milestone_id, sum(state = 'open') AS open, sum(state = 'closed') AS closed FROM issue "  # noqa: S608
        f"WHERE milestone_id IN ({marks}) GROUP BY milestone_id",
        *(row["id"] for row in rows),
    )
    counts = {row["milestone_id"]: (int(row["open"]), int(row["closed"])) for row in counted}
    return [
        Milestone(
            id=row["id"],
            number=row["number"],
            title=row["title"],
            description=row["description"],
            state=row["state"],
            creator=people[row["creator_id"]],
            due=moment_of(row["due"]) if row["due"] else None,
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            closed=moment_of(row["closed"]) if row["closed"] else None,
            open_issues=counts.get(row["id"], (0, 0))[0],
            closed_issues=counts.get(row["id"], (0, 0))[1],
        )
        for row in rows
    ]

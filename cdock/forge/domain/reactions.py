"""Reactions to issues and comments: at most one of each kind per person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cdock.forge.domain.errors import Forbidden, NotFound, invalid
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, allows, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of

CONTENTS: Final = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
Subject = Literal["issue", "comment"]


@dataclass(frozen=True)
class Reaction:
    """One person's reaction."""

    id: int
    user: User
    content: str
    created: datetime


def list_all(tx: Tx, subject: Subject, subject_id: int, *, content: str | None = None) -> list[Reaction]:
    """Reactions to one thing, oldest first."""
    rows = tx.rows(
        "SELECT * FROM reaction WHERE subject = ?1 AND subject_id = ?2 AND (?3 IS NULL OR content = ?3) ORDER BY id",
        subject,
        subject_id,
        content,
    )
    return _reactions(tx, rows)


def ensure(
    tx: Tx, repo: Repo, subject: Subject, subject_id: int, *, actor: User | None, content: str
) -> tuple[Reaction, bool]:
    """The acting user's reaction, and whether it is new. Raises Invalid for an unknown kind."""
    person = require(tx, repo, actor, Role.READ)
    if content not in CONTENTS:
        raise invalid("Reaction", "content")
    for reaction in list_all(tx, subject, subject_id, content=content):
        if reaction.user.id == person.id:
            return reaction, False
    reaction_id = tx.insert(
        "reaction",
        subject=subject,
        subject_id=subject_id,
        user_id=person.id,
        content=content,
        created=tx.stamp,
    )
    return Reaction(id=reaction_id, user=person, content=content, created=tx.now), True


def delete(
    tx: Tx, repo: Repo, subject: Subject, subject_id: int, reaction_id: int, *, actor: User | None
) -> None:
    """Take a reaction back: one's own, or anybody's with write access. Raises NotFound."""
    person = require(tx, repo, actor, Role.READ)
    found = {reaction.id: reaction for reaction in list_all(tx, subject, subject_id)}
    if reaction_id not in found:
        raise NotFound
    if found[reaction_id].user.id != person.id and not allows(tx, repo, person, Role.WRITE):
        raise Forbidden
    tx.run("DELETE FROM reaction WHERE id = ?", reaction_id)


def counts(tx: Tx, subject: Subject, ids: Iterable[int]) -> dict[int, Mapping[str, int]]:
    """How many of each kind each thing has; kinds without any are left out."""
    wanted = list(ids)
    marks = ",".join("?" * len(wanted))
    rows = tx.rows(
        "SELECT subject_id, content, count(*) AS n FROM reaction "  # noqa: S608
        f"WHERE subject = ? AND subject_id IN ({marks}) GROUP BY subject_id, content",
        subject,
        *wanted,
    )
    found: dict[int, dict[str, int]] = {key: {} for key in wanted}
    for row in rows:
        found[row["subject_id"]][row["content"]] = row["n"]
    return dict(found)


def _reactions(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Reaction]:
    rows = list(rows)
    people = by_ids(tx, (row["user_id"] for row in rows))
    return [
        Reaction(
            id=row["id"],
            user=people[row["user_id"]],
            content=row["content"],
            created=moment_of(row["created"]),
        )
        for row in rows
    ]

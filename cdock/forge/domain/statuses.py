"""What others say about a commit: the last word per context counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdock.forge.domain import notices, refs
from cdock.forge.domain.errors import Invalid, invalid
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of

STATES: Final = ("error", "failure", "pending", "success")
PER_CONTEXT: Final = 1000


@dataclass(frozen=True)
class Status:
    """One statement about a commit."""

    id: int
    oid: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: User
    created: datetime


def create(
    tx: Tx,
    repo: Repo,
    oid: str,
    *,
    actor: User | None,
    state: str,
    context: str = "default",
    description: str | None = None,
    target_url: str | None = None,
) -> Status:
    """Say something about a commit. Raises Invalid for an unknown state or commit; needs write access."""
    person = require(tx, repo, actor, Role.WRITE)
    if state not in STATES:
        raise invalid("Status", "state", f"state must be one of {', '.join(STATES)}")
    if description is not None and len(description) > 140:
        raise invalid("Status", "description", "description is too long (maximum is 140 characters)")
    if not refs.is_oid(oid) or refs.resolved(repo, [oid])[0] != oid:
        raise Invalid(f"No commit found for SHA: {oid}")
    row = tx.row(
        "SELECT count(*) AS n FROM status WHERE repo_id = ? AND oid = ? AND context = ?",
        repo.id,
        oid,
        context,
    )
    if row is not None and row["n"] >= PER_CONTEXT:
        raise invalid("Status", "context", "This SHA and context has reached the maximum number of statuses.")
    status_id = tx.insert(
        "status",
        repo_id=repo.id,
        oid=oid,
        context=context,
        state=state,
        description=description,
        target_url=target_url,
        creator_id=person.id,
        created=tx.stamp,
    )
    made = _statuses(tx, tx.rows("SELECT * FROM status WHERE id = ?", status_id))[0]
    notices.tell(tx, repo, "status", None, actor=person, status=made)
    return made


def list_all(tx: Tx, repo: Repo, oid: str) -> list[Status]:
    """Everything that was said about a commit, newest first."""
    rows = tx.rows("SELECT * FROM status WHERE repo_id = ? AND oid = ? ORDER BY id DESC", repo.id, oid)
    return _statuses(tx, rows)


def latest(tx: Tx, repo: Repo, oid: str) -> list[Status]:
    """The last word per context, oldest context first."""
    found: dict[str, Status] = {}
    for status in list_all(tx, repo, oid):
        found.setdefault(status.context.lower(), status)
    return list(found.values())[::-1]


def combined_state(statuses: Iterable[Status]) -> str:
    """One word for all: `failure`, `pending` (also when nothing was said), `success`."""
    states = {status.state for status in statuses}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def _statuses(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Status]:
    rows = list(rows)
    people = by_ids(tx, (row["creator_id"] for row in rows))
    return [
        Status(
            id=row["id"],
            oid=row["oid"],
            context=row["context"],
            state=row["state"],
            description=row["description"],
            target_url=row["target_url"],
            creator=people[row["creator_id"]],
            created=moment_of(row["created"]),
        )
        for row in rows
    ]

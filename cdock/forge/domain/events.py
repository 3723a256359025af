"""What happened to an issue, in order: the one list behind GitHub's `events` and `timeline`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cdock.forge.domain import notices
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of

TIMELINE_ONLY: Final = ("commented", "committed", "cross-referenced", "reviewed")
"""Kinds that the timeline shows and the list of events leaves out."""


@dataclass(frozen=True)
class Event:
    """One thing that happened. `data` depends on the kind:

    labeled, unlabeled: `label` {name, color} · assigned, unassigned: `assignee` (user id) · renamed: `from`, `to` ·
    milestoned, demilestoned: `title` · locked: `lock_reason` · closed: `state_reason` · commented: `comment` (id) ·
    cross-referenced: `source` (issue id) · head_ref_force_pushed: `before`, `after` · reviewed: `review` (id) ·
    review_requested, review_request_removed: `requested_reviewer` (user id) ·
    review_dismissed: `review` (id), `state` (before), `message`.
    `oid` is the commit of committed, referenced, merged, reviewed, and of closed when a commit closed it.
    """

    id: int
    issue_id: int
    kind: str
    actor: User | None
    oid: str | None
    data: Mapping[str, Any]
    created: datetime


def record(
    tx: Tx,
    repo: Repo,
    issue_id: int,
    kind: str,
    *,
    actor: User | None,
    oid: str | None = None,
    **data: object,
) -> int:
    """Write down that something happened now; gives the event's id."""
    notices.tell(tx, repo, notices.TIMELINE, kind, actor=actor, issue_id=issue_id, data=data)
    return tx.insert(
        "event",
        repo_id=repo.id,
        issue_id=issue_id,
        kind=kind,
        actor_id=actor.id if actor else None,
        oid=oid,
        data=json.dumps(data),
        created=tx.stamp,
    )


def of_issue(tx: Tx, issue_id: int, *, whole: bool = False) -> list[Event]:
    """The events of one issue, oldest first; `whole` adds what only the timeline shows."""
    hidden = () if whole else TIMELINE_ONLY
    marks = ",".join("?" * len(hidden))
    return _events(
        tx,
        tx.rows(
            f"SELECT * FROM event WHERE issue_id = ? AND kind NOT IN ({marks}) ORDER BY id",  # noqa: S608
            issue_id,
            *hidden,
        ),
    )


def of_repo(tx: Tx, repo: Repo) -> list[Event]:
    """The events of all issues of a repository, newest first, as GitHub lists them."""
    marks = ",".join("?" * len(TIMELINE_ONLY))
    return _events(
        tx,
        tx.rows(
            f"SELECT * FROM event WHERE repo_id = ? AND kind NOT IN ({marks}) ORDER BY id DESC",  # noqa: S608
            repo.id,
            *TIMELINE_ONLY,
        ),
    )


def by_id(tx: Tx, repo: Repo, event_id: int) -> Event:
    """One event. Raises NotFound."""
    found = _events(tx, tx.rows("SELECT * FROM event WHERE repo_id = ? AND id = ?", repo.id, event_id))
    if not found:
        raise NotFound
    return found[0]


def _events(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Event]:
    rows = list(rows)
    actors = by_ids(tx, (row["actor_id"] for row in rows))
    return [
        Event(
            id=row["id"],
            issue_id=row["issue_id"],
            kind=row["kind"],
            actor=actors.get(row["actor_id"]),
            oid=row["oid"],
            data=json.loads(row["data"]),
            created=moment_of(row["created"]),
        )
        for row in rows
    ]

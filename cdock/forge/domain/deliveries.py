"""What was or will be sent to webhooks: written down with the change that caused it, sent after it."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cdock.forge.domain import notices
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.domain.webhooks import Hook
from cdock.forge.store import Tx, moment_of, text_of

REDELIVERY: Final = "redelivery"
KEPT: Final = timedelta(days=3)
"""How long deliveries can be seen and repeated."""


@dataclass(frozen=True)
class Outcome:
    """What came of sending: GitHub's word for it, how long it took, and the answer. `code` is 0 without one."""

    status: str
    code: int
    seconds: float
    request_headers: Mapping[str, str]
    response_headers: Mapping[str, str]
    response_body: str


@dataclass(frozen=True)
class Delivery:
    """One message to one webhook; `guid` is the same when it is repeated. `sent` and `outcome` are None until sent."""

    id: int
    hook_id: int
    guid: str
    event: str
    action: str | None
    payload: str
    redelivery: bool
    created: datetime
    sent: datetime | None
    url: str | None
    outcome: Outcome | None


def enqueue(
    tx: Tx, hook: Hook, event: str, action: str | None, payload: str, *, guid: str | None = None
) -> int:
    """Have something sent; with a `guid` it is a repetition. `payload` is JSON. Gives the delivery's id."""
    tx.run("DELETE FROM delivery WHERE hook_id = ? AND created < ?", hook.id, text_of(tx.now - KEPT))
    return tx.insert(
        "delivery",
        hook_id=hook.id,
        guid=guid or str(uuid.uuid4()),
        event=event,
        action=action,
        payload=payload,
        redelivery=int(guid is not None),
        created=tx.stamp,
    )


def redeliver(tx: Tx, repo: Repo, hook: Hook, delivery: Delivery, *, actor: User | None) -> int:
    """Send the same once more; gives the new delivery's id. Needs admin rights."""
    person = require(tx, repo, actor, Role.ADMIN)
    # Nobody is told of this; it wakes who sends.
    notices.tell(tx, repo, REDELIVERY, None, actor=person)
    return enqueue(tx, hook, delivery.event, delivery.action, delivery.payload, guid=delivery.guid)


def next_waiting(tx: Tx) -> Delivery | None:
    """What is to be sent first."""
    found = _load(tx.rows("SELECT * FROM delivery WHERE sent IS NULL ORDER BY id LIMIT 1"))
    return found[0] if found else None


def note_sent(tx: Tx, delivery: Delivery, outcome: Outcome, *, url: str) -> None:
    """Write down what came of it; a webhook that was removed meanwhile took the delivery with it."""
    tx.run(
        "UPDATE delivery SET sent = ?, url = ?, status = ?, status_code = ?, duration = ?, request_headers = ?, "
        "response_headers = ?, response_body = ? WHERE id = ?",
        tx.stamp,
        url,
        outcome.status,
        outcome.code,
        outcome.seconds,
        json.dumps(dict(outcome.request_headers)),
        json.dumps(dict(outcome.response_headers)),
        outcome.response_body,
        delivery.id,
    )


def list_page(
    tx: Tx, hook: Hook, *, before: int | None = None, status: str | None = None, limit: int
) -> list[Delivery]:
    """What was sent to a webhook, newest first; `before` is the id of a delivery, `status` success or failure."""
    rows = tx.rows(
        "SELECT * FROM delivery WHERE hook_id = ?1 AND sent IS NOT NULL AND (?2 IS NULL OR id < ?2) "
        "AND (?3 IS NULL OR (status_code BETWEEN 200 AND 399) = (?3 = 'success')) ORDER BY id DESC LIMIT ?4",
        hook.id,
        before,
        status,
        limit,
    )
    return _load(rows)


def find(tx: Tx, hook: Hook, delivery_id: int) -> Delivery:
    """One delivery that was sent. Raises NotFound."""
    found = _load(
        tx.rows(
            "SELECT * FROM delivery WHERE hook_id = ? AND id = ? AND sent IS NOT NULL", hook.id, delivery_id
        )
    )
    if not found:
        raise NotFound
    return found[0]


def last_of(tx: Tx, hook: Hook) -> Delivery | None:
    """What was sent to a webhook last."""
    found = list_page(tx, hook, limit=1)
    return found[0] if found else None


def _load(rows: Iterable[sqlite3.Row]) -> list[Delivery]:
    return [
        Delivery(
            id=row["id"],
            hook_id=row["hook_id"],
            guid=row["guid"],
            event=row["event"],
            action=row["action"],
            payload=row["payload"],
            redelivery=bool(row["redelivery"]),
            created=moment_of(row["created"]),
            sent=moment_of(row["sent"]) if row["sent"] else None,
            url=row["url"],
            outcome=Outcome(
                status=row["status"],
                code=row["status_code"],
                seconds=row["duration"],
                request_headers=json.loads(row["request_headers"]),
                response_headers=json.loads(row["response_headers"]),
                response_body=row["response_body"],
            )
            if row["sent"]
            else None,
        )
        for row in rows
    ]

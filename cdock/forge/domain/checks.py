"""Check runs: what Apps say about a commit, and one word for these and the statuses together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from cdock.forge.domain import apps, notices, refs, repos, statuses
from cdock.forge.domain.apps import App
from cdock.forge.domain.errors import Forbidden, Invalid, NotFound, invalid, missing
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.statuses import Status
from cdock.forge.domain.users import User
from cdock.forge.store import Tx, moment_of, text_of

STATUSES: Final = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS: Final = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "stale",
    "timed_out",
)
_PASSED: Final = frozenset({"success", "neutral", "skipped"})
_FIELDS: Final = (
    "name",
    "status",
    "conclusion",
    "external_id",
    "details_url",
    "started",
    "completed",
    "title",
    "summary",
    "text",
    "notes",
)
LEVELS: Final = ("notice", "warning", "failure")


@dataclass(frozen=True)
class Note:
    """What a check run says about lines of a file, from `first` to `last`; `level` is one of `LEVELS`."""

    path: str
    first: int
    last: int
    level: str
    message: str
    title: str | None = None
    details: str | None = None


@dataclass(frozen=True)
class CheckRun:
    """One run of one check on a commit; `conclusion` is set once `status` is `completed`."""

    id: int
    suite_id: int
    app: App
    oid: str
    name: str
    status: str
    conclusion: str | None
    external_id: str
    details_url: str | None
    started: datetime | None
    completed: datetime | None
    title: str | None
    summary: str | None
    text: str | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Rollup:
    """All that is said about a commit: the last word per context, the last run per App and name, and one word for all.

    `state`: ERROR, FAILURE, PENDING or SUCCESS; None when nothing is said.
    """

    state: str | None
    statuses: tuple[Status, ...]
    runs: tuple[CheckRun, ...]


def create(tx: Tx, repo: Repo, name: str, oid: str, *, actor: User | None, **fields: Any) -> CheckRun:
    """Begin a check run, or say at once how it ended. `fields` are those of `CheckRun` from `status` on.

    Raises Forbidden for everybody but an App that is installed here, and Invalid for an unknown commit.
    """
    app = _app(tx, repo, actor)
    if not name.strip():
        raise missing("CheckRun", "name")
    if not refs.is_oid(oid) or refs.resolved(repo, [oid])[0] != oid:
        raise Invalid(f"No commit found for SHA: {oid}")
    tx.run(
        "INSERT OR IGNORE INTO check_suite (repo_id, app_id, oid, created) VALUES (?, ?, ?, ?)",
        repo.id,
        app.id,
        oid,
        tx.stamp,
    )
    suite = tx.row(
        "SELECT id FROM check_suite WHERE repo_id = ? AND app_id = ? AND oid = ?", repo.id, app.id, oid
    )
    columns = {"status": "queued", "external_id": "", **_columns(tx, fields)}
    if columns["status"] != "queued":
        columns.setdefault("started", tx.stamp)
    run_id = tx.insert(
        "check_run",
        repo_id=repo.id,
        suite_id=suite["id"] if suite is not None else None,
        app_id=app.id,
        oid=oid,
        name=name,
        **columns,
    )
    return _said(tx, repo, run_id, "created", actor=actor)


def update(tx: Tx, repo: Repo, run: CheckRun, *, actor: User | None, **fields: Any) -> CheckRun:
    """Change a check run of one's own; `fields` are those of `CheckRun` from `name` on."""
    app = _app(tx, repo, actor)
    if app.id != run.app.id:
        raise Forbidden("Invalid app_id `check_run` was created by another app")
    if noted := fields.get("notes"):
        # Each update adds to those before it.
        fields["notes"] = [*run.notes, *noted]
    columns = _columns(tx, fields)
    if columns.get("status", run.status) != "completed":
        columns |= {"conclusion": None, "completed": None}
    if columns.get("status", "queued") != "queued" and run.started is None:
        columns.setdefault("started", tx.stamp)
    tx.update("check_run", run.id, **columns)
    ended = run.status != "completed" and columns.get("status") == "completed"
    return _said(tx, repo, run.id, "completed" if ended else None, actor=actor)


def find(tx: Tx, repo: Repo, run_id: int) -> CheckRun:
    """One check run by its id. Raises NotFound."""
    found = _load(tx, tx.rows("SELECT * FROM check_run WHERE repo_id = ? AND id = ?", repo.id, run_id))
    if not found:
        raise NotFound
    return found[0]


def of_commit(
    tx: Tx,
    repo: Repo,
    oid: str,
    *,
    name: str | None = None,
    status: str | None = None,
    app_id: int | None = None,
    latest_only: bool = True,
) -> list[CheckRun]:
    """The check runs on a commit, newest first; of runs with one name by one App the last, or all."""
    rows = tx.rows(
        "SELECT * FROM check_run WHERE repo_id = ?1 AND oid = ?2 AND (?3 IS NULL OR name = ?3) "
        "AND (?4 IS NULL OR app_id = ?4) ORDER BY id DESC",
        repo.id,
        oid,
        name,
        app_id,
    )
    found = _load(tx, rows)
    if latest_only:
        last: dict[tuple[int, str], CheckRun] = {}
        for run in found:
            last.setdefault((run.app.id, run.name), run)
        found = list(last.values())
    return [run for run in found if status in {None, run.status}]


def rollup(tx: Tx, repo: Repo, oid: str) -> Rollup:
    """What is said about a commit by statuses and check runs together."""
    said, runs = statuses.latest(tx, repo, oid), of_commit(tx, repo, oid)
    words = [status.state.upper() for status in said] + [_word(run) for run in runs]
    state = next((word for word in ("FAILURE", "ERROR", "PENDING", "SUCCESS") if word in words), None)
    return Rollup(state, tuple(said), tuple(runs))


def _word(run: CheckRun) -> str:
    if run.status != "completed":
        return "PENDING"
    return "SUCCESS" if run.conclusion in _PASSED else "FAILURE"


def _app(tx: Tx, repo: Repo, actor: User | None) -> App:
    person = require(tx, repo, actor, Role.READ)
    app = apps.of_bot(tx, person)
    if app is None:
        raise Forbidden("You must authenticate via a GitHub App.")
    require(tx, repo, person, Role.WRITE, message="Resource not accessible by integration")
    repos.refuse_archived(repo)
    return app


def _columns(tx: Tx, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The columns to write for given fields. A conclusion completes a run, and completing needs one."""
    given = {key: value for key, value in fields.items() if value is not None}
    unknown = given.keys() - set(_FIELDS)
    if unknown:
        raise TypeError(f"a check run has no {', '.join(sorted(unknown))}")
    conclusion = given.get("conclusion")
    if given.get("status", "queued") not in STATUSES:
        raise invalid("CheckRun", "status", value=given["status"])
    if conclusion is not None:
        if conclusion not in CONCLUSIONS:
            raise invalid("CheckRun", "conclusion", value=conclusion)
        given["status"] = "completed"
    elif given.get("status") == "completed":
        raise missing("CheckRun", "conclusion")
    if given.get("status") == "completed":
        given.setdefault("completed", tx.now)
    if (notes := given.pop("notes", None)) is not None:
        given |= {"annotations": len(notes), "noted": _noted(notes)}
    return {key: text_of(value) if isinstance(value, datetime) else value for key, value in given.items()}


def _noted(notes: Sequence[Note]) -> str:
    if any(note.level not in LEVELS for note in notes):
        raise invalid("CheckAnnotation", "annotation_level")
    return json.dumps([asdict(note) for note in notes])


def _said(tx: Tx, repo: Repo, run_id: int, action: str | None, *, actor: User | None) -> CheckRun:
    if action is not None:
        notices.tell(tx, repo, "check_run", action, actor=actor, run_id=run_id)
    return find(tx, repo, run_id)


def _load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[CheckRun]:
    rows = list(rows)
    makers = apps.by_ids(tx, (row["app_id"] for row in rows))
    return [
        CheckRun(
            id=row["id"],
            suite_id=row["suite_id"],
            app=makers[row["app_id"]],
            oid=row["oid"],
            name=row["name"],
            status=row["status"],
            conclusion=row["conclusion"],
            external_id=row["external_id"],
            details_url=row["details_url"],
            started=moment_of(row["started"]) if row["started"] else None,
            completed=moment_of(row["completed"]) if row["completed"] else None,
            title=row["title"],
            summary=row["summary"],
            text=row["text"],
            notes=tuple(Note(**note) for note in json.loads(row["noted"])),
        )
        for row in rows
    ]

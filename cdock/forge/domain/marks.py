"""What people put on an issue: labels, assignees, a milestone.

These work on an issue's id, for new issues as for old ones; `put_all` is the forge's own and asks nobody's rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cdock.forge.domain import events, labels, milestones, repos, roles, users
from cdock.forge.domain.errors import NotFound, invalid
from cdock.forge.domain.labels import Label
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

ASSIGNEE_LIMIT: Final = 10
LABEL_LIMIT: Final = 100


def labels_of(tx: Tx, issue_id: int) -> list[Label]:
    """The labels on an issue, in the order in which they were put on."""
    rows = tx.rows(
        "SELECT label.* FROM issue_label JOIN label ON label.id = label_id "
        "WHERE issue_id = ? ORDER BY issue_label.rowid",
        issue_id,
    )
    return [labels.label_of(row) for row in rows]


def add_labels(tx: Tx, repo: Repo, issue_id: int, names: Iterable[str], *, actor: User | None) -> list[Label]:
    """Put labels on an issue and give all it has now; unknown ones are made. Needs triage rights."""
    person = _marker(tx, repo, actor)
    return _add_labels(tx, repo, issue_id, names, actor=person)


def remove_label(tx: Tx, repo: Repo, issue_id: int, name: str, *, actor: User | None) -> list[Label]:
    """Take a label off an issue and give those left. Raises NotFound when it is not on it. Needs triage rights."""
    person = _marker(tx, repo, actor)
    for label in labels_of(tx, issue_id):
        if label.name.lower() == name.lower():
            _remove_label(tx, repo, issue_id, label, actor=person)
            return labels_of(tx, issue_id)
    raise NotFound("Label does not exist")


def set_labels(tx: Tx, repo: Repo, issue_id: int, names: Iterable[str], *, actor: User | None) -> list[Label]:
    """Make these the labels of an issue. Needs triage rights."""
    person = _marker(tx, repo, actor)
    wanted = labels.ensure_named(tx, repo, names, actor=person)
    for label in labels_of(tx, issue_id):
        if label not in wanted:
            _remove_label(tx, repo, issue_id, label, actor=person)
    return _add_labels(tx, repo, issue_id, [label.name for label in wanted], actor=person)


def assign(tx: Tx, repo: Repo, issue_id: int, logins: Iterable[str], *, actor: User | None) -> None:
    """Assign people; logins that cannot be assigned are passed over, as on GitHub. Needs triage rights."""
    person = _marker(tx, repo, actor)
    _assign(tx, repo, issue_id, logins, actor=person)


def unassign(tx: Tx, repo: Repo, issue_id: int, logins: Iterable[str], *, actor: User | None) -> None:
    """Take assignments back. Needs triage rights."""
    person = _marker(tx, repo, actor)
    for login in logins:
        try:
            user = users.find(tx, login)
        except NotFound:
            continue
        if tx.run("DELETE FROM assignee WHERE issue_id = ? AND user_id = ?", issue_id, user.id):
            events.record(tx, repo, issue_id, "unassigned", actor=person, assignee=user.id)
            _touch(tx, issue_id)


def set_assignees(tx: Tx, repo: Repo, issue_id: int, logins: Sequence[str], *, actor: User | None) -> None:
    """Make these the assignees. Needs triage rights."""
    kept = {login.lower() for login in logins}
    rows = tx.rows("SELECT login FROM assignee JOIN user ON user.id = user_id WHERE issue_id = ?", issue_id)
    unassign(
        tx, repo, issue_id, [row["login"] for row in rows if row["login"].lower() not in kept], actor=actor
    )
    assign(tx, repo, issue_id, logins, actor=actor)


def set_milestone(tx: Tx, repo: Repo, issue_id: int, number: int | None, *, actor: User | None) -> None:
    """Put it in a milestone, or in none. Raises Invalid for an unknown number. Needs triage rights."""
    _set_milestone(tx, repo, issue_id, number, actor=_marker(tx, repo, actor))


def put_all(
    tx: Tx,
    repo: Repo,
    issue_id: int,
    *,
    actor: User,
    labels: Sequence[str],
    assignees: Sequence[str],
    milestone: int | None,
) -> None:
    """Everything at once on a new issue."""
    _add_labels(tx, repo, issue_id, labels, actor=actor)
    _assign(tx, repo, issue_id, assignees, actor=actor)
    if milestone is not None:
        _set_milestone(tx, repo, issue_id, milestone, actor=actor)


def _marker(tx: Tx, repo: Repo, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.TRIAGE)
    repos.refuse_archived(repo)
    return person


def _add_labels(tx: Tx, repo: Repo, issue_id: int, names: Iterable[str], *, actor: User) -> list[Label]:
    present = {label.id for label in labels_of(tx, issue_id)}
    for label in labels.ensure_named(tx, repo, names, actor=actor):
        if label.id in present:
            continue
        if len(present) >= LABEL_LIMIT:
            raise invalid("Issue", "labels", f"an issue can have at most {LABEL_LIMIT} labels")
        present.add(label.id)
        tx.insert("issue_label", issue_id=issue_id, label_id=label.id)
        events.record(tx, repo, issue_id, "labeled", actor=actor, label=_shown(label))
        _touch(tx, issue_id)
    return labels_of(tx, issue_id)


def _remove_label(tx: Tx, repo: Repo, issue_id: int, label: Label, *, actor: User) -> None:
    tx.run("DELETE FROM issue_label WHERE issue_id = ? AND label_id = ?", issue_id, label.id)
    events.record(tx, repo, issue_id, "unlabeled", actor=actor, label=_shown(label))
    _touch(tx, issue_id)


def _assign(tx: Tx, repo: Repo, issue_id: int, logins: Iterable[str], *, actor: User) -> None:
    able = {user.login.lower(): user for user in roles.assignables(tx, repo)}
    row = tx.row("SELECT count(*) AS n FROM assignee WHERE issue_id = ?", issue_id)
    count = int(row["n"]) if row is not None else 0
    for login in logins:
        user = able.get(login.lower())
        if user is None or count >= ASSIGNEE_LIMIT:
            continue
        if tx.run("INSERT OR IGNORE INTO assignee (issue_id, user_id) VALUES (?, ?)", issue_id, user.id):
            count += 1
            events.record(tx, repo, issue_id, "assigned", actor=actor, assignee=user.id)
            _touch(tx, issue_id)


def _set_milestone(tx: Tx, repo: Repo, issue_id: int, number: int | None, *, actor: User) -> None:
    row = tx.row("SELECT milestone_id FROM issue WHERE id = ?", issue_id)
    before = row["milestone_id"] if row is not None else None
    try:
        wanted = None if number is None else milestones.find(tx, repo, number)
    except NotFound as error:
        raise invalid("Issue", "milestone", value=number) from error
    if (wanted and wanted.id) == before:
        return
    if before is not None:
        old = milestones.by_ids_of(tx, [before])[before]
        events.record(tx, repo, issue_id, "demilestoned", actor=actor, title=old.title)
    if wanted is not None:
        events.record(tx, repo, issue_id, "milestoned", actor=actor, title=wanted.title)
    tx.update("issue", issue_id, milestone_id=wanted and wanted.id, updated=tx.stamp)


def _touch(tx: Tx, issue_id: int) -> None:
    tx.update("issue", issue_id, updated=tx.stamp)


def _shown(label: Label) -> dict[str, str]:
    return {"name": label.name, "color": label.color}

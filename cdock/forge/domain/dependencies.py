"""Issues that wait for others. Nothing is enforced: a blocked issue closes as well as any other."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import events, issues, repos
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

LIMIT: Final = 50
"""Issues that one may be blocked by, and issues that one may block."""


def blockers_of(tx: Tx, issue: Issue, *, actor: User | None) -> list[Issue]:
    """What an issue waits for, open or closed, oldest link first, as far as the acting user may see it."""
    rows = tx.rows("SELECT blocker_id FROM blocked_by WHERE issue_id = ? ORDER BY rowid", issue.id)
    return issues.visible(tx, [row["blocker_id"] for row in rows], actor=actor)


def blocked_of(tx: Tx, issue: Issue, *, actor: User | None) -> list[Issue]:
    """What waits for an issue, open or closed, oldest link first, as far as the acting user may see it."""
    rows = tx.rows("SELECT issue_id FROM blocked_by WHERE blocker_id = ? ORDER BY rowid", issue.id)
    return issues.visible(tx, [row["issue_id"] for row in rows], actor=actor)


def add(tx: Tx, repo: Repo, issue: Issue, blocker_id: int, *, actor: User | None) -> Issue:
    """Let an issue wait for another one (by database id), and give the waiting one as it is then.

    Raises NotFound for an id that the acting user may not see, Invalid for the issue itself, a pull request, a link
    that is there already, and more than 50 in either direction. Needs triage rights in the waiting one's repository.
    """
    person = repos.require_open(tx, repo, actor, Role.TRIAGE)
    blocker, home = issues.reachable(tx, blocker_id, actor=person)
    why = None
    if issue.pull or blocker.pull:
        why = "Pull requests have no dependencies"
    elif blocker.id == issue.id:
        why = "An issue cannot be blocked by itself"
    elif _linked(tx, issue, blocker):
        why = "Target issue has already been taken"
    elif issue.links.total_blocked_by >= LIMIT:
        why = f"An issue can be blocked by at most {LIMIT} issues"
    elif blocker.links.total_blocking >= LIMIT:
        why = f"An issue can block at most {LIMIT} issues"
    if why:
        raise Invalid(f"Validation failed: {why}")
    tx.insert("blocked_by", issue_id=issue.id, blocker_id=blocker.id)
    events.record(tx, repo, issue.id, "blocked_by_added", actor=person, blocked_by=blocker.id)
    events.record(tx, home, blocker.id, "blocking_added", actor=person, blocking=issue.id)
    return issues.find(tx, repo, issue.number)


def remove(tx: Tx, repo: Repo, issue: Issue, blocker_id: int, *, actor: User | None) -> Issue:
    """Let an issue not wait for another one any more. Raises NotFound when it does not."""
    person = repos.require_open(tx, repo, actor, Role.TRIAGE)
    blocker, home = issues.reachable(tx, blocker_id, actor=person)
    if not tx.run("DELETE FROM blocked_by WHERE issue_id = ? AND blocker_id = ?", issue.id, blocker.id):
        raise NotFound
    events.record(tx, repo, issue.id, "blocked_by_removed", actor=person, blocked_by=blocker.id)
    events.record(tx, home, blocker.id, "blocking_removed", actor=person, blocking=issue.id)
    return issues.find(tx, repo, issue.number)


def _linked(tx: Tx, issue: Issue, blocker: Issue) -> bool:
    found = tx.row("SELECT 1 FROM blocked_by WHERE issue_id = ? AND blocker_id = ?", issue.id, blocker.id)
    return found is not None

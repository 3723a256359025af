"""Issues that are parts of another issue, in an order that people choose.

Parent and part may stand in different repositories of one owner. Parts are named by their database id, never by
their number; whoever does not see a part's repository does not see the part.
"""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import events, issues, repos
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

CHILD_LIMIT: Final = 100
"""Parts of one issue."""
LEVEL_LIMIT: Final = 8
"""Levels of parts below an issue that has no parent."""


def list_of(tx: Tx, issue: Issue, *, actor: User | None) -> list[Issue]:
    """The parts of an issue in their order, as far as the acting user may see them."""
    return issues.visible(tx, _children(tx, issue.id), actor=actor)


def parent_of(tx: Tx, issue: Issue, *, actor: User | None) -> Issue | None:
    """The issue that this one is a part of; None when there is none that the acting user may see."""
    found = issues.visible(tx, [issue.links.parent.id] if issue.links.parent else [], actor=actor)
    return found[0] if found else None


def add(
    tx: Tx, repo: Repo, issue: Issue, child_id: int, *, actor: User | None, replace_parent: bool = False
) -> Issue:
    """Make an issue (by database id) the last part of this one, and give this one as it is then.

    Raises NotFound for an id that the acting user may not see, Invalid for what GitHub refuses: another owner, a pull
    request, a part of this or (without `replace_parent`) another issue, a circle, too many parts or levels. Needs
    triage rights in the parent's repository, and in that of the parent it is taken from.
    """
    person = repos.require_open(tx, repo, actor, Role.TRIAGE)
    child, home = issues.reachable(tx, child_id, actor=person)
    _check(tx, repo, issue, child, home, replace_parent=replace_parent)
    if child.links.parent is not None:
        old, above = issues.reachable(tx, child.links.parent.id, actor=repos.FORGE)
        _take_off(tx, above, old, child, home, actor=actor)
    row = tx.row(
        "SELECT coalesce(max(position), -1) + 1 AS next FROM sub_issue WHERE parent_id = ?", issue.id
    )
    tx.insert("sub_issue", child_id=child.id, parent_id=issue.id, position=row["next"] if row else 0)
    events.record(tx, repo, issue.id, "sub_issue_added", actor=person, sub_issue=child.id)
    events.record(tx, home, child.id, "parent_issue_added", actor=person, parent_issue=issue.id)
    return issues.find(tx, repo, issue.number)


def remove(tx: Tx, repo: Repo, issue: Issue, child_id: int, *, actor: User | None) -> Issue:
    """Make a part independent, and give the parent as it is then. Raises NotFound when it is no part of it."""
    person = repos.require_open(tx, repo, actor, Role.TRIAGE)
    child, home = issues.reachable(tx, child_id, actor=person)
    if child.links.parent is None or child.links.parent.id != issue.id:
        raise NotFound("The provided sub-issue does not exist")
    _take_off(tx, repo, issue, child, home, actor=person)
    return issues.find(tx, repo, issue.number)


def move(
    tx: Tx,
    repo: Repo,
    issue: Issue,
    child_id: int,
    *,
    actor: User | None,
    after_id: int | None = None,
    before_id: int | None = None,
) -> Issue:
    """Put a part right behind or before another one (both by database id), or first when neither is given.

    Raises NotFound when `child_id` is no part of this issue, Invalid when the other one is none or both are given.
    """
    repos.require_open(tx, repo, actor, Role.TRIAGE)
    order = _children(tx, issue.id)
    if child_id not in order:
        raise NotFound("The provided sub-issue does not exist")
    if after_id is not None and before_id is not None:
        raise Invalid("Only one of after_id and before_id can be given")
    order.remove(child_id)
    beside = after_id if after_id is not None else before_id
    if beside is not None and beside not in order:
        raise Invalid(
            "The issue to be placed next to is not a sub-issue of this issue, or is the issue itself"
        )
    place = 0 if beside is None else order.index(beside) + (after_id is not None)
    order.insert(place, child_id)
    for position, each in enumerate(order):
        tx.run("UPDATE sub_issue SET position = ? WHERE child_id = ?", position, each)
    return issues.find(tx, repo, issue.number)


def _children(tx: Tx, issue_id: int) -> list[int]:
    rows = tx.rows("SELECT child_id FROM sub_issue WHERE parent_id = ? ORDER BY position", issue_id)
    return [row["child_id"] for row in rows]


def _take_off(tx: Tx, repo: Repo, parent: Issue, child: Issue, home: Repo, *, actor: User | None) -> None:
    person = repos.require_open(tx, repo, actor, Role.TRIAGE)
    tx.run("DELETE FROM sub_issue WHERE child_id = ?", child.id)
    events.record(tx, repo, parent.id, "sub_issue_removed", actor=person, sub_issue=child.id)
    events.record(tx, home, child.id, "parent_issue_removed", actor=person, parent_issue=parent.id)


def _check(tx: Tx, repo: Repo, issue: Issue, child: Issue, home: Repo, *, replace_parent: bool) -> None:
    why, old = None, child.links.parent
    if home.owner.id != repo.owner.id:
        why = "Sub issue must belong to the same owner as its parent"
    elif issue.pull or child.pull:
        why = "A pull request cannot be a sub issue or have some"
    elif old is not None and old.id == issue.id:
        why = "Issue may not contain duplicate sub-issues"
    elif old is not None and not replace_parent:
        why = "Sub issue may only have one parent"
    elif child.id in (line := _ancestors(tx, issue.id)):
        why = "Sub issue may not be the issue itself or contain it"
    elif len(_children(tx, issue.id)) >= CHILD_LIMIT:
        why = f"Parent cannot have more than {CHILD_LIMIT} sub-issues"
    elif len(line) + _height(tx, child.id) > LEVEL_LIMIT:
        why = f"Sub issue cannot be nested more than {LEVEL_LIMIT} levels deep"
    if why:
        raise Invalid(f"An error occurred while adding the sub-issue to the parent issue. {why}")


def _ancestors(tx: Tx, issue_id: int) -> list[int]:
    """The issue itself, its parent, and so on to the top."""
    line = [issue_id]
    while row := tx.row("SELECT parent_id FROM sub_issue WHERE child_id = ?", line[-1]):
        line.append(row["parent_id"])
    return line


def _height(tx: Tx, issue_id: int) -> int:
    """How many levels of parts are below an issue."""
    return max((1 + _height(tx, child) for child in _children(tx, issue_id)), default=0)

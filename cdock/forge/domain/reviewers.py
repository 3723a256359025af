"""Who is asked for a review and has not given it yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cdock.forge.domain import events, issues, repos, roles, users
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx


def requested(tx: Tx, issue_ids: Iterable[int]) -> dict[int, list[User]]:
    """Who is asked to review these pull requests (by their issues' ids), in the order of asking."""
    wanted = sorted(set(issue_ids))
    marks = ",".join("?" * len(wanted))
    rows = tx.rows(
        f"SELECT issue_id, user_id FROM review_request WHERE issue_id IN ({marks}) ORDER BY rowid",  # noqa: S608
        *wanted,
    )
    people = users.by_ids(tx, (row["user_id"] for row in rows))
    found: dict[int, list[User]] = {issue_id: [] for issue_id in wanted}
    for row in rows:
        found[row["issue_id"]].append(people[row["user_id"]])
    return found


def of_pull(tx: Tx, pull: Pull) -> list[User]:
    """Who is asked to review one pull request."""
    return requested(tx, [pull.issue.id])[pull.issue.id]


def request(tx: Tx, repo: Repo, pull: Pull, logins: Sequence[str], *, actor: User | None) -> None:
    """Ask people for a review. Needs triage rights.

    Raises Invalid, and asks nobody, when one of them is the author or no collaborator.
    """
    person = _asker(tx, repo, actor)
    able = {user.login.lower(): user for user, _ in roles.collaborators(tx, repo)}
    known = {user.id for user in of_pull(tx, pull)}
    for login in logins:
        if login.lower() == pull.issue.author.login.lower():
            raise Invalid("Review cannot be requested from pull request author.")
        if login.lower() not in able:
            raise Invalid(
                "Reviews may only be requested from collaborators. One or more of the users or teams you "
                f"specified is not a collaborator of the {repo.full_name} repository."
            )
    for login in dict.fromkeys(login.lower() for login in logins):
        reviewer = able[login]
        if reviewer.id not in known:
            tx.insert("review_request", issue_id=pull.issue.id, user_id=reviewer.id)
            _record(tx, repo, pull, "review_requested", reviewer, actor=person)


def unrequest(tx: Tx, repo: Repo, pull: Pull, logins: Sequence[str], *, actor: User | None) -> None:
    """Take requests back; who was not asked is passed over. Needs triage rights."""
    person = _asker(tx, repo, actor)
    for login in logins:
        try:
            reviewer = users.find(tx, login)
        except NotFound:
            continue
        if fulfil(tx, pull, reviewer):
            _record(tx, repo, pull, "review_request_removed", reviewer, actor=person)


def fulfil(tx: Tx, pull: Pull, reviewer: User) -> bool:
    """Note that somebody need not be waited for any more; gives whether they were."""
    gone = tx.run("DELETE FROM review_request WHERE issue_id = ? AND user_id = ?", pull.issue.id, reviewer.id)
    return gone > 0


def _asker(tx: Tx, repo: Repo, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    return require(tx, repo, person, Role.TRIAGE)


def _record(tx: Tx, repo: Repo, pull: Pull, kind: str, reviewer: User, *, actor: User) -> None:
    events.record(tx, repo, pull.issue.id, kind, actor=actor, requested_reviewer=reviewer.id)
    issues.touch(tx, pull.issue.id)

"""Pull requests: one branch of a repository asked to be taken into another of the same repository."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cdock.forge.domain import diffs, events, history, issues, notices, references, refs, repos
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.errors import NotFound, invalid, missing
from cdock.forge.domain.history import Commit
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of


@dataclass(frozen=True)
class Pull:
    """A pull request; title, body, state and labels are those of its issue.

    `base_oid` is the tip of the base branch when the head was last pushed, `merge_oid` what the merge made.
    """

    id: int
    issue: Issue
    head_ref: str
    head_oid: str
    base_ref: str
    base_oid: str
    draft: bool
    maintainer_can_modify: bool
    merged: datetime | None
    merged_by: User | None
    merge_oid: str | None

    @property
    def number(self) -> int:
        """The number shared with issues."""
        return self.issue.number


def find(tx: Tx, repo: Repo, number: int) -> Pull:
    """The pull request of this number. Raises NotFound, also for an issue."""
    rows = tx.rows(
        "SELECT pull.* FROM pull JOIN issue ON issue.id = issue_id WHERE repo_id = ? AND number = ?",
        repo.id,
        number,
    )
    if not rows:
        raise NotFound
    return load(tx, rows)[0]


def list_page(
    tx: Tx,
    repo: Repo,
    *,
    state: str = "open",
    head: str | None = None,
    base: str | None = None,
    sort: str = "created",
    descending: bool = True,
    limit: int,
    skip: int = 0,
) -> tuple[list[Pull], int]:
    """Pull requests in a state (open, closed, all), and how many there are without the limit.

    `head` is `branch` or `owner:branch`; an owner other than the repository's has none here. `sort`: created, updated,
    popularity (comments), long-running (age).
    """
    owner, colon, branch = (head or "").rpartition(":")
    if colon and owner.lower() != repo.owner.login.lower():
        return [], 0
    where = (
        "issue.repo_id = ?1 AND (?2 = 'all' OR issue.state = ?2) AND (?3 IS NULL OR head_ref = ?3) "
        "AND (?4 IS NULL OR base_ref = ?4)"
    )
    values = (repo.id, state, branch or None, base)
    keys = {
        "created": "issue.created",
        "updated": "issue.updated",
        "popularity": "(SELECT count(*) FROM comment WHERE comment.issue_id = issue.id)",
        "long-running": "issue.created",
    }
    order = "DESC" if descending else "ASC"
    joined = f"FROM pull JOIN issue ON issue.id = issue_id WHERE {where}"
    total = tx.row(f"SELECT count(*) AS n {joined}", *values)
    rows = tx.rows(
        f"SELECT pull.* {joined} ORDER BY {keys[sort]} {order}, issue.id {order} LIMIT ?5 OFFSET ?6",
        *values,
        limit,
        skip,
    )
    return load(tx, rows), int(total["n"]) if total is not None else 0


def create(
    tx: Tx,
    repo: Repo,
    title: str,
    *,
    actor: User | None,
    head: str,
    base: str,
    body: str | None = None,
    draft: bool = False,
    maintainer_can_modify: bool = False,
) -> Pull:
    """Open a pull request; `head` is `branch` or `owner:branch`.

    Raises Invalid for a branch that does not exist, one without commits of its own, and one that has an open pull
    request already. Needs write access, for there are no forks here.
    """
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    head_ref, head_oid = _head(repo, head)
    base_oid = refs.branch_oid(repo, base) if refs.safe(base) else None
    if base_oid is None:
        raise invalid("PullRequest", "base", value=base)
    _refuse_twin(tx, repo, head_ref, base)
    commits = history.between(repo, base_oid, head_oid)
    if not commits:
        raise invalid("PullRequest", "head", f"No commits between {base} and {head}")
    issue_id = issues.insert(tx, repo, title, body=body, author=person, is_pull=True)
    tx.insert(
        "pull",
        issue_id=issue_id,
        head_ref=head_ref,
        head_oid=head_oid,
        base_ref=base,
        base_oid=base_oid,
        draft=int(draft),
        maintainer_can_modify=int(maintainer_can_modify),
    )
    note_commits(tx, repo, issue_id, commits)
    references.note_mentions(tx, repo, issue_id, body, actor=person)
    pull = by_issue_id(tx, issue_id)
    refs.put(repo, f"refs/pull/{pull.number}/head", head_oid)
    notices.tell(tx, repo, "pull_request", "opened", actor=person, issue_id=issue_id)
    return pull


def change_base(tx: Tx, repo: Repo, pull: Pull, base: str, *, actor: User | None) -> Pull:
    """Ask for another branch to take it. Raises Invalid for a branch that does not exist."""
    person = issues.require_author(tx, repo, pull.issue, actor)
    if base == pull.base_ref:
        return pull
    base_oid = refs.branch_oid(repo, base) if refs.safe(base) else None
    if base_oid is None:
        raise invalid("PullRequest", "base", value=base)
    if not pull.issue.open:
        raise invalid("PullRequest", "base", "Cannot change the base branch of a closed pull request.")
    _refuse_twin(tx, repo, pull.head_ref, base)
    return move_base(tx, repo, pull, base, actor=person)


def move_base(
    tx: Tx, repo: Repo, pull: Pull, base: str, *, actor: User, kind: str = "base_ref_changed"
) -> Pull:
    """It goes to another branch, which is there, from now on; `kind` is the event that says so."""
    tx.update("pull", pull.id, base_ref=base, base_oid=refs.branch_oid(repo, base))
    issues.touch(tx, pull.issue.id)
    was = {"from": pull.base_ref, "to": base, "was": pull.base_oid}
    events.record(tx, repo, pull.issue.id, kind, actor=actor, **was)
    return find(tx, repo, pull.number)


def set_draft(tx: Tx, repo: Repo, pull: Pull, *, draft: bool, actor: User | None) -> Pull:
    """Make it a draft, or ready for review."""
    person = issues.require_author(tx, repo, pull.issue, actor)
    if draft != pull.draft:
        tx.update("pull", pull.id, draft=int(draft))
        issues.touch(tx, pull.issue.id)
        kind = "convert_to_draft" if draft else "ready_for_review"
        events.record(tx, repo, pull.issue.id, kind, actor=person)
    return find(tx, repo, pull.number)


def files(repo: Repo, pull: Pull) -> tuple[FileChange, ...]:
    """What it changes."""
    return diffs.changes(repo, pull.base_oid, pull.head_oid)


def commits(repo: Repo, pull: Pull) -> list[Commit]:
    """Its commits, oldest first, at most 250."""
    return history.between(repo, pull.base_oid, pull.head_oid)


def note_commits(tx: Tx, repo: Repo, issue_id: int, added: Iterable[Commit]) -> None:
    """Show commits in the pull request's timeline."""
    for commit in added:
        events.record(tx, repo, issue_id, "committed", actor=None, oid=commit.oid)


def by_issue_id(tx: Tx, issue_id: int) -> Pull:
    """The pull request of an issue. Raises NotFound."""
    found = load(tx, tx.rows("SELECT * FROM pull WHERE issue_id = ?", issue_id))
    if not found:
        raise NotFound
    return found[0]


def load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Pull]:
    """Pull requests from rows of their table."""
    rows = list(rows)
    shown = issues.by_ids_of(tx, (row["issue_id"] for row in rows))
    people = by_ids(tx, (row["merged_by"] for row in rows))
    return [
        Pull(
            id=row["id"],
            issue=shown[row["issue_id"]],
            head_ref=row["head_ref"],
            head_oid=row["head_oid"],
            base_ref=row["base_ref"],
            base_oid=row["base_oid"],
            draft=bool(row["draft"]),
            maintainer_can_modify=bool(row["maintainer_can_modify"]),
            merged=moment_of(row["merged"]) if row["merged"] else None,
            merged_by=people.get(row["merged_by"]),
            merge_oid=row["merge_oid"],
        )
        for row in rows
    ]


def from_branch(tx: Tx, repo: Repo, head: str) -> Sequence[Pull]:
    """All pull requests from a branch, by number."""
    rows = tx.rows(
        "SELECT pull.* FROM pull JOIN issue ON issue.id = issue_id WHERE repo_id = ? AND head_ref = ? "
        "ORDER BY number",
        repo.id,
        head,
    )
    return load(tx, rows)


def open_pulls(tx: Tx, repo: Repo, *, head: str | None = None, base: str | None = None) -> Sequence[Pull]:
    """The open pull requests from or to a branch, by number."""
    rows = tx.rows(
        "SELECT pull.* FROM pull JOIN issue ON issue.id = issue_id WHERE repo_id = ?1 AND state = 'open' "
        "AND (?2 IS NULL OR head_ref = ?2) AND (?3 IS NULL OR base_ref = ?3) ORDER BY number",
        repo.id,
        head,
        base,
    )
    return load(tx, rows)


def _head(repo: Repo, head: str) -> tuple[str, str]:
    owner, colon, branch = head.rpartition(":")
    known = not colon or owner.lower() == repo.owner.login.lower()
    oid = refs.branch_oid(repo, branch) if known and refs.safe(branch) else None
    if not head:
        raise missing("PullRequest", "head")
    if oid is None:
        raise invalid("PullRequest", "head", value=head)
    return branch, oid


def _refuse_twin(tx: Tx, repo: Repo, head: str, base: str) -> None:
    if open_pulls(tx, repo, head=head, base=base):
        raise invalid("PullRequest", "base", f"A pull request already exists for {repo.owner.login}:{head}.")

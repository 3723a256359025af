"""Issues: opened, edited, closed. A pull request is an issue with `pull` set."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdock.forge.domain import (
    edits,
    events,
    gitdir,
    links,
    marks,
    milestones,
    notices,
    projectrules,
    reactions,
    references,
    repos,
    texts,
)
from cdock.forge.domain.errors import Forbidden, Gone, NotFound, invalid, missing
from cdock.forge.domain.labels import Label, label_of
from cdock.forge.domain.links import Links
from cdock.forge.domain.milestones import Milestone
from cdock.forge.domain.repos import Repo, Unchecked
from cdock.forge.domain.roles import Role, allows, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of, text_of

REASONS: Final = ("completed", "not_planned", "duplicate")


@dataclass(frozen=True)
class PullPart:
    """What is shown of a pull request where it is listed as an issue."""

    draft: bool
    merged: datetime | None


@dataclass(frozen=True)
class Issue:
    """An issue as it is now; `state_reason` is GitHub's (`reopened` after reopening)."""

    id: int
    repo_id: int
    number: int
    title: str
    body: str | None
    state: str
    state_reason: str | None
    author: User
    locked: bool
    lock_reason: str | None
    milestone: Milestone | None
    labels: tuple[Label, ...]
    assignees: tuple[User, ...]
    comments: int
    reactions: Mapping[str, int]
    pull: PullPart | None
    created: datetime
    updated: datetime
    closed: datetime | None
    closed_by: User | None
    edited: datetime | None
    editor: User | None
    links: Links

    @property
    def open(self) -> bool:
        """Whether it is open."""
        return self.state == "open"


def find(tx: Tx, repo: Repo, number: int) -> Issue:
    """The issue or pull request of this number. Raises NotFound."""
    row = tx.row("SELECT * FROM issue WHERE repo_id = ? AND number = ?", repo.id, number)
    if row is None:
        raise NotFound
    return load(tx, [row])[0]


def by_ids_of(tx: Tx, ids: Iterable[int]) -> dict[int, Issue]:
    """Issues by id, of whatever repository."""
    wanted = sorted(set(ids))
    question = ",".join("?" * len(wanted))
    rows = tx.rows(f"SELECT * FROM issue WHERE id IN ({question})", *wanted)  # noqa: S608
    return {issue.id: issue for issue in load(tx, rows)}


def visible(tx: Tx, ids: Sequence[int], *, actor: User | Unchecked | None) -> list[Issue]:
    """Issues by id, in this order, without those whose repository the acting user may not see."""
    found = by_ids_of(tx, ids)
    seen: dict[int, bool] = {}
    for issue in found.values():
        if issue.repo_id not in seen:
            seen[issue.repo_id] = repos.is_visible(tx, issue.repo_id, actor=actor)
    return [found[key] for key in ids if key in found and seen[found[key].repo_id]]


def reachable(tx: Tx, issue_id: int, *, actor: User | Unchecked | None) -> tuple[Issue, Repo]:
    """The issue or pull request with this database id, and its repository.

    Raises NotFound, also when the acting user may not see the repository.
    """
    found = by_ids_of(tx, [issue_id]).get(issue_id)
    if found is None:
        raise NotFound
    return found, repos.by_id(tx, found.repo_id, actor=actor)


def create(
    tx: Tx,
    repo: Repo,
    title: str,
    *,
    actor: User | None,
    body: str | None = None,
    labels: Sequence[str] = (),
    assignees: Sequence[str] = (),
    milestone: int | None = None,
) -> Issue:
    """Open an issue. Labels, assignees and milestone by somebody without triage rights are dropped without a word."""
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    if not repo.settings["has_issues"]:
        raise Gone("Issues are disabled for this repo")
    issue_id = insert(tx, repo, title, body=body, author=person)
    notices.tell(tx, repo, "issues", "opened", actor=person, issue_id=issue_id)
    if allows(tx, repo, person, Role.TRIAGE):
        marks.put_all(
            tx, repo, issue_id, actor=person, labels=labels, assignees=assignees, milestone=milestone
        )
    references.note_mentions(tx, repo, issue_id, body, actor=person)
    return by_ids_of(tx, [issue_id])[issue_id]


def insert(tx: Tx, repo: Repo, title: str, *, body: str | None, author: User, is_pull: bool = False) -> int:
    """The bare row of a new issue or pull request; gives its id. Raises Invalid for texts out of bounds."""
    kind = "PullRequest" if is_pull else "Issue"
    return tx.insert(
        "issue",
        repo_id=repo.id,
        number=repos.next_number(tx, repo),
        title=checked_title(title, kind=kind),
        body=checked_body(body, kind=kind),
        state="open",
        author_id=author.id,
        is_pull=int(is_pull),
        created=tx.stamp,
        updated=tx.stamp,
    )


def edit(
    tx: Tx, repo: Repo, issue: Issue, *, actor: User | None, title: str | None = None, body: str | None = None
) -> Issue:
    """Change title or body; None leaves it. The author may, and who has triage rights."""
    person = require_author(tx, repo, issue, actor)
    columns: dict[str, object] = {}
    if title is not None and title != issue.title:
        columns["title"] = checked_title(title, kind="Issue")
        events.record(tx, repo, issue.id, "renamed", actor=person, **{"from": issue.title, "to": title})
    if body is not None and body != (issue.body or ""):
        columns |= {
            "body": checked_body(body, kind="Issue"),
            "edited": tx.stamp,
            "editor_id": person.id,
        }
        edits.note(tx, issue, body, editor=person)
        references.note_mentions(tx, repo, issue.id, body, actor=person)
    if columns:
        tx.update("issue", issue.id, updated=tx.stamp, **columns)
        changes = {key: {"from": getattr(issue, key) or ""} for key in ("title", "body") if key in columns}
        event = "pull_request" if issue.pull else "issues"
        notices.tell(tx, repo, event, "edited", actor=person, issue_id=issue.id, changes=changes)
    return find(tx, repo, issue.number)


def close(
    tx: Tx, repo: Repo, issue: Issue, *, actor: User | None, reason: str = "completed", oid: str | None = None
) -> Issue:
    """Close it, or give a closed one another reason. `oid` is the commit that closed it, if one did."""
    person = require_author(tx, repo, issue, actor)
    if reason not in REASONS:
        raise invalid("Issue", "state_reason")
    return shut(tx, repo, issue, actor=person, reason=reason, oid=oid)


def shut(
    tx: Tx, repo: Repo, issue: Issue, *, actor: User, reason: str = "completed", oid: str | None = None
) -> Issue:
    """As `close` for the forge itself, which acts on keywords and merges: nobody's rights are asked."""
    kept_reason = None if issue.pull else reason
    if issue.open or issue.state_reason != kept_reason:
        tx.update(
            "issue",
            issue.id,
            state="closed",
            state_reason=kept_reason,
            closed=tx.stamp if issue.open else issue.closed and text_of(issue.closed),
            closed_by=actor.id,
            updated=tx.stamp,
        )
        events.record(tx, repo, issue.id, "closed", actor=actor, oid=oid, state_reason=kept_reason)
        if issue.open:
            projectrules.note_closed(tx, issue.id)
    return find(tx, repo, issue.number)


def reopen(tx: Tx, repo: Repo, issue: Issue, *, actor: User | None) -> Issue:
    """Open it again. An author without triage rights may only undo their own closing."""
    person = require_author(tx, repo, issue, actor)
    if issue.open:
        return issue
    if not (allows(tx, repo, person, Role.TRIAGE) or (issue.closed_by and issue.closed_by.id == person.id)):
        raise Forbidden("You do not have permission to reopen this issue.")
    if issue.pull:
        _check_reopening_pull(tx, repo, issue)
    tx.update(
        "issue",
        issue.id,
        state="open",
        state_reason=None if issue.pull else "reopened",
        closed=None,
        closed_by=None,
        updated=tx.stamp,
    )
    events.record(tx, repo, issue.id, "reopened", actor=person)
    return find(tx, repo, issue.number)


def lock(tx: Tx, repo: Repo, issue: Issue, *, actor: User | None, reason: str | None = None) -> None:
    """Let only people with write access comment. Needs triage rights."""
    person = require(tx, repo, actor, Role.TRIAGE)
    if reason not in {None, "off-topic", "too heated", "resolved", "spam"}:
        raise invalid("Issue", "lock_reason")
    if not issue.locked:
        tx.update("issue", issue.id, locked=1, lock_reason=reason)
        events.record(tx, repo, issue.id, "locked", actor=person, lock_reason=reason)


def unlock(tx: Tx, repo: Repo, issue: Issue, *, actor: User | None) -> None:
    """Let everybody comment again. Needs triage rights."""
    person = require(tx, repo, actor, Role.TRIAGE)
    if issue.locked:
        tx.update("issue", issue.id, locked=0, lock_reason=None)
        events.record(tx, repo, issue.id, "unlocked", actor=person)


def require_author(tx: Tx, repo: Repo, issue: Issue, actor: User | None) -> User:
    """The acting user, known to be the author or to have triage rights. Raises Forbidden."""
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    return person if person.id == issue.author.id else require(tx, repo, person, Role.TRIAGE)


def may_edit(tx: Tx, repo: Repo, issue: Issue, actor: User | None) -> bool:
    """Whether this user may edit, close and reopen it."""
    return actor is not None and (actor.id == issue.author.id or allows(tx, repo, actor, Role.TRIAGE))


def touch(tx: Tx, issue_id: int) -> None:
    """Note that something about the issue changed now."""
    tx.update("issue", issue_id, updated=tx.stamp)


def checked_title(title: str, *, kind: str) -> str:
    """The title, known to be within GitHub's bounds. Raises Invalid."""
    if not title.strip():
        raise missing(kind, "title")
    if len(title) > texts.TITLE_LIMIT:
        raise invalid(kind, "title", f"title is too long (maximum is {texts.TITLE_LIMIT} characters)")
    return title


def checked_body(body: str | None, *, kind: str) -> str | None:
    """The body, known to be within GitHub's bounds. Raises Invalid."""
    if body is not None and len(body) > texts.BODY_LIMIT:
        raise invalid(kind, "body", f"body is too long (maximum is {texts.BODY_LIMIT} characters)")
    return body


def _check_reopening_pull(tx: Tx, repo: Repo, issue: Issue) -> None:
    pull = tx.row("SELECT * FROM pull WHERE issue_id = ?", issue.id)
    if pull is None:
        return
    why = None
    if pull["merged"]:
        why = "The pull request was merged."
    elif not gitdir.has_ref(repo.git_dir, f"refs/heads/{pull['head_ref']}"):
        why = f"The {pull['head_ref']} branch has been deleted."
    elif tx.row(
        "SELECT 1 FROM pull JOIN issue ON issue.id = issue_id "
        "WHERE repo_id = ? AND state = 'open' AND head_ref = ? AND base_ref = ?",
        repo.id,
        pull["head_ref"],
        pull["base_ref"],
    ):
        why = f"There is already an open pull request from {pull['head_ref']} to {pull['base_ref']}."
    if why:
        raise invalid("PullRequest", "state", f"state cannot be changed. {why}")


def load(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Issue]:
    """Issues from rows of their table, with all that belongs to them, in few queries however many they are."""
    rows = list(rows)
    ids = [row["id"] for row in rows]
    question = ",".join("?" * len(ids))
    labelled: dict[int, list[Label]] = {key: [] for key in ids}
    for row in tx.rows(
        "SELECT issue_id, label.* FROM issue_label JOIN label ON label.id = label_id "  # noqa: S608
        f"WHERE issue_id IN ({question}) ORDER BY issue_label.rowid",
        *ids,
    ):
        labelled[row["issue_id"]].append(label_of(row))
    assigned: dict[int, list[int]] = {key: [] for key in ids}
    for row in tx.rows(
        f"SELECT issue_id, user_id FROM assignee WHERE issue_id IN ({question}) ORDER BY rowid",  # noqa: S608
        *ids,
    ):
        assigned[row["issue_id"]].append(row["user_id"])
    comments = {
        row["issue_id"]: row["n"]
        for row in tx.rows(
            f"SELECT issue_id, count(*) AS n FROM comment WHERE issue_id IN ({question}) GROUP BY issue_id",  # noqa: S608
            *ids,
        )
    }
    pulls = {
        row["issue_id"]: PullPart(bool(row["draft"]), moment_of(row["merged"]) if row["merged"] else None)
        for row in tx.rows(f"SELECT issue_id, draft, merged FROM pull WHERE issue_id IN ({question})", *ids)  # noqa: S608
    }
    named = [row[key] for row in rows for key in ("author_id", "closed_by", "editor_id")]
    people = by_ids(tx, named + [user_id for some in assigned.values() for user_id in some])
    planned = milestones.by_ids_of(tx, (row["milestone_id"] for row in rows))
    reacted = reactions.counts(tx, "issue", ids)
    linked = links.of_issues(tx, ids)
    return [
        Issue(
            id=row["id"],
            repo_id=row["repo_id"],
            number=row["number"],
            title=row["title"],
            body=row["body"],
            state=row["state"],
            state_reason=row["state_reason"],
            author=people[row["author_id"]],
            locked=bool(row["locked"]),
            lock_reason=row["lock_reason"],
            milestone=planned.get(row["milestone_id"]),
            labels=tuple(labelled[row["id"]]),
            assignees=tuple(people[user_id] for user_id in assigned[row["id"]]),
            comments=comments.get(row["id"], 0),
            reactions=reacted[row["id"]],
            pull=pulls.get(row["id"]),
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            closed=moment_of(row["closed"]) if row["closed"] else None,
            closed_by=people.get(row["closed_by"]),
            edited=moment_of(row["edited"]) if row["edited"] else None,
            editor=people.get(row["editor_id"]),
            links=linked.get(row["id"], links.NONE),
        )
        for row in rows
    ]

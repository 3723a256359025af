"""An issue's timeline with everything that its events lead to."""

from __future__ import annotations

from dataclasses import dataclass

from cdock.forge.domain import comments, events, history, issues, repos, reviews, users
from cdock.forge.domain.comments import Comment
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.events import Event
from cdock.forge.domain.history import Commit
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.users import User
from cdock.forge.store import Tx


@dataclass(frozen=True)
class Item:
    """An event; set is what belongs to its kind: `comment` (commented), `source` with its repository
    (cross-referenced), `commit` (committed), `review` (reviewed), `assignee` (who is meant: assigned, unassigned,
    review_requested, review_request_removed).
    """

    event: Event
    comment: Comment | None = None
    source: Issue | None = None
    source_repo: Repo | None = None
    commit: Commit | None = None
    review: Review | None = None
    assignee: User | None = None


def of_issue(tx: Tx, repo: Repo, issue: Issue, *, actor: User | None) -> list[Item]:
    """What happened, oldest first. Mentions in repositories that the acting user may not see are left out."""
    happened = events.of_issue(tx, issue.id, whole=True)
    written = {comment.id: comment for comment in comments.of_issue(tx, issue)}
    sources = issues.by_ids_of(tx, [e.data["source"] for e in happened if e.kind == "cross-referenced"])
    meant = users.by_ids(tx, (e.data.get("assignee") or e.data.get("requested_reviewer") for e in happened))
    given = reviews.by_ids_of(tx, [e.data["review"] for e in happened if e.kind == "reviewed"])
    commits = _commits(repo, [e.oid for e in happened if e.kind == "committed" and e.oid])
    items: list[Item] = []
    for event in happened:
        if event.kind == "commented":
            items.append(Item(event, comment=written[event.data["comment"]]))
        elif event.kind == "committed":
            if event.oid in commits:
                items.append(Item(event, commit=commits[event.oid]))
        elif event.kind == "cross-referenced":
            source = sources.get(event.data["source"])
            home = _visible(tx, source.repo_id, actor) if source else None
            if home is not None:
                items.append(Item(event, source=source, source_repo=home))
        elif event.kind == "reviewed":
            items.append(Item(event, review=given[event.data["review"]]))
        elif event.kind in {"assigned", "unassigned"}:
            items.append(Item(event, assignee=meant[event.data["assignee"]]))
        elif event.kind in {"review_requested", "review_request_removed"}:
            items.append(Item(event, assignee=meant[event.data["requested_reviewer"]]))
        else:
            items.append(Item(event))
    return items


def _commits(repo: Repo, oids: list[str]) -> dict[str, Commit]:
    return {commit.oid: commit for commit in history.some(repo, oids)}


def _visible(tx: Tx, repo_id: int, actor: User | None) -> Repo | None:
    try:
        return repos.by_id(tx, repo_id, actor=actor)
    except NotFound:
        return None

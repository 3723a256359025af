"""How issues hang together, as JSON: what an issue says of it, and other issues that events name."""

from __future__ import annotations

from cdock.forge.domain import issues, links
from cdock.forge.domain import repos as domain
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.events import Event
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.links import Parent
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import repo as repos


def of_issue(call: Call, repo: Repo, shown: Issue) -> dict[str, Json]:
    """What is part of every issue's JSON, and of no pull request's."""
    counts = shown.links
    return {
        "sub_issues_summary": {
            "total": counts.sub_issues,
            "completed": counts.sub_issues_closed,
            "percent_completed": counts.percent_closed,
        },
        "issue_dependencies_summary": {
            "blocked_by": counts.blocked_by,
            "total_blocked_by": counts.total_blocked_by,
            "blocking": counts.blocking,
            "total_blocking": counts.total_blocking,
        },
        "parent_issue_url": _url(call, repo, counts.parent) if counts.parent else None,
    }


def of_event(call: Call, shown: Event) -> dict[str, Json]:
    """The other issue of an event that names one; null when it is not there any more, or not for the one who asks."""
    key = links.NAMED[shown.kind]
    try:
        other, home = issues.reachable(call.tx, shown.data[key], actor=call.actor)
    except NotFound:
        return {key: None}
    return {
        key: {
            "number": other.number,
            "title": other.title,
            "state": other.state,
            "state_reason": other.state_reason,
            "repository": repos.minimal(call, home),
            "issue_type": None,
        }
    }


def _url(call: Call, repo: Repo, parent: Parent) -> str | None:
    try:
        home = repo if parent.repo_id == repo.id else domain.by_id(call.tx, parent.repo_id, actor=call.actor)
    except NotFound:
        return None
    return f"{call.urls.repo(home)}/issues/{parent.number}"

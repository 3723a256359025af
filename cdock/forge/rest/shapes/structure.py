"""How issues hang together, as JSON: what an issue says of it, and other issues that events name."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import issues
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.events import Event
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import repo as repos

NAMED: Final = {
    f"{what}_{done}": what
    for what in ("sub_issue", "parent_issue", "blocked_by", "blocking")
    for done in ("added", "removed")
}
"""The key under which an event of each kind names the other issue."""


def of_issue(call: Call, repo: Repo, shown: Issue) -> dict[str, Json]:
    """What is part of every issue's JSON, and of no pull request's."""
    links = shown.links
    return {
        "sub_issues_summary": {
            "total": links.sub_issues,
            "completed": links.sub_issues_closed,
            "percent_completed": links.percent_closed,
        },
        "issue_dependencies_summary": {
            "blocked_by": links.blocked_by,
            "total_blocked_by": links.total_blocked_by,
            "blocking": links.blocking,
            "total_blocking": links.total_blocking,
        },
        "parent_issue_url": _url(call, repo, links.parent_id) if links.parent_id else None,
    }


def of_event(call: Call, shown: Event) -> dict[str, Json]:
    """The other issue of an event that names one; null when it is not there any more, or not for the one who asks."""
    key = NAMED[shown.kind]
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


def _url(call: Call, repo: Repo, issue_id: int) -> str | None:
    try:
        parent, home = issues.reachable(call.tx, issue_id, actor=call.actor)
    except NotFound:
        return None
    return f"{call.urls.repo(home)}/issues/{parent.number}"

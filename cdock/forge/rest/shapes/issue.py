"""Issues with their labels, milestones, comments and reactions as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from cdock.forge.domain.comments import Comment
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.labels import Label
from cdock.forge.domain.milestones import Milestone
from cdock.forge.domain.reactions import CONTENTS, Reaction
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import app as apps
from cdock.forge.rest.shapes import people, structure
from cdock.forge.rest.urls import quoted
from cdock.forge.store import text_of


def issue(call: Call, repo: Repo, shown: Issue) -> Json:
    """An issue, or a pull request seen as one."""
    urls = call.urls
    url = f"{urls.repo(repo)}/issues/{shown.number}"
    page = f"{urls.page(repo)}/{'pull' if shown.pull else 'issues'}/{shown.number}"
    body = {
        "url": url,
        "repository_url": urls.repo(repo),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page,
        "id": shown.id,
        "node_id": people.node_id("PR" if shown.pull else "I", shown.id),
        "number": shown.number,
        "title": shown.title,
        "user": people.user(urls, shown.author),
        "labels": [label(call, repo, one) for one in shown.labels],
        "state": shown.state,
        "locked": shown.locked,
        "assignee": people.user(urls, shown.assignees[0]) if shown.assignees else None,
        "assignees": [people.user(urls, person) for person in shown.assignees],
        "milestone": milestone(call, repo, shown.milestone) if shown.milestone else None,
        "comments": shown.comments,
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
        "closed_at": text_of(shown.closed) if shown.closed else None,
        "author_association": call.association(repo, shown.author),
        "active_lock_reason": shown.lock_reason,
        "body": shown.body,
        "closed_by": people.maybe(urls, shown.closed_by),
        "reactions": rollup(f"{url}/reactions", shown.reactions),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": apps.maybe(urls, call.app_of(shown.author)),
        "state_reason": shown.state_reason,
    }
    if shown.pull is None:
        body |= structure.of_issue(call, repo, shown)
    else:
        body["draft"] = shown.pull.draft
        body["pull_request"] = {
            "url": f"{urls.repo(repo)}/pulls/{shown.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": text_of(shown.pull.merged) if shown.pull.merged else None,
        }
    if call.lean:
        del body["assignee"]
    return body


def label(call: Call, repo: Repo, shown: Label) -> Json:
    """A label."""
    body = {
        "id": shown.id,
        "node_id": people.node_id("LA", shown.id),
        "url": f"{call.urls.repo(repo)}/labels/{quoted(shown.name)}",
        "name": shown.name,
        "color": shown.color,
        "default": shown.default,
        "description": shown.description,
    }
    return body | {"archived_at": None, "archived_by": None} if call.lean else body


def milestone(call: Call, repo: Repo, shown: Milestone) -> Json:
    """A milestone."""
    url = f"{call.urls.repo(repo)}/milestones/{shown.number}"
    return {
        "url": url,
        "html_url": f"{call.urls.page(repo)}/milestone/{shown.number}",
        "labels_url": f"{url}/labels",
        "id": shown.id,
        "node_id": people.node_id("MI", shown.id),
        "number": shown.number,
        "title": shown.title,
        "description": shown.description,
        "creator": people.user(call.urls, shown.creator),
        "open_issues": shown.open_issues,
        "closed_issues": shown.closed_issues,
        "state": shown.state,
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
        "due_on": text_of(shown.due) if shown.due else None,
        "closed_at": text_of(shown.closed) if shown.closed else None,
    }


def comment(call: Call, repo: Repo, shown: Comment) -> Json:
    """A comment on an issue or pull request."""
    url = f"{call.urls.repo(repo)}/issues/comments/{shown.id}"
    return {
        "url": url,
        "html_url": comment_page(call, repo, shown),
        "issue_url": f"{call.urls.repo(repo)}/issues/{shown.issue_number}",
        "id": shown.id,
        "node_id": people.node_id("IC", shown.id),
        "user": people.user(call.urls, shown.author),
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
        "author_association": call.association(repo, shown.author),
        "body": shown.body,
        "reactions": rollup(f"{url}/reactions", shown.reactions),
        "performed_via_github_app": apps.maybe(call.urls, call.app_of(shown.author)),
    }


def comment_page(call: Call, repo: Repo, shown: Comment) -> str:
    """Where a comment can be read."""
    kind = "pull" if shown.on_pull else "issues"
    return f"{call.urls.page(repo)}/{kind}/{shown.issue_number}#issuecomment-{shown.id}"


def reaction(call: Call, shown: Reaction) -> Json:
    """One person's reaction."""
    return {
        "id": shown.id,
        "node_id": people.node_id("REA", shown.id),
        "user": people.user(call.urls, shown.user),
        "content": shown.content,
        "created_at": text_of(shown.created),
    }


def rollup(url: str, counts: Mapping[str, int]) -> Json:
    """How many reactions of each kind."""
    return {
        "url": url,
        "total_count": sum(counts.values()),
        **{kind: counts.get(kind, 0) for kind in CONTENTS},
    }

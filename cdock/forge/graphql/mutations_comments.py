"""Mutations of comments."""

from __future__ import annotations

from cdock.forge.domain import comments, hiding
from cdock.forge.graphql import comments as shown_comments
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import nodes
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.connections import encoded
from cdock.forge.graphql.registry import Input, mutation


@mutation("addComment", "issues", "pull_requests")
def add(ask: Ask, given: Input) -> Shown:
    """Write a comment on an issue or pull request."""
    repo, issue = nodes.issue(ask, given["subjectId"])
    said = comments.create(ask.tx, repo, issue, given["body"], actor=ask.actor)
    _, issue = nodes.issue(ask, given["subjectId"])
    edge = {
        "cursor": encoded(str(issue.comments)),
        "node": shown_comments.comment(ask, repo, said),
    }
    return {"commentEdge": edge, "subject": shown_issues.issue_or_pull(ask, repo, issue)}


@mutation("updateIssueComment", "issues", "pull_requests")
def update(ask: Ask, given: Input) -> Shown:
    """Change a comment's text."""
    repo, said = nodes.comment(ask, given["id"])
    said = comments.edit(ask.tx, repo, said, given["body"], actor=ask.actor)
    return {"issueComment": shown_comments.comment(ask, repo, said)}


@mutation("deleteIssueComment", "issues", "pull_requests")
def delete(ask: Ask, given: Input) -> Shown:
    """Remove a comment."""
    repo, said = nodes.comment(ask, given["id"])
    comments.delete(ask.tx, repo, said, actor=ask.actor)
    return {}


@mutation("minimizeComment", "issues", "pull_requests")
def minimize(ask: Ask, given: Input) -> Shown:
    """Hide a comment."""
    repo, said = nodes.comment(ask, given["subjectId"])
    reason = given["classifier"].lower().replace("_", "-")
    hiding.hide(ask.tx, repo, said, reason=reason, actor=ask.actor)
    return {"minimizedComment": shown_comments.comment(ask, repo, said)}


@mutation("unminimizeComment", "issues", "pull_requests")
def unminimize(ask: Ask, given: Input) -> Shown:
    """Show a hidden comment again."""
    repo, said = nodes.comment(ask, given["subjectId"])
    hiding.show(ask.tx, repo, said, actor=ask.actor)
    return {"unminimizedComment": shown_comments.comment(ask, repo, said)}

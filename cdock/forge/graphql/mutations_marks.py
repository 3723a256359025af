"""Mutations of what is put on issues and pull requests: labels and assignees."""

from __future__ import annotations

from cdock.forge.domain import marks, users
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.roles import Role, require
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import nodes, people
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.registry import Input, mutation


@mutation("addLabelsToLabelable", "issues", "pull_requests")
def add_labels(ask: Ask, given: Input) -> Shown:
    """Put labels on."""
    repo, issue = nodes.issue(ask, given["labelableId"])
    names = nodes.label_names(ask, repo, given["labelIds"])
    marks.add_labels(ask.tx, repo, issue.id, names, actor=ask.actor)
    return {"labelable": _shown(ask, given["labelableId"])}


@mutation("removeLabelsFromLabelable", "issues", "pull_requests")
def remove_labels(ask: Ask, given: Input) -> Shown:
    """Take labels off; one that is not on is passed over."""
    repo, issue = nodes.issue(ask, given["labelableId"])
    names = nodes.label_names(ask, repo, given["labelIds"])
    require(ask.tx, repo, ask.actor, Role.TRIAGE)
    present = {label.name for label in marks.labels_of(ask.tx, issue.id)}
    for name in names:
        if name in present:
            marks.remove_label(ask.tx, repo, issue.id, name, actor=ask.actor)
    return {"labelable": _shown(ask, given["labelableId"])}


@mutation("replaceActorsForAssignable", "issues", "pull_requests")
def replace_actors(ask: Ask, given: Input) -> Shown:
    """Make these the assignees."""
    repo, issue = nodes.issue(ask, given["assignableId"])
    logins = [nodes.user(ask, each).login for each in given.get("actorIds") or ()]
    for login in given.get("actorLogins") or ():
        try:
            logins.append(users.find(ask.tx, login).login)
        except NotFound as error:
            raise people.not_resolved("a User", login) from error
    marks.set_assignees(ask.tx, repo, issue.id, logins, actor=ask.actor)
    return {"assignable": _shown(ask, given["assignableId"])}


def _shown(ask: Ask, node_id: str) -> Shown:
    repo, issue = nodes.issue(ask, node_id)
    return shown_issues.issue_or_pull(ask, repo, issue)

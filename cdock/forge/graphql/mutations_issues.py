"""Mutations of issues."""

from __future__ import annotations

from cdock.forge.domain import issues, marks, roles, subissues
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import nodes
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.registry import Input, mutation


@mutation("createIssue", "issues")
def create(ask: Ask, given: Input) -> Shown:
    """Open an issue. Marks by somebody without triage rights are dropped, as over REST."""
    repo = nodes.repo(ask, given["repositoryId"])
    made = issues.create(
        ask.tx,
        repo,
        given["title"],
        actor=ask.actor,
        body=given.get("body"),
        labels=nodes.label_names(ask, repo, given.get("labelIds") or ()),
        assignees=[nodes.user(ask, each).login for each in given.get("assigneeIds") or ()],
        milestone=nodes.milestone_number(ask, repo, given["milestoneId"])
        if given.get("milestoneId")
        else None,
    )
    if given.get("parentIssueId"):
        home, parent = nodes.only_issue(ask, given["parentIssueId"])
        subissues.add(ask.tx, home, parent, made.id, actor=ask.actor)
    return _payload(ask, repo, made)


@mutation("updateIssue", "issues")
def update(ask: Ask, given: Input) -> Shown:
    """Change texts, state and marks of an issue."""
    repo, issue = nodes.only_issue(ask, given["id"])
    issues.edit(ask.tx, repo, issue, actor=ask.actor, title=given.get("title"), body=given.get("body"))
    set_marks(ask, repo, issue, given)
    issue = issues.find(ask.tx, repo, issue.number)
    if given.get("state") == "CLOSED" and issue.open:
        issues.close(ask.tx, repo, issue, actor=ask.actor)
    elif given.get("state") == "OPEN":
        issues.reopen(ask.tx, repo, issue, actor=ask.actor)
    return _payload(ask, repo, issue)


@mutation("closeIssue", "issues")
def close(ask: Ask, given: Input) -> Shown:
    """Close an issue."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    duplicate = given.get("duplicateIssueId")
    if duplicate is not None:
        nodes.only_issue(ask, duplicate)
    reason = (given.get("stateReason") or ("DUPLICATE" if duplicate else "COMPLETED")).lower()
    return _payload(ask, repo, issues.close(ask.tx, repo, issue, actor=ask.actor, reason=reason))


@mutation("reopenIssue", "issues")
def reopen(ask: Ask, given: Input) -> Shown:
    """Open a closed issue again."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    return _payload(ask, repo, issues.reopen(ask.tx, repo, issue, actor=ask.actor))


@mutation("lockLockable", "issues", "pull_requests")
def lock(ask: Ask, given: Input) -> Shown:
    """Let only people with write access comment."""
    repo, issue = nodes.issue(ask, given["lockableId"])
    reason = given.get("lockReason")
    words = {"OFF_TOPIC": "off-topic", "TOO_HEATED": "too heated"}
    issues.lock(ask.tx, repo, issue, actor=ask.actor, reason=reason and words.get(reason, reason.lower()))
    _, issue = nodes.issue(ask, given["lockableId"])
    return {"lockedRecord": shown_issues.issue_or_pull(ask, repo, issue)}


@mutation("unlockLockable", "issues", "pull_requests")
def unlock(ask: Ask, given: Input) -> Shown:
    """Let everybody comment again."""
    repo, issue = nodes.issue(ask, given["lockableId"])
    issues.unlock(ask.tx, repo, issue, actor=ask.actor)
    _, issue = nodes.issue(ask, given["lockableId"])
    return {"unlockedRecord": shown_issues.issue_or_pull(ask, repo, issue)}


def set_marks(ask: Ask, repo: Repo, issue: Issue, given: Input) -> None:
    """Labels, assignees and milestone as an update of an issue or pull request says. Needs triage rights."""
    named = [key for key in ("labelIds", "assigneeIds", "milestoneId") if key in given]
    if named:
        roles.require(ask.tx, repo, ask.actor, Role.TRIAGE)
    if given.get("labelIds") is not None:
        names = nodes.label_names(ask, repo, given["labelIds"])
        marks.set_labels(ask.tx, repo, issue.id, names, actor=ask.actor)
    if given.get("assigneeIds") is not None:
        logins = [nodes.user(ask, each).login for each in given["assigneeIds"]]
        marks.set_assignees(ask.tx, repo, issue.id, logins, actor=ask.actor)
    if "milestoneId" in given:
        wanted = given["milestoneId"]
        number = nodes.milestone_number(ask, repo, wanted) if wanted else None
        marks.set_milestone(ask.tx, repo, issue.id, number, actor=ask.actor)


def _payload(ask: Ask, repo: Repo, issue: Issue) -> Shown:
    return {"issue": shown_issues.issue(ask, repo, issues.find(ask.tx, repo, issue.number))}

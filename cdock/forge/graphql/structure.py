"""How issues hang together: parents, parts, dependencies; what changes them."""

from __future__ import annotations

from collections.abc import Sequence

from cdock.forge.domain import dependencies, issues, subissues
from cdock.forge.domain.errors import Invalid
from cdock.forge.domain.issues import Issue
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import nodes, roots
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import number_of
from cdock.forge.graphql.registry import Input, mutation


def around(ask: Ask, shown: Issue) -> Shown:
    """What an issue shows of the issues around it."""
    links = shown.links
    return {
        "parent": lambda _: _maybe(ask, subissues.parent_of(ask.tx, shown, actor=ask.actor)),
        "subIssues": lambda args: _list(ask, subissues.list_of(ask.tx, shown, actor=ask.actor), args),
        "subIssuesSummary": {
            "total": links.sub_issues,
            "completed": links.sub_issues_closed,
            "percentCompleted": links.percent_closed,
        },
        "blockedBy": lambda args: _list(ask, dependencies.blockers_of(ask.tx, shown, actor=ask.actor), args),
        "blocking": lambda args: _list(ask, dependencies.blocked_of(ask.tx, shown, actor=ask.actor), args),
        "issueDependenciesSummary": {
            "blockedBy": links.blocked_by,
            "totalBlockedBy": links.total_blocked_by,
            "blocking": links.blocking,
            "totalBlocking": links.total_blocking,
        },
    }


@mutation("addSubIssue", "issues")
def add_sub_issue(ask: Ask, given: Input) -> Shown:
    """Make an issue a part of another one."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    child_id = _child(ask, given)
    replace = bool(given.get("replaceParent"))
    subissues.add(ask.tx, repo, issue, child_id, actor=ask.actor, replace_parent=replace)
    return {"issue": _again(ask, issue.id), "subIssue": _again(ask, child_id)}


@mutation("removeSubIssue", "issues")
def remove_sub_issue(ask: Ask, given: Input) -> Shown:
    """Make a part independent."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    _, child = nodes.only_issue(ask, given["subIssueId"])
    subissues.remove(ask.tx, repo, issue, child.id, actor=ask.actor)
    return {"issue": _again(ask, issue.id), "subIssue": _again(ask, child.id)}


@mutation("reprioritizeSubIssue", "issues")
def reprioritize_sub_issue(ask: Ask, given: Input) -> Shown:
    """Put a part next to another one."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    after, before = given.get("afterId"), given.get("beforeId")
    subissues.move(
        ask.tx,
        repo,
        issue,
        number_of(given["subIssueId"], "I"),
        actor=ask.actor,
        after_id=number_of(after, "I") if after else None,
        before_id=number_of(before, "I") if before else None,
    )
    return {"issue": _again(ask, issue.id)}


@mutation("addBlockedBy", "issues")
def add_blocked_by(ask: Ask, given: Input) -> Shown:
    """Let an issue wait for another one."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    _, blocker = nodes.only_issue(ask, given["blockingIssueId"])
    dependencies.add(ask.tx, repo, issue, blocker.id, actor=ask.actor)
    return {"issue": _again(ask, issue.id), "blockingIssue": _again(ask, blocker.id)}


@mutation("removeBlockedBy", "issues")
def remove_blocked_by(ask: Ask, given: Input) -> Shown:
    """Let an issue not wait for another one any more."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    _, blocker = nodes.only_issue(ask, given["blockingIssueId"])
    dependencies.remove(ask.tx, repo, issue, blocker.id, actor=ask.actor)
    return {"issue": _again(ask, issue.id), "blockingIssue": _again(ask, blocker.id)}


def _child(ask: Ask, given: Input) -> int:
    if given.get("subIssueId") is not None:
        _, child = nodes.only_issue(ask, given["subIssueId"])
        return child.id
    found = roots.at(ask, given.get("subIssueUrl") or "")
    if not isinstance(found, Issue):
        raise Invalid("Either subIssueId or the URL of an issue as subIssueUrl must be given")
    return found.id


def _again(ask: Ask, issue_id: int) -> Shown:
    found, home = issues.reachable(ask.tx, issue_id, actor=ask.actor)
    return shown_issues.issue(ask, home, found)


def _maybe(ask: Ask, found: Issue | None) -> Shown | None:
    return shown_issues.issue(ask, ask.repo(found.repo_id), found) if found else None


def _list(ask: Ask, found: Sequence[Issue], args: Args) -> Shown:
    return connection(args, found, lambda each: shown_issues.issue(ask, ask.repo(each.repo_id), each))

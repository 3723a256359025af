"""Mutations of pull requests."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import issues, merging, pulls
from cdock.forge.domain.errors import Invalid
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.graphql import nodes
from cdock.forge.graphql import pulls as shown_pulls
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.mutations_issues import set_marks
from cdock.forge.graphql.registry import Input, mutation

_METHODS: Final = {"MERGE": "merge", "SQUASH": "squash", "REBASE": "rebase"}


@mutation("createPullRequest", "pull_requests")
def create(ask: Ask, given: Input) -> Shown:
    """Open a pull request."""
    repo = nodes.repo(ask, given["repositoryId"])
    made = pulls.create(
        ask.tx,
        repo,
        given["title"],
        actor=ask.actor,
        head=given["headRefName"].removeprefix("refs/heads/"),
        base=given["baseRefName"].removeprefix("refs/heads/"),
        body=given.get("body"),
        draft=bool(given.get("draft")),
        maintainer_can_modify=bool(given.get("maintainerCanModify")),
    )
    return _payload(ask, repo, made)


@mutation("updatePullRequest", "pull_requests")
def update(ask: Ask, given: Input) -> Shown:
    """Change texts, base, state and marks."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    issues.edit(ask.tx, repo, pull.issue, actor=ask.actor, title=given.get("title"), body=given.get("body"))
    if given.get("baseRefName") is not None:
        pulls.change_base(ask.tx, repo, pull, given["baseRefName"], actor=ask.actor)
    set_marks(ask, repo, pull.issue, given)
    issue = issues.find(ask.tx, repo, pull.number)
    if given.get("state") == "CLOSED" and issue.open:
        issues.close(ask.tx, repo, issue, actor=ask.actor)
    elif given.get("state") == "OPEN":
        issues.reopen(ask.tx, repo, issue, actor=ask.actor)
    return _payload(ask, repo, pull)


@mutation("closePullRequest", "pull_requests")
def close(ask: Ask, given: Input) -> Shown:
    """Close a pull request without merging it."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    if pull.issue.open:
        issues.close(ask.tx, repo, pull.issue, actor=ask.actor)
    return _payload(ask, repo, pull)


@mutation("reopenPullRequest", "pull_requests")
def reopen(ask: Ask, given: Input) -> Shown:
    """Open a closed pull request again."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    issues.reopen(ask.tx, repo, pull.issue, actor=ask.actor)
    return _payload(ask, repo, pull)


@mutation("markPullRequestReadyForReview", "pull_requests")
def ready(ask: Ask, given: Input) -> Shown:
    """Make a draft ready."""
    return _set_draft(ask, given, draft=False)


@mutation("convertPullRequestToDraft", "pull_requests")
def to_draft(ask: Ask, given: Input) -> Shown:
    """Make it a draft."""
    return _set_draft(ask, given, draft=True)


@mutation("mergePullRequest", "contents")
def merge(ask: Ask, given: Input) -> Shown:
    """Merge it."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    merging.merge(
        ask.tx,
        repo,
        pull,
        actor=ask.actor,
        method=_METHODS[given.get("mergeMethod", "MERGE")],
        expected_head=given.get("expectedHeadOid"),
        title=given.get("commitHeadline"),
        message=given.get("commitBody"),
    )
    return _payload(ask, repo, pull)


@mutation("enqueuePullRequest", "contents")
def enqueue(ask: Ask, given: Input) -> Shown:
    """No branch has a merge queue here."""
    _refuse_other_head(nodes.pull(ask, given["pullRequestId"])[1], given)
    raise Invalid("Pull request Merge queue is not enabled for the base branch")


@mutation("enablePullRequestAutoMerge", "contents")
def merge_later(ask: Ask, given: Input) -> Shown:
    """No repository allows it here, as none of GitHub's does before its settings say so."""
    _refuse_other_head(nodes.pull(ask, given["pullRequestId"])[1], given)
    raise Invalid("Pull request Auto merge is not allowed for this repository")


@mutation("disablePullRequestAutoMerge", "contents")
def do_not_merge_later(ask: Ask, given: Input) -> Shown:
    """It is on nowhere."""
    nodes.pull(ask, given["pullRequestId"])
    raise Invalid("Can't disable auto-merge for this pull request.")


@mutation("updatePullRequestBranch", "pull_requests")
def update_branch(ask: Ask, given: Input) -> Shown:
    """Merge the base into it."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    if given.get("updateMethod") == "REBASE":
        raise Invalid("This forge updates branches by merging only")
    merging.update_branch(ask.tx, repo, pull, actor=ask.actor, expected_head=given.get("expectedHeadOid"))
    return _payload(ask, repo, pull)


def _refuse_other_head(pull: Pull, given: Input) -> None:
    if given.get("expectedHeadOid", pull.head_oid) != pull.head_oid:
        raise Invalid("Head branch was modified. Review and try the merge again.")


def _set_draft(ask: Ask, given: Input, *, draft: bool) -> Shown:
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    pulls.set_draft(ask.tx, repo, pull, draft=draft, actor=ask.actor)
    return _payload(ask, repo, pull)


def _payload(ask: Ask, repo: Repo, pull: Pull) -> Shown:
    return {"pullRequest": shown_pulls.pull(ask, repo, pulls.find(ask.tx, repo, pull.number))}

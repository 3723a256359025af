"""Pull requests, alone and in lists."""

from __future__ import annotations

from typing import Any, Final

from cdock.forge.domain import issues, merging, pulls, references, texts
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.history import Commit
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.merging import Mergeability
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.graphql import git, people, repository, reviews, timeline
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id, oid_node
from cdock.forge.store import text_of

EVERY: Final = 2**31
_SORTS: Final = {"CREATED_AT": "created", "UPDATED_AT": "updated"}
_CHANGES: Final = {"removed": "DELETED"}


def pull(ask: Ask, repo: Repo, shown: Pull) -> Shown:
    """A pull request."""
    page = f"{ask.urls.page(repo)}/pull/{shown.number}"

    def able(_: Args) -> Mergeability:
        return merging.mergeability(ask.tx, repo, shown)

    def total(key: str) -> Any:
        return lambda _: sum(getattr(change, key) for change in pulls.files(repo, shown))

    return {
        **shown_issues.common(ask, repo, shown.issue),
        "__typename": "PullRequest",
        "id": node_id("PR", shown.issue.id),
        "databaseId": shown.id,
        "fullDatabaseId": str(shown.id),
        "url": page,
        "state": state_of(shown),
        "isDraft": shown.draft,
        "merged": shown.merged is not None,
        "mergedAt": text_of(shown.merged) if shown.merged else None,
        "mergedBy": people.maybe(ask, shown.merged_by),
        "mergeCommit": lambda _: git.commit_of(ask, repo, shown.merge_oid),
        "mergeable": lambda args: _mergeable(able(args)),
        "mergeStateStatus": lambda args: _merge_state(able(args)),
        # A merge that was tried is kept nowhere.
        "potentialMergeCommit": None,
        "maintainerCanModify": shown.maintainer_can_modify,
        "headRefName": shown.head_ref,
        "headRefOid": shown.head_oid,
        "headRef": lambda _: git.branch_of(ask, repo, shown.head_ref),
        "headRepository": lambda _: repository.repository(ask, repo),
        "headRepositoryOwner": people.user(ask, repo.owner),
        "baseRefName": shown.base_ref,
        "baseRefOid": shown.base_oid,
        "baseRef": lambda _: git.branch_of(ask, repo, shown.base_ref),
        "isCrossRepository": False,
        "isInMergeQueue": False,
        "isMergeQueueEnabled": False,
        "autoMergeRequest": None,
        "additions": total("additions"),
        "deletions": total("deletions"),
        "changedFiles": lambda _: len(pulls.files(repo, shown)),
        "files": lambda args: connection(args, pulls.files(repo, shown), _file),
        "commits": lambda args: connection(
            args, pulls.commits(repo, shown), lambda each: commit(ask, repo, shown.number, each)
        ),
        "statusCheckRollup": lambda _: git.rollup(ask, repo, shown.head_oid),
        **reviews.around(ask, repo, shown),
        "timelineItems": lambda args: timeline.of_issue(ask, repo, shown.issue, args),
        "closingIssuesReferences": lambda args: connection(
            args,
            closing_issues(ask, repo, shown),
            lambda each: shown_issues.issue(ask, ask.repo(each.repo_id), each),
        ),
    }


def commit(ask: Ask, repo: Repo, number: int, shown: Commit) -> Shown:
    """A commit as part of a pull request."""
    return {
        "__typename": "PullRequestCommit",
        "id": oid_node("PURC", repo, f"{number}:{shown.oid}"),
        "commit": git.commit(ask, repo, shown),
        "url": f"{ask.urls.page(repo)}/pull/{number}/commits/{shown.oid}",
    }


def of_repo(ask: Ask, repo: Repo, args: Args) -> Shown:
    """The pull requests of a repository."""
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    states = set(args.get("states") or ("OPEN", "CLOSED", "MERGED"))
    labels = {name.lower() for name in args.get("labels") or ()}
    found, _ = pulls.list_page(
        ask.tx,
        repo,
        state="open" if states == {"OPEN"} else "all" if "OPEN" in states else "closed",
        head=args.get("headRefName"),
        base=args.get("baseRefName"),
        sort=_SORTS[order["field"]],
        descending=order["direction"] == "DESC",
        limit=EVERY,
    )
    found = [
        each
        for each in found
        if state_of(each) in states
        and (not labels or labels & {label.name.lower() for label in each.issue.labels})
    ]
    return connection(args, found, lambda each: pull(ask, repo, each))


def state_of(shown: Pull) -> str:
    """Its state in GraphQL, where merged is not closed."""
    return "MERGED" if shown.merged else shown.issue.state.upper()


def closing_issues(ask: Ask, repo: Repo, shown: Pull) -> list[Issue]:
    """The issues that merging it closes: only a merge into the default branch does."""
    if shown.base_ref != repo.default_branch:
        return []
    found = references.targets(ask.tx, repo, texts.closings(shown.issue.body or ""), actor=ask.actor)
    known = issues.visible(ask.tx, [issue_id for _, issue_id in found], actor=ask.actor)
    return [each for each in known if each.pull is None]


def _mergeable(able: Mergeability) -> str:
    return {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[able.mergeable]


def _merge_state(able: Mergeability) -> str:
    return able.state.upper()


def _file(change: FileChange) -> Shown:
    return {
        "path": change.path,
        "additions": change.additions,
        "deletions": change.deletions,
        "changeType": _CHANGES.get(change.status, change.status.upper()),
    }

"""Pull requests as JSON."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import merging, pulls, reviewcomments, reviewers
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import issue as issues
from cdock.forge.rest.shapes import people
from cdock.forge.rest.shapes import repo as repos
from cdock.forge.store import text_of

_OF_ISSUE: Final = (
    "number",
    "title",
    "user",
    "body",
    "state",
    "locked",
    "labels",
    "milestone",
    "active_lock_reason",
    "created_at",
    "updated_at",
    "closed_at",
    "assignee",
    "assignees",
    "author_association",
    "draft",
)


def simple(call: Call, repo: Repo, shown: Pull) -> Json:
    """A pull request in a list."""
    url = f"{call.urls.repo(repo)}/pulls/{shown.number}"
    page = f"{call.urls.page(repo)}/pull/{shown.number}"
    as_issue = issues.issue(call, repo, shown.issue)
    addresses = {
        "html_url": page,
        "issue_url": as_issue["url"],
        "comments_url": as_issue["comments_url"],
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{call.urls.repo(repo)}/pulls/comments{{/number}}",
        "commits_url": f"{url}/commits",
        "statuses_url": f"{call.urls.repo(repo)}/statuses/{shown.head_oid}",
    }
    home = repos.standard(call, repo)
    body = {key: as_issue[key] for key in _OF_ISSUE if key in as_issue} | {
        "url": url,
        "id": shown.id,
        "node_id": as_issue["node_id"],
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        **addresses,
        "merged_at": text_of(shown.merged) if shown.merged else None,
        "merge_commit_sha": shown.merge_oid,
        "requested_reviewers": [people.user(call.urls, one) for one in reviewers.of_pull(call.tx, shown)],
        "requested_teams": [],
        "head": _end(call, repo, home, shown.head_ref, shown.head_oid),
        "base": _end(call, repo, home, shown.base_ref, shown.base_oid),
        "_links": {"self": {"href": url}}
        | {key.removesuffix("_url"): {"href": address} for key, address in addresses.items()},
        "auto_merge": None,
    }
    if call.lean:
        del body["merge_commit_sha"]
    return body


def full(call: Call, repo: Repo, shown: Pull) -> Json:
    """A pull request asked for by number."""
    able = merging.mergeability(call.tx, repo, shown)
    changed = pulls.files(repo, shown)
    return simple(call, repo, shown) | {
        "merged": shown.merged is not None,
        "mergeable": able.mergeable,
        "rebaseable": able.rebaseable,
        "mergeable_state": able.state,
        "merged_by": people.maybe(call.urls, shown.merged_by),
        "comments": shown.issue.comments,
        "review_comments": reviewcomments.count(call.tx, shown.issue.id),
        "maintainer_can_modify": shown.maintainer_can_modify,
        "commits": len(pulls.commits(repo, shown)),
        "additions": sum(change.additions for change in changed),
        "deletions": sum(change.deletions for change in changed),
        "changed_files": len(changed),
    }


def _end(call: Call, repo: Repo, home: Json, ref: str, oid: str) -> Json:
    return {
        "label": f"{repo.owner.login}:{ref}",
        "ref": ref,
        "sha": oid,
        "user": people.user(call.urls, repo.owner),
        "repo": home,
    }

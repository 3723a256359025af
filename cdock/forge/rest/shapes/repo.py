"""Repositories as JSON."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import repos
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import role_of
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import people
from cdock.forge.store import text_of

_PATHS: Final = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def minimal(call: Call, repo: Repo) -> Json:
    """A repository where one is mentioned."""
    url, page = call.urls.repo(repo), call.urls.page(repo)
    return {
        "id": repo.id,
        "node_id": people.node_id("R", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": people.user(call.urls, repo.owner),
        "html_url": page,
        "description": repo.description,
        "fork": False,
        "url": url,
        **{key: url + path for key, path in _PATHS.items()},
    }


def standard(call: Call, repo: Repo) -> Json:
    """A repository in a list, or at the ends of a pull request."""
    page = call.urls.page(repo)
    host = call.urls.web.removeprefix("http://")
    count = repos.open_issues(call.tx, repo)
    body = minimal(call, repo) | {
        "git_url": f"git://{host}/{repo.full_name}.git",
        "ssh_url": f"git@{host}:{repo.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "size": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "open_issues_count": count,
        "default_branch": repo.default_branch,
        "is_template": False,
        "topics": [],
        "has_issues": repo.settings["has_issues"],
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": False,
        "has_discussions": False,
        "archived": repo.settings["archived"],
        "disabled": False,
        "visibility": "private" if repo.private else "public",
        "license": None,
        "forks": 0,
        "open_issues": count,
        "watchers": 0,
        "pushed_at": text_of(repo.pushed),
        "created_at": text_of(repo.created),
        "updated_at": text_of(repo.updated),
        "allow_forking": False,
        "web_commit_signoff_required": False,
    }
    if call.lean:
        del body["has_downloads"]
    if call.actor is not None:
        body["permissions"] = people.permissions(role_of(call.tx, repo, call.actor))
    return body


def full(call: Call, repo: Repo) -> Json:
    """A repository asked for by name."""
    return standard(call, repo) | {
        "subscribers_count": 0,
        "network_count": 0,
        "allow_merge_commit": repo.settings["allow_merge_commit"],
        "allow_squash_merge": repo.settings["allow_squash_merge"],
        "allow_rebase_merge": repo.settings["allow_rebase_merge"],
        "allow_auto_merge": False,
        "allow_update_branch": True,
        "delete_branch_on_merge": repo.settings["delete_branch_on_merge"],
        "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
        "squash_merge_commit_message": "COMMIT_MESSAGES",
        "merge_commit_title": "MERGE_MESSAGE",
        "merge_commit_message": "PR_TITLE",
        "use_squash_pr_title_as_default": False,
    }

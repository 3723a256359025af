"""What a small Gitea shows of what it knows, as its API does."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.contract.gitea.state import Comment, Issue, Remark, Review, Row, Site


def moment(second: int) -> str:
    """A time as Gitea writes it."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def user(site: Site, login: str) -> Row:
    """An account; one that is gone shows as a ghost."""
    there = login in site.people
    name = login if there else "Ghost"
    return {
        "id": site.people.get(login, -1), "login": name, "full_name": "", "email": f"{name}@noreply.invalid",
        "html_url": f"{site.url}/{name}", "is_admin": False,
    }  # fmt: skip


def repository(site: Site, *, asked_by: str) -> Row:
    level = site.level(asked_by)
    return {
        "id": site.repository, "name": site.name, "full_name": site.full_name, "owner": user(site, site.owner),
        "default_branch": site.default_branch, "archived": site.archived, "html_url": f"{site.url}/{site.full_name}",
        "permissions": {"admin": level >= 3, "push": level >= 2, "pull": level >= 1},
    }  # fmt: skip


def issue(site: Site, it: Issue) -> Row:
    """An issue, or a pull request among the issues."""
    kind = "pulls" if it.head else "issues"
    return {
        "id": it.id, "number": it.number, "title": it.title, "body": it.body,
        "state": "closed" if it.closed else "open", "user": user(site, it.by),
        "labels": [site.labels[number] for number in it.labels if number in site.labels],
        "comments": sum(c.issue is it and c.kind == "comment" for c in site.comments),
        "html_url": f"{site.url}/{site.full_name}/{kind}/{it.number}",
        "url": f"{site.url}/api/v1/repos/{site.full_name}/issues/{it.number}",
        "created_at": moment(it.created), "updated_at": moment(it.updated),
        "closed_at": moment(it.closed) if it.closed else None, "is_locked": False,
        "pull_request": _meta(site, it) if it.head else None,
        "repository": {
            "id": site.repository, "name": site.name, "owner": site.owner, "full_name": site.full_name,
        },
    }  # fmt: skip


def pull(site: Site, it: Issue) -> Row:
    """A pull request of its own. When its branch is deleted, only `label` still names it."""
    there = site.has_branch(it.head)
    return {
        "id": it.id, "number": it.number, "title": it.title, "body": it.body,
        "state": "closed" if it.closed else "open", "user": user(site, it.by),
        "head": {
            "label": it.head, "ref": it.head if there else f"refs/pull/{it.number}/head",
            "sha": site.commit_at(it.head),
            "repo_id": site.repository,
        },
        "base": {
            "label": it.base, "ref": it.base, "sha": site.commit_at(it.base), "repo_id": site.repository,
        },
        "draft": is_draft(it), "mergeable": site.mergeable(it), "merged": bool(it.merged),
        "merged_at": moment(it.merged) if it.merged else None,
        "html_url": f"{site.url}/{site.full_name}/pulls/{it.number}", "created_at": moment(it.created),
        "updated_at": moment(it.updated), "closed_at": moment(it.closed) if it.closed else None,
    }  # fmt: skip


def comment(site: Site, it: Comment) -> Row:
    """A comment. Whose number it stands on is said by the one of two addresses that is not empty."""
    page = f"{site.url}/{site.full_name}/{'pulls' if it.issue.head else 'issues'}/{it.issue.number}"
    return {
        "id": it.id, "user": user(site, it.by), "body": it.body,
        "html_url": f"{page}#issuecomment-{it.id}", "issue_url": "" if it.issue.head else page,
        "pull_request_url": page if it.issue.head else "", "created_at": moment(it.created),
        "updated_at": moment(it.updated),
    }  # fmt: skip


def entry(site: Site, it: Comment) -> Row:
    """An entry of a timeline."""
    return {
        **comment(site, it), "type": it.kind, "label": site.labels.get(it.label),
        "old_title": it.titles[0], "new_title": it.titles[1],
    }  # fmt: skip


def review(site: Site, it: Review) -> Row:
    page = f"{site.url}/{site.full_name}/pulls/{it.issue.number}"
    return {
        "id": it.id, "user": user(site, it.by), "state": it.state, "body": it.body, "commit_id": it.commit,
        "stale": False, "official": site.writes(it.by), "dismissed": False, "comments_count": len(it.remarks),
        "submitted_at": moment(it.created), "updated_at": moment(it.created),
        "html_url": f"{page}#issuecomment-{it.id}", "pull_request_url": page,
    }  # fmt: skip


def remark(site: Site, it: Remark, of: Review) -> Row:
    page = f"{site.url}/{site.full_name}/pulls/{of.issue.number}"
    return {
        "id": it.id, "body": it.body, "user": user(site, it.by),
        "resolver": user(site, it.resolver) if it.resolver else None, "pull_request_review_id": of.id,
        "created_at": moment(it.created), "updated_at": moment(it.created), "path": it.path,
        "commit_id": of.commit, "original_commit_id": "", "diff_hunk": "@@ -1 +1 @@", "position": it.line,
        "original_position": 0, "html_url": f"{page}#issuecomment-{it.id}", "pull_request_url": page,
    }  # fmt: skip


def combined(site: Site, commit: str) -> Row:
    """The newest status of each context; null when there is none."""
    newest = {each.name: each for each in site.statuses if each.commit == commit}
    url = f"{site.url}/api/v1/repos/{site.full_name}/commits/{commit}"
    shown = [
        {
            "id": it.id, "status": it.state, "target_url": it.url, "description": it.description,
            "url": f"{url}/statuses", "context": it.name, "creator": user(site, site.owner),
            "created_at": moment(it.created), "updated_at": moment(it.created),
        }
        for it in newest.values()
    ]  # fmt: skip
    state = next(
        (s for s in ("error", "failure", "pending", "warning") if s in {x["status"] for x in shown}),
        "success",
    )
    return {
        "state": state if shown else "pending", "sha": commit, "total_count": len(shown),
        "statuses": shown or None, "commit_url": url, "url": f"{url}/status",
    }  # fmt: skip


def _meta(site: Site, it: Issue) -> Row:
    return {
        "merged": bool(it.merged), "merged_at": moment(it.merged) if it.merged else None,
        "draft": is_draft(it), "html_url": f"{site.url}/{site.full_name}/pulls/{it.number}",
    }  # fmt: skip


def is_draft(it: Issue) -> bool:
    """Whether it is a draft: its title says so."""
    return it.title.upper().startswith(("WIP:", "[WIP]"))

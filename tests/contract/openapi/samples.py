"""Answers as GitHub gives them, for canned servers. `{base}` stands for the address the client used."""

from __future__ import annotations

from typing import Any

REPO = "/repos/alice/demo"
ISSUES = f"{REPO}/issues"
STAMP = "2026-11-21T10:00:00Z"


def user(login: str) -> dict[str, Any]:
    """A person as they appear inside other objects."""
    links = (
        "followers_url following_url gists_url starred_url subscriptions_url "
        "organizations_url repos_url events_url received_events_url"
    )
    return {
        "login": login,
        "id": 5_000_001,
        "node_id": "U_x",
        "avatar_url": f"{{base}}/avatars/{login}",
        "gravatar_id": "",
        "url": f"{{base}}/users/{login}",
        "html_url": f"{{base}}/{login}",
        **{name: f"{{base}}/users/{login}/{name.removesuffix('_url')}" for name in links.split()},
        "type": "User",
        "site_admin": False,
    }


def label(name: str) -> dict[str, Any]:
    """A label of the repository."""
    return {
        "id": 4_000_001,
        "node_id": "LA_x",
        "url": f"{{base}}{REPO}/labels/{name}",
        "name": name,
        "description": None,
        "color": "d73a4a",
        "default": False,
    }


def issue(number: int = 7) -> dict[str, Any]:
    """An open issue with one label."""
    url = f"{{base}}{ISSUES}/{number}"
    return {
        "id": 3_000_000 + number,
        "node_id": "I_x",
        "url": url,
        "repository_url": f"{{base}}{REPO}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{{base}}/alice/demo/issues/{number}",
        "number": number,
        "state": "open",
        "state_reason": None,
        "title": "Add OAuth login",
        "body": None,
        "user": user("alice"),
        "labels": [label("agent-ready")],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "locked": False,
        "comments": 0,
        "closed_at": None,
        "created_at": STAMP,
        "updated_at": STAMP,
        "author_association": "OWNER",
    }

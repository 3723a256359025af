"""Users as JSON."""

from __future__ import annotations

import base64

from cdock.forge.domain.roles import Role
from cdock.forge.domain.users import User
from cdock.forge.rest.answers import Json
from cdock.forge.rest.urls import Urls, quoted
from cdock.forge.store import text_of


def node_id(kind: str, number: int) -> str:
    """The id that GraphQL knows the thing by; nothing can be read off it."""
    coded = base64.urlsafe_b64encode(number.to_bytes(8, "big").lstrip(b"\0")).decode().rstrip("=")
    return f"{kind}_kwDO{coded}"


def user(urls: Urls, person: User) -> Json:
    """A user where one is mentioned."""
    url = urls.user(person)
    return {
        "login": person.login,
        "id": person.id,
        "node_id": node_id("BOT" if person.kind == "Bot" else "U", person.id),
        "avatar_url": f"{urls.web}/_avatar/{person.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{urls.web}/{quoted(person.login)}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": person.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def maybe(urls: Urls, person: User | None) -> Json:
    """A user or null."""
    return user(urls, person) if person else None


def profile(urls: Urls, person: User, *, public_repos: int) -> Json:
    """A user asked for by name."""
    return user(urls, person) | {
        "name": person.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": public_repos,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": text_of(person.created),
        "updated_at": text_of(person.created),
    }


def own_profile(urls: Urls, person: User, *, public_repos: int, private_repos: int) -> Json:
    """The user who asks."""
    return profile(urls, person, public_repos=public_repos) | {
        "private_gists": 0,
        "total_private_repos": private_repos,
        "owned_private_repos": private_repos,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": False,
        "plan": {"name": "free", "space": 976562499, "collaborators": 0, "private_repos": 10000},
    }


def permissions(role: Role) -> Json:
    """A role as the five switches."""
    return {
        "admin": role >= Role.ADMIN,
        "maintain": role >= Role.MAINTAIN,
        "push": role >= Role.WRITE,
        "triage": role >= Role.TRIAGE,
        "pull": role >= Role.READ,
    }


def collaborator(urls: Urls, person: User, role: Role) -> Json:
    """A user with their role in a repository."""
    return user(urls, person) | {"permissions": permissions(role), "role_name": role.label}

"""Users, bots and organisations."""

from __future__ import annotations

from cdock.forge.domain import repos
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.users import User
from cdock.forge.graphql import boards, repository
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id
from cdock.forge.rest.urls import quoted
from cdock.forge.store import text_of


def user(ask: Ask, person: User) -> Shown:
    """Somebody, wherever the schema has an actor, an owner or a user."""
    return {
        "__typename": person.kind,
        "id": people_id(person),
        "databaseId": person.id,
        "login": person.login,
        "name": person.name,
        "email": "",
        "url": f"{ask.urls.web}/{quoted(person.login)}",
        "avatarUrl": f"{ask.urls.web}/_avatar/{person.id}",
        "createdAt": text_of(person.created),
        **boards.of_owner(ask, person),
        "repositories": lambda args: _repositories(ask, person, args),
    }


def maybe(ask: Ask, person: User | None) -> Shown | None:
    """Somebody or nobody."""
    return user(ask, person) if person else None


def people_id(person: User) -> str:
    """Somebody's node id."""
    return node_id("BOT" if person.kind == "Bot" else "U", person.id)


def _repositories(ask: Ask, person: User, args: Args) -> Shown:
    if args.get("isFork") or args.get("isArchived"):
        found = []
    else:
        found = repos.list_visible(ask.tx, actor=ask.actor, owner=person)
    privacy = args.get("privacy")
    found = [repo for repo in found if privacy is None or repo.private == (privacy == "PRIVATE")]
    order = args.get("orderBy") or {"field": "NAME", "direction": "ASC"}
    keys = {"NAME": "name", "CREATED_AT": "created", "PUSHED_AT": "pushed", "UPDATED_AT": "updated"}
    key = keys.get(order["field"], "name")
    found = sorted(found, key=lambda repo: getattr(repo, key), reverse=order["direction"] == "DESC")
    return connection(args, found, lambda repo: repository.repository(ask, repo))


def not_resolved(kind: str, login: str) -> NotFound:
    """What GitHub says to a login that nobody has."""
    return NotFound(f"Could not resolve to {kind} with the login of '{login}'.")

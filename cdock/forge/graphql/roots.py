"""The fields of Query."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from cdock.forge.domain import issues, repos, users
from cdock.forge.domain.errors import DomainError, Moved, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import nodes, people, repository
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.ids import node_id
from cdock.forge.graphql.registry import query
from cdock.forge.store import text_of


@query("id")
def id_(_: Ask, __: Args) -> str:
    """The root's own id, for it is a node like others."""
    return node_id("Q", 1)


@query("viewer")
def viewer(ask: Ask, _: Args) -> Shown:
    """Who asks."""
    return people.user(ask, ask.actor)


@query("user")
def user(ask: Ask, args: Args) -> Shown:
    """Somebody by login."""
    return people.user(ask, _owner(ask, args["login"], "User"))


@query("organization")
def organization(ask: Ask, args: Args) -> Shown:
    """An organisation by login."""
    return people.user(ask, _owner(ask, args["login"], "Organization"))


@query("repositoryOwner")
def repository_owner(ask: Ask, args: Args) -> Shown | None:
    """Whoever has this login."""
    try:
        found = users.find(ask.tx, args["login"])
    except NotFound:
        return None
    return people.user(ask, found) if found.kind != "Bot" else None


@query("repository")
def repository_(ask: Ask, args: Args) -> Shown:
    """A repository by owner and name; one that was renamed is found by its old name unless that is not wanted."""
    owner, name = args["owner"], args["name"]
    return repository.repository(ask, _repo(ask, owner, name, renamed=args.get("followRenames", True)))


@query("node")
def node(ask: Ask, args: Args) -> Shown:
    """Whatever has this id."""
    return nodes.node(ask, args["id"])


@query("nodes")
def nodes_(ask: Ask, args: Args) -> list[Shown | DomainError]:
    """Whatever has these ids; an unknown one gives an error in its place only."""

    def found(node_id: str) -> Shown | DomainError:
        try:
            return nodes.node(ask, node_id)
        except DomainError as error:
            return error

    return [found(node_id) for node_id in args["ids"]]


@query("resource")
def resource(ask: Ask, args: Args) -> Shown | None:
    """What stands at the address of a page."""
    found = at(ask, args["url"])
    if isinstance(found, Issue):
        return shown_issues.issue_or_pull(ask, ask.repo(found.repo_id), found)
    if isinstance(found, Repo):
        return repository.repository(ask, found)
    return people.user(ask, found) if found else None


def at(ask: Ask, url: str) -> Issue | Repo | User | None:
    """The issue or pull request, the repository or the user whose page has this address."""
    try:
        match urlsplit(url).path.strip("/").split("/"):
            case [login]:
                return users.find(ask.tx, login)
            case [owner, name]:
                return _repo(ask, owner, name)
            case [owner, name, "issues" | "pull", number] if number.isdecimal() and len(number) < 10:
                return issues.find(ask.tx, _repo(ask, owner, name), int(number))
    except NotFound:
        return None
    return None


@query("rateLimit")
def rate_limit(ask: Ask, _: Args) -> Shown:
    """What this request costs, and what is left."""
    return {
        "cost": ask.cost.points,
        "nodeCount": ask.cost.nodes,
        "limit": ask.rate.limit,
        "used": ask.rate.used,
        "remaining": ask.rate.remaining,
        "resetAt": text_of(datetime.fromtimestamp(ask.rate.reset, UTC)),
    }


def _owner(ask: Ask, login: str, kind: str) -> User:
    try:
        found = users.find(ask.tx, login)
    except NotFound as error:
        raise people.not_resolved(_AN[kind], login) from error
    if found.kind != kind:
        raise people.not_resolved(_AN[kind], login)
    return found


def _repo(ask: Ask, owner: str, name: str, *, renamed: bool = True) -> Repo:
    unknown = NotFound(f"Could not resolve to a Repository with the name '{owner}/{name}'.")
    try:
        return ask.admitted(repos.find(ask.tx, owner, name, actor=ask.actor))
    except Moved as moved:
        if not renamed:
            raise unknown from moved
        return ask.repo(moved.repo_id)
    except NotFound as error:
        raise unknown from error


_AN = {"User": "a User", "Organization": "an Organization"}

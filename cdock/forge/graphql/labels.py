"""Labels and milestones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from cdock.forge.domain import labels, milestones
from cdock.forge.domain.labels import Label
from cdock.forge.domain.milestones import Milestone
from cdock.forge.domain.repos import Repo
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id
from cdock.forge.rest.urls import quoted
from cdock.forge.store import text_of

T = TypeVar("T")

_LABEL_ORDER: Final[dict[str, Callable[[Label], Any]]] = {
    "NAME": lambda label: label.name.lower(),
    "CREATED_AT": lambda label: label.id,
}
_MILESTONE_ORDER: Final[dict[str, Callable[[Milestone], Any]]] = {
    "CREATED_AT": lambda milestone: milestone.number,
    "UPDATED_AT": lambda milestone: milestone.updated,
    "NUMBER": lambda milestone: milestone.number,
    "DUE_DATE": lambda milestone: (milestone.due is None, milestone.due or milestone.created),
}


def label(ask: Ask, repo: Repo, shown: Label) -> Shown:
    """A label."""
    return {
        "id": node_id("LA", shown.id),
        "name": shown.name,
        "color": shown.color,
        "description": shown.description,
        "isDefault": shown.default,
        "url": f"{ask.urls.page(repo)}/labels/{quoted(shown.name)}",
        # When a label was made is not kept; none is older than its repository.
        "createdAt": text_of(repo.created),
        "updatedAt": text_of(repo.created),
    }


def milestone(ask: Ask, repo: Repo, shown: Milestone) -> Shown:
    """A milestone."""
    return {
        "id": node_id("MI", shown.id),
        "number": shown.number,
        "title": shown.title,
        "description": shown.description,
        "dueOn": text_of(shown.due) if shown.due else None,
        "state": shown.state.upper(),
        "closed": shown.state == "closed",
        "url": f"{ask.urls.page(repo)}/milestone/{shown.number}",
    }


def of_repo(ask: Ask, repo: Repo, args: Args) -> Shown:
    """The labels of a repository."""
    words = args.get("query", "").lower().split()
    found = [
        each
        for each in labels.list_all(ask.tx, repo)
        if all(word in f"{each.name} {each.description or ''}".lower() for word in words)
    ]
    found = ordered(found, args.get("orderBy"), _LABEL_ORDER, "CREATED_AT")
    return connection(args, found, lambda each: label(ask, repo, each))


def of_issue(ask: Ask, repo: Repo, found: Sequence[Label], args: Args) -> Shown:
    """The labels on an issue."""
    if args.get("orderBy"):
        found = ordered(found, args.get("orderBy"), _LABEL_ORDER, "NAME")
    return connection(args, found, lambda each: label(ask, repo, each))


def milestones_of(ask: Ask, repo: Repo, args: Args) -> Shown:
    """The milestones of a repository."""
    states = args.get("states") or ["OPEN", "CLOSED"]
    words = args.get("query", "").lower().split()
    found = [
        each
        for each in milestones.list_all(ask.tx, repo, state="all")
        if each.state.upper() in states and all(word in each.title.lower() for word in words)
    ]
    found = ordered(found, args.get("orderBy"), _MILESTONE_ORDER, "NUMBER")
    return connection(args, found, lambda each: milestone(ask, repo, each))


def ordered(found: Sequence[T], order: Any, keys: dict[str, Callable[[T], Any]], default: str) -> list[T]:
    """A list in the order that an `orderBy` argument asks for."""
    wanted = order or {"field": default, "direction": "ASC"}
    key = keys.get(wanted["field"], keys[default])
    return sorted(found, key=key, reverse=wanted["direction"] == "DESC")

"""Searching issues and pull requests by a text with qualifiers."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import searching
from cdock.forge.graphql import issues
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import bounds, decoded, encoded, part, strange
from cdock.forge.graphql.errors import Unanswered
from cdock.forge.graphql.registry import query

_ISSUES: Final = ("ISSUE", "ISSUE_ADVANCED")


@query("search")
def search(ask: Ask, args: Args) -> Shown:
    """A part of what a text finds."""
    if args["type"] not in _ISSUES:
        raise Unanswered(f"a search of type {args['type']}")
    asked = bounds(args)
    # GitHub takes `last` for `first` here: results have an order of relevance, and only one end.
    limit = asked.first if asked.first is not None else asked.last or 0
    offset = _offset(asked.after)
    found = searching.search(ask.tx, args["query"], actor=ask.actor, limit=max(limit, 1), offset=offset)
    shown = found.issues[:limit]
    return part(
        [(encoded(str(offset + index + 1)), each) for index, each in enumerate(shown)],
        lambda each: issues.issue_or_pull(ask, found.repos[each.repo_id], each),
        total=found.total,
        previous=offset > 0,
        following=offset + len(shown) < found.total,
        issueCount=found.total,
    )


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    text = decoded(cursor)
    if not text.isdecimal() or len(text) > 6:
        raise strange(cursor)
    return int(text)

"""Searching over REST; it has a budget of its own."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import searching
from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, per_page, skip
from cdock.forge.rest.routing import route
from cdock.forge.rest.shapes import issue as shapes

_REACTIONS: Final = tuple(
    f"reactions-{kind}" for kind in ("+1", "-1", "smile", "thinking_face", "heart", "tada")
)


@route("GET", "/search/issues")
def search_issues(call: Call) -> Answer:
    """Issues and pull requests that a search text asks for, newest first unless sorted."""
    sort = call.choice("sort", "created", *searching.SORTS, *_REACTIONS)
    found = searching.search(
        call.tx,
        call.query.get("q", ""),
        actor=call.actor,
        limit=per_page(call),
        offset=skip(call),
        sort="reactions" if sort in _REACTIONS else sort,
        descending=call.choice("order", "desc", "asc", "desc") == "desc",
    )
    items = []
    for one in found.issues:
        item = shapes.issue(call, found.repos[one.repo_id], one)
        # The schema of results is another one than that of issues: no closer, no parent, and a body that is no null.
        for key in ("closed_by", "parent_issue_url"):
            item.pop(key, None)
        items.append(item | {"body": one.body or "", "score": 1.0})
    body = {
        "total_count": found.total,
        "incomplete_results": False,
        "items": items,
        "search_type": "lexical",
    }
    return numbered(call, body, min(found.total, searching.MOST))

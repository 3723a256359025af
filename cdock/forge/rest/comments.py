"""Comments over REST."""

from __future__ import annotations

from cdock.forge.domain import comments
from cdock.forge.domain.comments import Comment
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.issues import find as find_issue
from cdock.forge.rest.paging import numbered, part, per_page, skip
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import issue as shapes


@repo_route("GET", "/issues/comments")
def of_repo(call: Call) -> Answer:
    """Comments on all issues and pull requests. The direction counts only where a sort is asked for."""
    sort = call.choice("sort", "created", "created", "updated")
    direction = call.choice(
        "direction", "desc" if call.query.get("sort") == "updated" else "asc", "asc", "desc"
    )
    found, total = comments.of_repo(
        call.tx,
        call.repo,
        since=call.moment("since"),
        sort=sort,
        descending=direction == "desc" and bool(call.query.get("sort")),
        limit=per_page(call),
        skip=skip(call),
    )
    return numbered(call, [shapes.comment(call, call.repo, one) for one in found], total)


@repo_route("GET", "/issues/comments/{id:int}")
def show(call: Call) -> Answer:
    """One comment."""
    shown = _find(call)
    return Answer(shapes.comment(call, call.repo, shown), modified=shown.updated)


@repo_route("PATCH", "/issues/comments/{id:int}")
def update(call: Call) -> Answer:
    """Change a comment's text."""
    call.objects()
    body = call.body.needed("body", resource="IssueComment")
    shown = comments.edit(call.tx, call.repo, _find(call), body, actor=call.actor)
    return Answer(shapes.comment(call, call.repo, shown))


@repo_route("DELETE", "/issues/comments/{id:int}")
def delete(call: Call) -> Answer:
    """Remove a comment."""
    comments.delete(call.tx, call.repo, _find(call), actor=call.actor)
    return NOTHING


@repo_route("GET", "/issues/{number:int}/comments")
def of_issue(call: Call) -> Answer:
    """The comments on one issue, oldest first."""
    found = comments.of_issue(call.tx, find_issue(call), since=call.moment("since"))
    body = [shapes.comment(call, call.repo, one) for one in part(call, found)]
    return numbered(call, body, len(found))


@repo_route("POST", "/issues/{number:int}/comments")
def create(call: Call) -> Answer:
    """Write a comment."""
    call.objects()
    text = call.body.needed("body", resource="IssueComment")
    shown = comments.create(call.tx, call.repo, find_issue(call), text, actor=call.actor)
    body = shapes.comment(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


def _find(call: Call) -> Comment:
    return comments.find(call.tx, call.repo, call.number("id"))

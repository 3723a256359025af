"""Reactions to issues and comments over REST."""

from __future__ import annotations

from cdock.forge.domain import comments, reactions
from cdock.forge.domain.reactions import Subject
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.issues import find as find_issue
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import issue as shapes


@repo_route("GET", "/issues/{number:int}/reactions")
def of_issue(call: Call) -> Answer:
    """Reactions to an issue."""
    return _list(call, "issue", find_issue(call).id)


@repo_route("POST", "/issues/{number:int}/reactions")
def to_issue(call: Call) -> Answer:
    """React to an issue."""
    return _ensure(call, "issue", find_issue(call).id)


@repo_route("DELETE", "/issues/{number:int}/reactions/{reaction:int}")
def off_issue(call: Call) -> Answer:
    """Take back a reaction to an issue."""
    return _delete(call, "issue", find_issue(call).id)


@repo_route("GET", "/issues/comments/{id:int}/reactions")
def of_comment(call: Call) -> Answer:
    """Reactions to a comment."""
    return _list(call, "comment", _comment_id(call))


@repo_route("POST", "/issues/comments/{id:int}/reactions")
def to_comment(call: Call) -> Answer:
    """React to a comment."""
    return _ensure(call, "comment", _comment_id(call))


@repo_route("DELETE", "/issues/comments/{id:int}/reactions/{reaction:int}")
def off_comment(call: Call) -> Answer:
    """Take back a reaction to a comment."""
    return _delete(call, "comment", _comment_id(call))


def _comment_id(call: Call) -> int:
    return comments.find(call.tx, call.repo, call.number("id")).id


def _list(call: Call, subject: Subject, subject_id: int) -> Answer:
    found = reactions.list_all(call.tx, subject, subject_id, content=call.query.get("content"))
    return numbered(call, [shapes.reaction(call, one) for one in part(call, found)], len(found))


def _ensure(call: Call, subject: Subject, subject_id: int) -> Answer:
    call.objects()
    content = call.body.needed("content", resource="Reaction")
    shown, new = reactions.ensure(call.tx, call.repo, subject, subject_id, actor=call.actor, content=content)
    return Answer(shapes.reaction(call, shown), status=201 if new else 200)


def _delete(call: Call, subject: Subject, subject_id: int) -> Answer:
    reactions.delete(call.tx, call.repo, subject, subject_id, call.number("reaction"), actor=call.actor)
    return NOTHING

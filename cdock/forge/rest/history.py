"""Events and timelines over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cdock.forge.domain import events, issues, timeline, users
from cdock.forge.domain.events import Event
from cdock.forge.rest.answers import Answer, Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.issues import find as find_issue
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import event as shapes

POLL: Final = {"X-Poll-Interval": "60"}
"""Seconds that clients are asked to leave between two looks at a list of events."""


@repo_route("GET", "/issues/events")
def of_repo(call: Call) -> Answer:
    """What happened to all issues, newest first."""
    found = events.of_repo(call.tx, call.repo)
    return numbered(call, _many(call, part(call, found), named=True), len(found), **POLL)


@repo_route("GET", "/issues/events/{id:int}")
def show(call: Call) -> Answer:
    """One event."""
    return Answer(_many(call, [events.by_id(call.tx, call.repo, call.number("id"))], named=True)[0])


@repo_route("GET", "/issues/{number:int}/events")
def of_issue(call: Call) -> Answer:
    """What happened to one issue, oldest first."""
    found = events.of_issue(call.tx, find_issue(call).id)
    return numbered(call, _many(call, part(call, found)), len(found), **POLL)


@repo_route("GET", "/issues/{number:int}/timeline")
def timeline_of_issue(call: Call) -> Answer:
    """The same with comments, mentions elsewhere and commits."""
    issue = find_issue(call)
    found = timeline.of_issue(call.tx, call.repo, issue, actor=call.actor)
    body = [shapes.item(call, call.repo, one, of=issue) for one in part(call, found)]
    return numbered(call, body, len(found))


def _many(call: Call, found: Sequence[Event], *, named: bool = False) -> list[Json]:
    meant = users.by_ids(call.tx, (_meant(one) for one in found))
    of = issues.by_ids_of(call.tx, (one.issue_id for one in found)) if named else {}
    return [
        shapes.event(
            call,
            call.repo,
            one,
            assignee=meant.get(_meant(one) or 0),
            of=of.get(one.issue_id),
        )
        for one in found
    ]


def _meant(event: Event) -> int | None:
    user_id: int | None = event.data.get("assignee") or event.data.get("requested_reviewer")
    return user_id

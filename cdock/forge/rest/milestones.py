"""Milestones over REST."""

from __future__ import annotations

from typing import Any

from cdock.forge.domain import milestones
from cdock.forge.domain.milestones import Milestone
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import issue as shapes


@repo_route("GET", "/milestones")
def list_milestones(call: Call) -> Answer:
    """The repository's milestones."""
    found = milestones.list_all(
        call.tx, call.repo, state=call.choice("state", "open", "open", "closed", "all")
    )
    by_progress = call.choice("sort", "due_on", "due_on", "completeness") == "completeness"
    found.sort(
        key=lambda one: (
            one.closed_issues / max(one.open_issues + one.closed_issues, 1)
            if by_progress
            else (one.due or one.created).timestamp()
        ),
        reverse=call.choice("direction", "asc", "asc", "desc") == "desc",
    )
    body = [shapes.milestone(call, call.repo, one) for one in part(call, found)]
    return numbered(call, body, len(found))


@repo_route("POST", "/milestones")
def create(call: Call) -> Answer:
    """A new milestone."""
    call.objects()
    shown = milestones.create(
        call.tx,
        call.repo,
        call.body.needed("title", resource="Milestone"),
        actor=call.actor,
        description=call.body.text("description"),
        state=call.body.text("state") or "open",
        due=call.body.moment("due_on"),
    )
    body = shapes.milestone(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/milestones/{number:int}")
def show(call: Call) -> Answer:
    """One milestone."""
    return Answer(shapes.milestone(call, call.repo, _find(call)))


@repo_route("PATCH", "/milestones/{number:int}")
def update(call: Call) -> Answer:
    """Change a milestone."""
    call.objects()
    changes: dict[str, Any] = {}
    for key in ("title", "state"):
        if (value := call.body.text(key)) is not None:
            changes[key] = value
    if "description" in call.body:
        changes["description"] = call.body.text("description")
    if "due_on" in call.body:
        changes["due"] = call.body.moment("due_on")
    shown = milestones.update(call.tx, call.repo, _find(call), actor=call.actor, changes=changes)
    return Answer(shapes.milestone(call, call.repo, shown))


@repo_route("DELETE", "/milestones/{number:int}")
def delete(call: Call) -> Answer:
    """Remove a milestone."""
    milestones.delete(call.tx, call.repo, _find(call), actor=call.actor)
    return NOTHING


def _find(call: Call) -> Milestone:
    return milestones.find(call.tx, call.repo, call.number("number"))

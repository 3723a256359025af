"""Labels of a repository and on an issue over REST."""

from __future__ import annotations

from collections.abc import Sequence

from cdock.forge.domain import labels, marks, milestones
from cdock.forge.domain.errors import missing
from cdock.forge.domain.labels import Label
from cdock.forge.rest.answers import NOTHING, Answer, Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.issues import find as find_issue
from cdock.forge.rest.issues import label_names
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import issue as shapes


@repo_route("GET", "/labels")
def list_labels(call: Call) -> Answer:
    """The repository's labels."""
    found = labels.list_all(call.tx, call.repo)
    return numbered(call, _many(call, part(call, found)), len(found))


@repo_route("POST", "/labels")
def create(call: Call) -> Answer:
    """A new label."""
    call.objects()
    shown = labels.create(
        call.tx,
        call.repo,
        call.body.needed("name", resource="Label"),
        actor=call.actor,
        color=call.body.text("color") or labels.NO_COLOR,
        description=call.body.text("description"),
    )
    body = shapes.label(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/labels/{name}")
def show(call: Call) -> Answer:
    """One label."""
    return Answer(shapes.label(call, call.repo, _find(call)))


@repo_route("PATCH", "/labels/{name}")
def update(call: Call) -> Answer:
    """Rename or recolour a label."""
    call.objects()
    shown = labels.update(
        call.tx,
        call.repo,
        _find(call),
        actor=call.actor,
        name=call.body.text("new_name") or call.body.text("name"),
        color=call.body.text("color"),
        description=call.body.text("description"),
    )
    return Answer(shapes.label(call, call.repo, shown))


@repo_route("DELETE", "/labels/{name}")
def delete(call: Call) -> Answer:
    """Remove a label everywhere."""
    labels.delete(call.tx, call.repo, _find(call), actor=call.actor)
    return NOTHING


@repo_route("GET", "/issues/{number:int}/labels")
def of_issue(call: Call) -> Answer:
    """The labels on an issue."""
    found = marks.labels_of(call.tx, find_issue(call).id)
    return numbered(call, _many(call, part(call, found)), len(found))


@repo_route("POST", "/issues/{number:int}/labels")
def add(call: Call) -> Answer:
    """Put labels on an issue; the body is a list or an object with one."""
    names = label_names(call, "labels")
    if names is None:
        raise missing("Issue", "labels")
    found = marks.add_labels(call.tx, call.repo, find_issue(call).id, names, actor=call.actor)
    return Answer(_many(call, found))


@repo_route("PUT", "/issues/{number:int}/labels")
def replace(call: Call) -> Answer:
    """Make these the labels of an issue."""
    names = label_names(call, "labels") or []
    found = marks.set_labels(call.tx, call.repo, find_issue(call).id, names, actor=call.actor)
    return Answer(_many(call, found))


@repo_route("DELETE", "/issues/{number:int}/labels")
def clear(call: Call) -> Answer:
    """Take all labels off an issue."""
    marks.set_labels(call.tx, call.repo, find_issue(call).id, [], actor=call.actor)
    return NOTHING


@repo_route("DELETE", "/issues/{number:int}/labels/{name}")
def remove(call: Call) -> Answer:
    """Take one label off an issue and give those left."""
    name = call.params["name"]
    return Answer(
        _many(call, marks.remove_label(call.tx, call.repo, find_issue(call).id, name, actor=call.actor))
    )


@repo_route("GET", "/milestones/{number:int}/labels")
def of_milestone(call: Call) -> Answer:
    """The labels on a milestone's issues."""
    milestone = milestones.find(call.tx, call.repo, call.number("number"))
    found = labels.of_milestone(call.tx, milestone.id)
    return numbered(call, _many(call, part(call, found)), len(found))


def _find(call: Call) -> Label:
    return labels.find(call.tx, call.repo, call.params["name"])


def _many(call: Call, found: Sequence[Label]) -> Json:
    return [shapes.label(call, call.repo, one) for one in found]

"""Boards over REST, of users and of organisations. There is no operation that makes one: that is GraphQL's."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from cdock.forge.domain import boardquery, issues, projectfields, projectitems, projects, repos, users
from cdock.forge.domain.errors import Invalid, NotFound, invalid, missing
from cdock.forge.domain.projectfields import Field, NewIteration, NewOption
from cdock.forge.domain.projectitems import Item
from cdock.forge.domain.projects import Project
from cdock.forge.domain.users import User
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Body, Call, parse_number
from cdock.forge.rest.paging import stretch
from cdock.forge.rest.routing import Handler, route
from cdock.forge.rest.shapes import project as shapes


def list_projects(call: Call) -> Answer:
    """The boards of an owner, newest first."""
    found = boardquery.projects(
        projects.list_of(call.tx, _owner(call), actor=call.actor), call.query.get("q", "")
    )
    return stretch(call, found, id_of=lambda one: one.id, shape=partial(shapes.project, call))


def show_project(call: Call) -> Answer:
    """One board."""
    shown = _project(call)
    return Answer(shapes.project(call, shown), modified=shown.updated)


def list_fields(call: Call) -> Answer:
    """The fields of a board."""
    shown = _project(call)
    found = projectfields.list_of(call.tx, shown)
    return stretch(call, found, id_of=lambda one: one.id, shape=lambda one: shapes.field(call, one, shown))


def add_field(call: Call) -> Answer:
    """Add a field to a board."""
    call.objects()
    shown = _project(call)
    configuration = Body(call.body.raw("iteration_configuration"))
    made = projectfields.create(
        call.tx,
        shown,
        call.body.needed("name", resource="ProjectV2Field"),
        call.body.needed("data_type", resource="ProjectV2Field"),
        actor=call.actor,
        options=[_new_option(one) for one in _objects(call.body, "single_select_options")],
        iterations=[_new_iteration(one) for one in _objects(configuration, "iterations")],
        start=_day(configuration, "start_date"),
        duration=configuration.number("duration"),
    )
    return Answer(shapes.field(call, made, shown), status=201)


def list_items(call: Call) -> Answer:
    """The items of a board, without those archived."""
    shown = _project(call)
    fields = projectfields.list_of(call.tx, shown)
    wanted = _wanted_fields(call, fields)
    items = projectitems.list_of(call.tx, shown, actor=call.actor, archived=None)
    found = boardquery.items(items, call.query.get("q", ""), fields=fields)
    return stretch(
        call, found, id_of=lambda one: one.id, shape=lambda one: shapes.item(call, one, shown, fields=wanted)
    )


def add_item(call: Call) -> Answer:
    """Put an issue or pull request on a board; one that is there already is given as it is."""
    call.objects()
    shown = _project(call)
    projects.require(call.tx, shown, call.actor, projects.Access.WRITE)
    added = projectitems.add(call.tx, shown, _content(call), actor=call.actor)
    return Answer(shapes.added(call, added, shown), status=201)


def show_item(call: Call) -> Answer:
    """One item, with the fields asked for."""
    shown = _project(call)
    fields = _wanted_fields(call, projectfields.list_of(call.tx, shown))
    return Answer(shapes.item(call, _item(call, shown), shown, fields=fields))


def change_item(call: Call) -> Answer:
    """Set several fields of an item at once."""
    call.objects()
    shown = _project(call)
    if "fields" not in call.body:
        raise missing("ProjectV2Item", "fields")
    changes: dict[int, object] = {}
    for one in _objects(call.body, "fields"):
        field_id = one.number("id")
        if field_id is None or "value" not in one:
            raise missing("ProjectV2Item", "fields")
        changes[field_id] = one.raw("value")
    known = projectfields.list_of(call.tx, shown)
    for field_id in changes.keys() - {one.id for one in known}:
        raise invalid("ProjectV2Item", "fields", f"This project has no field {field_id}", value=field_id)
    changed = projectitems.set_values(call.tx, shown, _item(call, shown), changes, actor=call.actor)
    return Answer(shapes.item(call, changed, shown, fields=known))


def delete_item(call: Call) -> Answer:
    """Take an item off a board."""
    shown = _project(call)
    projectitems.delete(call.tx, shown, _item(call, shown), actor=call.actor)
    return NOTHING


_ONE = "/{project:int}"
_OPERATIONS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", list_projects),
    ("GET", _ONE, show_project),
    ("GET", f"{_ONE}/fields", list_fields),
    ("POST", f"{_ONE}/fields", add_field),
    ("GET", f"{_ONE}/items", list_items),
    ("POST", f"{_ONE}/items", add_item),
    ("GET", f"{_ONE}/items/{{item:int}}", show_item),
    ("PATCH", f"{_ONE}/items/{{item:int}}", change_item),
    ("DELETE", f"{_ONE}/items/{{item:int}}", delete_item),
)
for _method, _path, _handler in _OPERATIONS:
    route(_method, f"/users/{{user}}/projectsV2{_path}")(_handler)
    route(_method, f"/orgs/{{org}}/projectsV2{_path}")(_handler)


def _owner(call: Call) -> User:
    owner = users.find(call.tx, call.params.get("org") or call.params["user"])
    if (owner.kind == "Organization") != ("org" in call.params):
        raise NotFound
    return owner


def _project(call: Call) -> Project:
    return projects.find(call.tx, _owner(call), call.number("project"), actor=call.actor)


def _item(call: Call, of: Project) -> Item:
    return projectitems.find(call.tx, of, call.number("item"), actor=call.actor)


def _content(call: Call) -> int:
    """The issue's id of what is to be put on a board. A pull request's own id is another one than its issue's."""
    kind, number = call.body.text("type"), call.body.number("number")
    if kind not in {"Issue", "PullRequest"}:
        raise invalid("ProjectV2Item", "type", value=kind)
    content_id = call.body.number("id")
    if content_id is not None and number is not None:
        raise Invalid("Either id, or owner, repo and number must be given, not both")
    if content_id is not None:
        issue_id = projectitems.issue_id_of_pull(call.tx, content_id) if kind == "PullRequest" else content_id
        shown, _ = issues.reachable(call.tx, issue_id, actor=call.actor)
    else:
        owner, name = call.body.text("owner"), call.body.text("repo")
        if owner is None or name is None or number is None:
            raise Invalid("Either id, or owner, repo and number must be given")
        shown = issues.find(call.tx, repos.find(call.tx, owner, name, actor=call.actor), number)
    if (shown.pull is not None) != (kind == "PullRequest"):
        raise NotFound
    return shown.id


def _wanted_fields(call: Call, known: list[Field]) -> list[Field]:
    """The fields named by id in `fields`; the title when none is."""
    asked = call.query.get("fields") or call.query.get("fields[]")
    if not asked:
        return [one for one in known if one.data_type == "title"]
    ids = [parse_number(part.strip()) for part in asked.split(",")]
    by_id = {one.id: one for one in known}
    for one in ids:
        if one not in by_id:
            raise invalid("ProjectV2", "fields", f"This project has no such field among '{asked}'")
    return [by_id[one] for one in dict.fromkeys(ids) if one is not None]


def _objects(body: Body, name: str) -> list[Body]:
    value = body.raw(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Invalid(f"Invalid request.\n\nFor 'properties/{name}', it is not an array of objects.")
    return [Body(one) for one in value]


def _new_option(body: Body) -> NewOption:
    return NewOption(
        name=_spoken(body, "name"),
        color=body.text("color") or "GRAY",
        description=_spoken(body, "description"),
    )


def _spoken(body: Body, name: str) -> str:
    """A text, or the `raw` of one: GitHub's schema asks for the first and its example shows the second."""
    value: Any = body.raw(name)
    return (Body(value).text("raw") if isinstance(value, dict) else body.text(name)) or ""


def _new_iteration(body: Body) -> NewIteration:
    start, duration = _day(body, "start_date"), body.number("duration")
    if start is None or duration is None or duration < 1:
        raise missing("ProjectV2Field", "iterations")
    return NewIteration(_spoken(body, "title"), start, duration)


def _day(body: Body, name: str) -> date | None:
    value = body.text(name)
    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError as error:
        raise invalid("ProjectV2Field", name, value=value) from error

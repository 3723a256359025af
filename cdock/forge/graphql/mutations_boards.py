"""Mutations of boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from cdock.forge.domain import projectfields, projectitems, projects
from cdock.forge.domain.errors import Invalid
from cdock.forge.domain.projectfields import Field, NewIteration, NewOption
from cdock.forge.domain.projectitems import Item
from cdock.forge.domain.projects import Project
from cdock.forge.graphql import boards, nodes, repository, scopes
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.registry import Input, mutation


@mutation("createProjectV2")
def create(ask: Ask, given: Input) -> Shown:
    """A new board."""
    owner = nodes.user(ask, given["ownerId"])
    scopes.boards(ask, "createProjectV2", owner=owner, write=True)
    repo = nodes.repo(ask, given["repositoryId"]) if given.get("repositoryId") else None
    made = projects.create(ask.tx, owner, given["title"], actor=ask.actor, repo=repo)
    return {"projectV2": boards.project(ask, made)}


@mutation("updateProjectV2")
def update(ask: Ask, given: Input) -> Shown:
    """Change a board."""
    board = _board(ask, given)
    made = projects.update(
        ask.tx,
        board,
        actor=ask.actor,
        title=given.get("title"),
        short_description=given.get("shortDescription"),
        readme=given.get("readme"),
        public=given.get("public"),
        closed=given.get("closed"),
    )
    return {"projectV2": boards.project(ask, made)}


@mutation("deleteProjectV2")
def delete(ask: Ask, given: Input) -> Shown:
    """Remove a board."""
    board = _board(ask, given)
    projects.delete(ask.tx, board, actor=ask.actor)
    return {"projectV2": boards.project(ask, board)}


@mutation("linkProjectV2ToRepository")
def link(ask: Ask, given: Input) -> Shown:
    """Show a board with a repository."""
    board, repo = _board(ask, given), nodes.repo(ask, given["repositoryId"])
    projects.link(ask.tx, board, repo, actor=ask.actor)
    return {"repository": repository.repository(ask, repo)}


@mutation("unlinkProjectV2FromRepository")
def unlink(ask: Ask, given: Input) -> Shown:
    """The opposite."""
    board, repo = _board(ask, given), nodes.repo(ask, given["repositoryId"])
    projects.unlink(ask.tx, board, repo, actor=ask.actor)
    return {"repository": repository.repository(ask, repo)}


@mutation("createProjectV2Field")
def create_field(ask: Ask, given: Input) -> Shown:
    """Add a field."""
    board = _board(ask, given)
    stretches: Mapping[str, Any] = given.get("iterationConfiguration") or {}
    made = projectfields.create(
        ask.tx,
        board,
        given["name"],
        given["dataType"].lower(),
        actor=ask.actor,
        options=_options(given.get("singleSelectOptions") or ()),
        iterations=[
            NewIteration(each["title"], _day(each["startDate"]), each["duration"])
            for each in stretches.get("iterations") or ()
        ],
        start=_day(stretches["startDate"]) if stretches else None,
        duration=stretches.get("duration"),
    )
    return {"projectV2Field": boards.field(ask, board, made)}


@mutation("updateProjectV2Field")
def update_field(ask: Ask, given: Input) -> Shown:
    """Rename a field, or give it other options."""
    board, field = _field(ask, given["fieldId"])
    options = given.get("singleSelectOptions")
    made = projectfields.update(
        ask.tx,
        board,
        field,
        actor=ask.actor,
        name=given.get("name"),
        options=None if options is None else _options(options),
    )
    return {"projectV2Field": boards.field(ask, board, made)}


@mutation("deleteProjectV2Field")
def delete_field(ask: Ask, given: Input) -> Shown:
    """Remove a field."""
    board, field = _field(ask, given["fieldId"])
    projectfields.delete(ask.tx, board, field, actor=ask.actor)
    return {"projectV2Field": boards.field(ask, board, field)}


@mutation("addProjectV2ItemById")
def add_item(ask: Ask, given: Input) -> Shown:
    """Put an issue or pull request on a board; gives the item that is there already."""
    board = _board(ask, given)
    _, issue = nodes.issue(ask, given["contentId"])
    made = projectitems.add(ask.tx, board, issue.id, actor=ask.actor)
    return {"item": boards.item(ask, board, made)}


@mutation("addProjectV2DraftIssue")
def add_draft(ask: Ask, given: Input) -> Shown:
    """Put a note on a board."""
    board = _board(ask, given)
    made = projectitems.add_draft(ask.tx, board, given["title"], actor=ask.actor, body=given.get("body"))
    return {"projectItem": boards.item(ask, board, made)}


@mutation("convertProjectV2DraftIssueItemToIssue")
def convert_draft(ask: Ask, given: Input) -> Shown:
    """Make an issue of a note."""
    board, item = _item(ask, given)
    repo = nodes.repo(ask, given["repositoryId"])
    made = projectitems.convert_draft(ask.tx, board, item, repo, actor=ask.actor)
    return {"item": boards.item(ask, board, made)}


@mutation("updateProjectV2ItemFieldValue")
def set_value(ask: Ask, given: Input) -> Shown:
    """Give an item a value in a field."""
    values = {key: value for key, value in given["value"].items() if value is not None}
    if len(values) != 1:
        raise Invalid(
            "The value must have exactly one of text, number, date, singleSelectOptionId, iterationId"
        )
    return _set(ask, given, next(iter(values.values())))


@mutation("clearProjectV2ItemFieldValue")
def clear_value(ask: Ask, given: Input) -> Shown:
    """Take an item's value in a field away."""
    return _set(ask, given, None)


@mutation("updateProjectV2ItemPosition")
def move_item(ask: Ask, given: Input) -> Shown:
    """Put an item behind another one, or first."""
    board, item = _item(ask, given)
    after = nodes.project_item(ask, given["afterId"])[1].id if given.get("afterId") else None
    projectitems.move(ask.tx, board, item, actor=ask.actor, after_id=after)

    def items(args: Args) -> Shown:
        found = projectitems.list_of(ask.tx, board, actor=ask.actor)
        return connection(args, found, lambda each: boards.item(ask, board, each))

    return {"items": items}


@mutation("archiveProjectV2Item")
def archive_item(ask: Ask, given: Input) -> Shown:
    """Take an item out of sight."""
    board, item = _item(ask, given)
    return {"item": boards.item(ask, board, projectitems.archive(ask.tx, board, item, actor=ask.actor))}


@mutation("unarchiveProjectV2Item")
def unarchive_item(ask: Ask, given: Input) -> Shown:
    """Bring an item back."""
    board, item = _item(ask, given)
    made = projectitems.archive(ask.tx, board, item, actor=ask.actor, archived=False)
    return {"item": boards.item(ask, board, made)}


@mutation("deleteProjectV2Item")
def delete_item(ask: Ask, given: Input) -> Shown:
    """Take an item off a board."""
    board, item = _item(ask, given)
    projectitems.delete(ask.tx, board, item, actor=ask.actor)
    return {"deletedItemId": given["itemId"]}


def _board(ask: Ask, given: Input) -> Project:
    found = nodes.project(ask, given["projectId"])
    scopes.boards(ask, "projectV2", owner=found.owner, write=True)
    return found


def _field(ask: Ask, node_id: str) -> tuple[Project, Field]:
    board, field = nodes.project_field(ask, node_id)
    scopes.boards(ask, "projectV2", owner=board.owner, write=True)
    return board, field


def _item(ask: Ask, given: Input) -> tuple[Project, Item]:
    board, item = nodes.project_item(ask, given["itemId"])
    if "projectId" in given and nodes.project(ask, given["projectId"]).id != board.id:
        raise Invalid("The item does not exist in the project")
    scopes.boards(ask, "projectV2", owner=board.owner, write=True)
    return board, item


def _set(ask: Ask, given: Input, value: object) -> Shown:
    board, item = _item(ask, given)
    _, field = _field(ask, given["fieldId"])
    made = projectitems.set_values(ask.tx, board, item, {field.id: value}, actor=ask.actor)
    return {"projectV2Item": boards.item(ask, board, made)}


def _options(given: Sequence[Mapping[str, Any]]) -> list[NewOption]:
    return [
        NewOption(each["name"], color=each["color"], description=each["description"], id=each.get("id"))
        for each in given
    ]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise Invalid(f"'{text}' is not a date") from error

"""Boards: the list of an owner's, and one with its cards in columns, moved by a select and a button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from cdock.forge.domain import projectfields, projectitems, projects, repos, users
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.projectfields import Field
from cdock.forge.domain.projectitems import Item, Value
from cdock.forge.domain.projects import Access, Project
from cdock.forge.domain.standardfields import Option
from cdock.forge.domain.users import User
from cdock.forge.store import Tx
from cdock.forge.web import relations
from cdock.forge.web.visits import Visit, see


@dataclass(frozen=True)
class Card:
    """An item as it stands on the board; `facts` are its values in other fields than the one of the columns."""

    item: Item
    name: str
    address: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Column:
    """The cards with one value; without an `option` those that have none."""

    option: Option | None
    cards: tuple[Card, ...]

    @property
    def key(self) -> str:
        """The option's id, empty without one."""
        return self.option.id if self.option else ""


def list_page(visit: Visit) -> Response:
    """GET /users/OWNER/projects"""
    with visit.store.read() as tx:
        owner = _owner(tx, visit)
        found = projects.list_of(tx, owner, actor=visit.user)
    mine = visit.user is not None and visit.user.id == owner.id
    return visit.page("boards.html", owner=owner, projects=found, may_create=mine)


def create(visit: Visit) -> Response:
    """POST /users/OWNER/projects"""
    with visit.store.write() as tx:
        made = projects.create(tx, _owner(tx, visit), visit.text("title"), actor=visit.user)
    return see(made.path)


def board_page(visit: Visit) -> Response:
    """GET /users/OWNER/projects/N, with `?by=` the id of another single-select field than Status."""
    with visit.store.read() as tx:
        project = _project(tx, visit)
        fields = projectfields.list_of(tx, project)
        choices = [field for field in fields if field.data_type == "single_select"]
        by = _chosen(choices, visit.asked("by"))
        items = projectitems.list_of(tx, project, actor=visit.user, archived=None)
        shown = [item for item in items if item.archived is None]
        return visit.page(
            "board.html",
            project=project,
            choices=choices,
            by=by,
            columns=_columns(shown, by, fields),
            archived=[_card(item, by, fields) for item in items if item.archived],
            colours=sorted({label.color for item in shown if item.issue for label in item.issue.labels}),
            homes=projects.repos_of(tx, project, actor=visit.user),
            may_write=projects.access_of(tx, project, visit.user) >= Access.WRITE,
        )


def change(visit: Visit) -> Response:
    """POST /users/OWNER/projects/N/items: move, archive, bring back or take off the card that the form is on, or
    make an issue of a note.
    """
    with visit.store.write() as tx:
        project = _project(tx, visit)
        item = projectitems.find(tx, project, _number(visit.text("item")), actor=visit.user)
        action = visit.text("action")
        if action == "move":
            field = projectfields.find(tx, project, _number(visit.text("by")))
            wanted = visit.text("option") or None
            projectitems.set_values(tx, project, item, {field.id: wanted}, actor=visit.user)
        elif action in ("archive", "restore"):
            projectitems.archive(tx, project, item, actor=visit.user, archived=action == "archive")
        elif action == "convert":
            home = repos.by_id(tx, _number(visit.text("home")), actor=visit.user)
            projectitems.convert_draft(tx, project, item, home, actor=visit.user)
        elif action == "remove":
            projectitems.delete(tx, project, item, actor=visit.user)
        else:
            raise NotFound
        return see(_back(project, visit))


def add(visit: Visit) -> Response:
    """POST /users/OWNER/projects/N/add: an issue that is named, or else a note with these words."""
    with visit.store.write() as tx:
        project = _project(tx, visit)
        text = visit.text("what").strip()
        if visit.text("action") == "note":
            projectitems.add_draft(tx, project, text, actor=visit.user)
        else:
            linked = projects.repos_of(tx, project, actor=visit.user)
            home = linked[0] if len(linked) == 1 else None
            issue = relations.meant(tx, text, seen_from=home, visitor=visit.user)
            projectitems.add(tx, project, issue.id, actor=visit.user)
        return see(_back(project, visit))


def _owner(tx: Tx, visit: Visit) -> User:
    owner = users.find(tx, visit.part("login"))
    if (owner.kind == "Organization") != visit.path.startswith("/orgs/"):
        raise NotFound
    return owner


def _project(tx: Tx, visit: Visit) -> Project:
    return projects.find(tx, _owner(tx, visit), _number(visit.part("number")), actor=visit.user)


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 16):
        raise NotFound
    return int(text)


def _back(project: Project, visit: Visit) -> str:
    by = visit.text("by")
    return f"{project.path}?by={by}" if by.isdecimal() else project.path


def _chosen(choices: Sequence[Field], asked: str) -> Field:
    wanted = [field for field in choices if asked in ("", str(field.id))]
    if not wanted:
        raise Invalid("This board has no single-select field of this id, so there are no columns to show.")
    return next((field for field in wanted if field.name == "Status"), wanted[0])


def _columns(items: Sequence[Item], by: Field, fields: Sequence[Field]) -> list[Column]:
    """One column per option in order, before them those without a value.

    That one is there even when it is empty: a card may come into it while the page is open.
    """
    cards: dict[str, list[Card]] = {"": [], **{option.id: [] for option in by.options}}
    for item in items:
        value = item.values.get(by.id)
        cards[value.option.id if value and value.option else ""].append(_card(item, by, fields))
    return [Column(option, tuple(cards[option.id if option else ""])) for option in (None, *by.options)]


def _card(item: Item, by: Field, fields: Sequence[Field]) -> Card:
    name, address = "", ""
    if item.issue is not None and item.repo is not None:
        name = f"{item.repo.full_name}#{item.issue.number}"
        address = f"/{item.repo.full_name}/{'pull' if item.issue.pull else 'issues'}/{item.issue.number}"
    facts = [
        (field.name, _words(value))
        for field in fields
        if field.id != by.id and (value := item.values.get(field.id)) is not None
    ]
    return Card(item=item, name=name, address=address, facts=tuple(facts))


def _words(value: Value) -> str:
    if value.option is not None:
        return value.option.name
    if value.iteration is not None:
        return value.iteration.title
    return f"{value.raw:g}" if isinstance(value.raw, float) else value.raw

"""The fields of a board: GitHub's standard ones, and those that people add."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from cdock.forge.domain import projects
from cdock.forge.domain.errors import Invalid, NotFound, already_exists, invalid, missing
from cdock.forge.domain.projects import Project
from cdock.forge.domain.standardfields import STANDARD, Option, write_options
from cdock.forge.domain.users import User
from cdock.forge.store import Tx, moment_of

FIELD_LIMIT: Final = 50
OPTION_LIMIT: Final = 50
NAME_LIMIT: Final = 250
COLORS: Final = ("GRAY", "BLUE", "GREEN", "YELLOW", "ORANGE", "RED", "PINK", "PURPLE")
EDITABLE: Final = ("text", "number", "date", "single_select", "iteration")
"""The types of which fields can be added and values set; fields of all others show what the issue says."""
RESERVED: Final = frozenset({"assignee", "repo", "type"})


@dataclass(frozen=True)
class NewOption:
    """A choice as somebody wants it; with the `id` of an existing one it stays that one."""

    name: str
    color: str = "GRAY"
    description: str = ""
    id: str | None = None


@dataclass(frozen=True)
class Iteration:
    """One stretch of time of an iteration field; `duration` is in days."""

    id: str
    title: str
    start: date
    duration: int

    @property
    def ends(self) -> date:
        """The first day after it."""
        return self.start + timedelta(days=self.duration)


@dataclass(frozen=True)
class NewIteration:
    """A stretch of time as somebody wants it."""

    title: str
    start: date
    duration: int


@dataclass(frozen=True)
class Field:
    """A field; `data_type` is GitHub's in lower case (`single_select`, `sub_issues_progress`).

    `options` are set on single-select fields; `iterations`, `duration` (days) and `start_day` (1 is Monday) on
    iteration fields.
    """

    id: int
    project_id: int
    name: str
    data_type: str
    options: tuple[Option, ...]
    iterations: tuple[Iteration, ...]
    duration: int | None
    start_day: int | None
    created: datetime
    updated: datetime

    @property
    def editable(self) -> bool:
        """Whether values of it can be set on the board."""
        return self.data_type in EDITABLE

    def option_named(self, name: str) -> Option | None:
        """The option with this name, compared without regard to case."""
        return next((one for one in self.options if one.name.lower() == name.lower()), None)


def list_of(tx: Tx, project: Project) -> list[Field]:
    """All fields of a board in their order."""
    return _fields(tx, tx.rows("SELECT * FROM project_field WHERE project_id = ? ORDER BY id", project.id))


def find(tx: Tx, project: Project, field_id: int) -> Field:
    """The board's field with this database id. Raises NotFound."""
    rows = tx.rows("SELECT * FROM project_field WHERE project_id = ? AND id = ?", project.id, field_id)
    if not rows:
        raise NotFound
    return _fields(tx, rows)[0]


def by_name(tx: Tx, project: Project, name: str) -> Field | None:
    """The board's field of this name, compared without regard to case."""
    return next((one for one in list_of(tx, project) if one.name.lower() == name.lower()), None)


def by_ids_of(tx: Tx, ids: Iterable[int]) -> list[Field]:
    """Fields by database id, of whatever board."""
    wanted = sorted(set(ids))
    question = ",".join("?" * len(wanted))
    return _fields(tx, tx.rows(f"SELECT * FROM project_field WHERE id IN ({question})", *wanted))  # noqa: S608


def by_id(tx: Tx, field_id: int, *, actor: User | None) -> tuple[Project, Field]:
    """A field and its board by the field's database id. Raises NotFound, also for boards that may not be seen."""
    row = tx.row("SELECT project_id FROM project_field WHERE id = ?", field_id)
    if row is None:
        raise NotFound
    project = projects.by_id(tx, row["project_id"], actor=actor)
    return project, find(tx, project, field_id)


def create(
    tx: Tx,
    project: Project,
    name: str,
    data_type: str,
    *,
    actor: User | None,
    options: Sequence[NewOption] = (),
    iterations: Sequence[NewIteration] = (),
    start: date | None = None,
    duration: int | None = None,
) -> Field:
    """Add a field. Single-select ones need at least one option; iteration ones a start and a duration in days.

    Raises Invalid for a taken or reserved name, an unknown type, wrong options, and more than 50 fields. Needs write
    access.
    """
    projects.require(tx, project, actor, projects.Access.WRITE)
    if data_type not in EDITABLE:
        raise invalid("ProjectV2Field", "data_type", value=data_type)
    if len(list_of(tx, project)) >= FIELD_LIMIT:
        raise Invalid(f"A project can have at most {FIELD_LIMIT} fields")
    _check_name(tx, project, name, own_id=None)
    if data_type == "iteration" and (start is None or duration is None or duration < 1):
        raise missing("ProjectV2Field", "iteration_configuration")
    field_id = tx.insert(
        "project_field",
        project_id=project.id,
        name=name.strip(),
        data_type=data_type,
        duration=duration if data_type == "iteration" else None,
        start_day=start.isoweekday() if start and data_type == "iteration" else None,
        created=tx.stamp,
        updated=tx.stamp,
    )
    if data_type == "single_select":
        write_options(tx, field_id, _checked_options(options, known=()))
    for one in iterations if data_type == "iteration" else ():
        tx.insert(
            "project_iteration",
            field_id=field_id,
            id=_fresh_id(),
            title=one.title,
            start_date=one.start.isoformat(),
            duration=one.duration,
        )
    projects.touch(tx, project.id)
    return find(tx, project, field_id)


def update(
    tx: Tx,
    project: Project,
    field: Field,
    *,
    actor: User | None,
    name: str | None = None,
    options: Sequence[NewOption] | None = None,
) -> Field:
    """Rename a field or give a single-select field other options; None leaves it. Needs write access.

    `options` replaces all of them: an option that is not named by its id is a new one, even under an old name, and
    every value that stood at one that is gone is wiped from the items.
    """
    projects.require(tx, project, actor, projects.Access.WRITE)
    columns: dict[str, object] = {"updated": tx.stamp}
    if name is not None:
        if not field.editable:
            raise Invalid("The name of this field cannot be changed")
        _check_name(tx, project, name, own_id=field.id)
        columns["name"] = name.strip()
    if options is not None:
        if field.data_type != "single_select":
            raise Invalid("Only single select fields have options")
        kept = _checked_options(options, known=field.options)
        write_options(tx, field.id, kept)
        for gone in {one.id for one in field.options} - {one.id for one in kept}:
            tx.run("DELETE FROM project_value WHERE field_id = ? AND value = ?", field.id, gone)
    tx.update("project_field", field.id, **columns)
    projects.touch(tx, project.id)
    return find(tx, project, field.id)


def delete(tx: Tx, project: Project, field: Field, *, actor: User | None) -> None:
    """Remove a field that people added, with its values. Raises Invalid for a standard one. Needs write access."""
    projects.require(tx, project, actor, projects.Access.WRITE)
    if (field.name, field.data_type) in STANDARD:
        raise Invalid("This field cannot be deleted")
    tx.run("DELETE FROM project_field WHERE id = ?", field.id)
    projects.touch(tx, project.id)


def _check_name(tx: Tx, project: Project, name: str, *, own_id: int | None) -> None:
    wanted = name.strip()
    if not wanted:
        raise missing("ProjectV2Field", "name")
    if len(wanted) > NAME_LIMIT:
        raise invalid("ProjectV2Field", "name", f"name is too long (maximum is {NAME_LIMIT} characters)")
    if wanted.lower() in RESERVED:
        raise invalid("ProjectV2Field", "name", f"Name cannot have a reserved value ('{wanted}')")
    taken = by_name(tx, project, wanted)
    if taken is not None and taken.id != own_id:
        raise already_exists("ProjectV2Field", "name")


def _checked_options(wanted: Sequence[NewOption], *, known: Iterable[Option]) -> list[Option]:
    if not wanted:
        raise missing("ProjectV2Field", "single_select_options")
    if len(wanted) > OPTION_LIMIT:
        raise Invalid(f"A single select field can have at most {OPTION_LIMIT} options")
    old = {one.id for one in known}
    kept = [
        Option(
            id=one.id if one.id is not None else _fresh_id(),
            name=one.name.strip(),
            color=one.color.upper(),
            description=one.description,
        )
        for one in wanted
    ]
    for one, asked in zip(kept, wanted, strict=True):
        if asked.id is not None and asked.id not in old:
            raise invalid("ProjectV2SingleSelectFieldOption", "id", value=asked.id)
        if not one.name:
            raise missing("ProjectV2SingleSelectFieldOption", "name")
        if one.color not in COLORS:
            raise invalid("ProjectV2SingleSelectFieldOption", "color", value=asked.color)
    if len({one.name.lower() for one in kept}) < len(kept) or len({one.id for one in kept}) < len(kept):
        raise Invalid("Options must have different names")
    return kept


def _fresh_id() -> str:
    return secrets.token_hex(4)


def _fields(tx: Tx, rows: Sequence[sqlite3.Row]) -> list[Field]:
    ids = [row["id"] for row in rows]
    question = ",".join("?" * len(ids))
    options: dict[int, list[Option]] = {key: [] for key in ids}
    for row in tx.rows(
        f"SELECT * FROM project_option WHERE field_id IN ({question}) ORDER BY position",  # noqa: S608
        *ids,
    ):
        options[row["field_id"]].append(Option(row["id"], row["name"], row["color"], row["description"]))
    iterations: dict[int, list[Iteration]] = {key: [] for key in ids}
    for row in tx.rows(
        f"SELECT * FROM project_iteration WHERE field_id IN ({question}) ORDER BY start_date",  # noqa: S608
        *ids,
    ):
        start = date.fromisoformat(row["start_date"])
        iterations[row["field_id"]].append(Iteration(row["id"], row["title"], start, row["duration"]))
    return [
        Field(
            id=row["id"],
            project_id=row["project_id"],
            name=row["name"],
            data_type=row["data_type"],
            options=tuple(options[row["id"]]),
            iterations=tuple(iterations[row["id"]]),
            duration=row["duration"],
            start_day=row["start_day"],
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
        )
        for row in rows
    ]

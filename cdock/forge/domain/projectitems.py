"""What is on a board: issues, pull requests and drafts, each with a value per field.

Fields such as labels or assignees have no values here: they show what the issue itself says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Final, Literal

from cdock.forge.domain import issues, projectfields, projects, references, repos, texts
from cdock.forge.domain.errors import Invalid, NotFound, invalid
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.projectfields import Field, Iteration
from cdock.forge.domain.projects import Access, Project
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.standardfields import Option
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of

Kind = Literal["Issue", "PullRequest", "DraftIssue"]

TEXT_LIMIT: Final = 1024


@dataclass(frozen=True)
class Draft:
    """A note on a board that is no issue yet."""

    id: int
    title: str
    body: str | None
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Value:
    """What an item has in one editable field. `raw` is the text, the number, the ISO date, or the id of `option` or
    `iteration`.
    """

    id: int
    field_id: int
    raw: str | float
    option: Option | None
    iteration: Iteration | None
    creator: User | None
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Item:
    """One thing on a board; `values` are by field id.

    `issue` with its `repo`, or `draft`, is the content. All three are None when the one who asks may not see the
    issue's repository: GitHub then shows that something is there and not what.
    """

    id: int
    project_id: int
    kind: Kind
    issue: Issue | None
    repo: Repo | None
    draft: Draft | None
    creator: User
    archived: datetime | None
    created: datetime
    updated: datetime
    values: Mapping[int, Value]

    @property
    def title(self) -> str | None:
        """The title of the content; None when that may not be seen."""
        content = self.issue or self.draft
        return content.title if content else None


def list_of(tx: Tx, project: Project, *, actor: User | None, archived: bool | None = False) -> list[Item]:
    """The items of a board in their order: those in sight, those archived (True), or both (None)."""
    rows = tx.rows(
        "SELECT * FROM project_item WHERE project_id = ?1 AND (?2 IS NULL OR (archived IS NOT NULL) = ?2) "
        "ORDER BY position, id",
        project.id,
        None if archived is None else int(archived),
    )
    return _items(tx, rows, actor=actor)


def of_issue(tx: Tx, issue: Issue, *, actor: User | None) -> list[tuple[Project, Item]]:
    """Where an issue or pull request stands, on boards that the acting user may see; archived items too."""
    rows = tx.rows("SELECT * FROM project_item WHERE issue_id = ? ORDER BY id", issue.id)
    found = []
    for item in _items(tx, rows, actor=actor):
        try:
            found.append((projects.by_id(tx, item.project_id, actor=actor), item))
        except NotFound:
            continue
    return found


def find(tx: Tx, project: Project, item_id: int, *, actor: User | None) -> Item:
    """The board's item with this database id. Raises NotFound."""
    rows = tx.rows("SELECT * FROM project_item WHERE project_id = ? AND id = ?", project.id, item_id)
    if not rows:
        raise NotFound
    return _items(tx, rows, actor=actor)[0]


def by_id(tx: Tx, item_id: int, *, actor: User | None) -> tuple[Project, Item]:
    """An item and its board by the item's database id. Raises NotFound, also for boards that may not be seen."""
    row = tx.row("SELECT project_id FROM project_item WHERE id = ?", item_id)
    if row is None:
        raise NotFound
    project = projects.by_id(tx, row["project_id"], actor=actor)
    return project, find(tx, project, item_id, actor=actor)


def add(tx: Tx, project: Project, issue_id: int, *, actor: User | None) -> Item:
    """Put an issue or pull request (by the issue's database id) on a board; gives the item that is there already.

    Raises NotFound when the acting user may not see the issue. Needs write access to the board.
    """
    person = projects.require(tx, project, actor, Access.WRITE)
    issue, _ = issues.reachable(tx, issue_id, actor=person)
    row = tx.row("SELECT id FROM project_item WHERE project_id = ? AND issue_id = ?", project.id, issue.id)
    item_id = row["id"] if row is not None else _insert(tx, project, actor=person, issue_id=issue.id)
    return find(tx, project, item_id, actor=person)


def add_draft(tx: Tx, project: Project, title: str, *, actor: User | None, body: str | None = None) -> Item:
    """Put a note on a board. Needs write access. Raises Invalid for texts out of bounds."""
    person = projects.require(tx, project, actor, Access.WRITE)
    draft_id = tx.insert(
        "project_draft",
        title=issues.checked_title(title, kind="DraftIssue"),
        body=issues.checked_body(body, kind="DraftIssue"),
        created=tx.stamp,
        updated=tx.stamp,
    )
    return find(tx, project, _insert(tx, project, actor=person, draft_id=draft_id), actor=person)


def convert_draft(tx: Tx, project: Project, item: Item, repo: Repo, *, actor: User | None) -> Item:
    """Make an issue of a note; it stays where it is, with its values. Needs write access to the board.

    Raises Invalid for an item that is no note, and what opening an issue raises.
    """
    person = projects.require(tx, project, actor, Access.WRITE)
    if item.draft is None:
        raise Invalid("Only draft issues can be converted to issues")
    made = issues.create(tx, repo, item.draft.title, actor=person, body=item.draft.body)
    tx.update("project_item", item.id, issue_id=made.id, draft_id=None, updated=tx.stamp)
    tx.run("DELETE FROM project_draft WHERE id = ?", item.draft.id)
    return find(tx, project, item.id, actor=person)


def linked_pulls(tx: Tx, item: Item, *, actor: User | None) -> list[tuple[Repo, int]]:
    """The pull requests, by repository and number, that close the item's issue when they are merged."""
    if item.issue is None or item.issue.pull:
        return []
    rows = tx.rows(
        "SELECT json_extract(data, '$.source') AS id FROM event WHERE issue_id = ? AND kind = 'cross-referenced' "
        "ORDER BY id",
        item.issue.id,
    )
    found = []
    for other in issues.visible(tx, [row["id"] for row in rows], actor=actor):
        home = repos.by_id(tx, other.repo_id)
        closed = (
            references.targets(tx, home, texts.closings(other.body or ""), actor=actor) if other.pull else []
        )
        if any(issue_id == item.issue.id for _, issue_id in closed):
            found.append((home, other.number))
    return found


def issue_id_of_pull(tx: Tx, pull_id: int) -> int:
    """The issue's database id of the pull request with this database id. Raises NotFound."""
    row = tx.row("SELECT issue_id FROM pull WHERE id = ?", pull_id)
    if row is None:
        raise NotFound
    return int(row["issue_id"])


def set_values(
    tx: Tx, project: Project, item: Item, changes: Mapping[int, object], *, actor: User | None
) -> Item:
    """Set fields of an item by field id, all or none; None clears one, and the last write wins.

    Text fields take texts, number fields numbers, date fields ISO dates, single-select and iteration fields the id of
    an option or iteration. Raises NotFound for a field of another board, Invalid for a value that cannot be and for
    a field that only shows what the issue says. Needs write access.
    """
    person = projects.require(tx, project, actor, Access.WRITE)
    for field_id, wanted in changes.items():
        field = projectfields.find(tx, project, field_id)
        if not field.editable:
            raise Invalid(f"The field '{field.name}' cannot be changed here: change the issue itself")
        if wanted is None:
            tx.run("DELETE FROM project_value WHERE item_id = ? AND field_id = ?", item.id, field.id)
        else:
            _write(tx, item.id, field.id, _checked(field, wanted), actor=person)
    if changes:
        tx.update("project_item", item.id, updated=tx.stamp)
        projects.touch(tx, project.id)
    return find(tx, project, item.id, actor=person)


def move(tx: Tx, project: Project, item: Item, *, actor: User | None, after_id: int | None = None) -> Item:
    """Put an item right behind another one (by database id), or first. Needs write access.

    Raises Invalid when the other one is not on the board or is the item itself.
    """
    person = projects.require(tx, project, actor, Access.WRITE)
    rows = tx.rows("SELECT id FROM project_item WHERE project_id = ? ORDER BY position, id", project.id)
    order = [row["id"] for row in rows if row["id"] != item.id]
    if after_id is not None and after_id not in order:
        raise Invalid("The item to be placed behind is not on this project, or is the item itself")
    order.insert(0 if after_id is None else order.index(after_id) + 1, item.id)
    for position, each in enumerate(order):
        tx.run("UPDATE project_item SET position = ? WHERE id = ?", position, each)
    projects.touch(tx, project.id)
    return find(tx, project, item.id, actor=person)


def archive(tx: Tx, project: Project, item: Item, *, actor: User | None, archived: bool = True) -> Item:
    """Take an item out of sight, or (False) back; its values stay. Needs write access."""
    person = projects.require(tx, project, actor, Access.WRITE)
    if archived != (item.archived is not None):
        tx.update("project_item", item.id, archived=tx.stamp if archived else None, updated=tx.stamp)
        projects.touch(tx, project.id)
    return find(tx, project, item.id, actor=person)


def delete(tx: Tx, project: Project, item: Item, *, actor: User | None) -> None:
    """Take an item off the board for good; the issue stays, a draft is gone. Needs write access."""
    projects.require(tx, project, actor, Access.WRITE)
    tx.run("DELETE FROM project_item WHERE id = ?", item.id)
    if item.draft is not None:
        tx.run("DELETE FROM project_draft WHERE id = ?", item.draft.id)
    projects.touch(tx, project.id)


def _insert(tx: Tx, project: Project, *, actor: User, **content: int) -> int:
    row = tx.row(
        "SELECT coalesce(max(position), -1) + 1 AS next FROM project_item WHERE project_id = ?", project.id
    )
    projects.touch(tx, project.id)
    return tx.insert(
        "project_item",
        project_id=project.id,
        position=row["next"] if row else 0,
        creator_id=actor.id,
        created=tx.stamp,
        updated=tx.stamp,
        **content,
    )


def _write(tx: Tx, item_id: int, field_id: int, raw: str | float, *, actor: User) -> None:
    tx.run(
        "INSERT INTO project_value (item_id, field_id, value, creator_id, created, updated) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?5) "
        "ON CONFLICT (item_id, field_id) DO UPDATE SET value = ?3, creator_id = ?4, updated = ?5",
        item_id,
        field_id,
        raw,
        actor.id,
        tx.stamp,
    )


def _checked(field: Field, wanted: object) -> str | float:
    kind = field.data_type
    if kind == "text" and isinstance(wanted, str) and len(wanted) <= TEXT_LIMIT:
        return wanted
    if kind == "number" and isinstance(wanted, int | float) and not isinstance(wanted, bool):
        number = float(wanted)
        if isfinite(number):
            return number
    if kind == "date" and isinstance(wanted, str):
        try:
            return date.fromisoformat(wanted[:10]).isoformat()
        except ValueError:
            pass
    choices = [one.id for one in field.options] + [one.id for one in field.iterations]
    if isinstance(wanted, str) and wanted in choices:
        return wanted
    what = {"single_select": "the id of an option", "iteration": "the id of an iteration"}.get(
        kind, f"a {kind}"
    )
    raise invalid("ProjectV2Item", field.name, f"The value of '{field.name}' must be {what}", value=wanted)


def _items(tx: Tx, rows: Sequence[sqlite3.Row], *, actor: User | None) -> list[Item]:
    contents = issues.by_ids_of(tx, [row["issue_id"] for row in rows if row["issue_id"] is not None])
    homes: dict[int, Repo | None] = {}
    for issue in contents.values():
        if issue.repo_id not in homes:
            seen = repos.is_visible(tx, issue.repo_id, actor=actor)
            homes[issue.repo_id] = repos.by_id(tx, issue.repo_id) if seen else None
    people = by_ids(tx, (row["creator_id"] for row in rows))
    drafts = _drafts(tx, [row["draft_id"] for row in rows if row["draft_id"] is not None])
    values = _values(tx, [row["id"] for row in rows])
    items = []
    for row in rows:
        content = contents.get(row["issue_id"])
        home = homes.get(content.repo_id) if content else None
        items.append(
            Item(
                id=row["id"],
                project_id=row["project_id"],
                kind="DraftIssue" if content is None else "PullRequest" if content.pull else "Issue",
                issue=content if home else None,
                repo=home,
                draft=drafts.get(row["draft_id"]),
                creator=people[row["creator_id"]],
                archived=moment_of(row["archived"]) if row["archived"] else None,
                created=moment_of(row["created"]),
                updated=moment_of(row["updated"]),
                values=values[row["id"]],
            )
        )
    return items


def _drafts(tx: Tx, ids: Sequence[int]) -> dict[int, Draft]:
    question = ",".join("?" * len(ids))
    return {
        row["id"]: Draft(
            id=row["id"],
            title=row["title"],
            body=row["body"],
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
        )
        for row in tx.rows(f"SELECT * FROM project_draft WHERE id IN ({question})", *ids)  # noqa: S608
    }


def _values(tx: Tx, item_ids: Sequence[int]) -> dict[int, dict[int, Value]]:
    question = ",".join("?" * len(item_ids))
    rows = tx.rows(f"SELECT * FROM project_value WHERE item_id IN ({question}) ORDER BY field_id", *item_ids)  # noqa: S608
    fields = {field.id: field for field in projectfields.by_ids_of(tx, {row["field_id"] for row in rows})}
    people = by_ids(tx, (row["creator_id"] for row in rows))
    found: dict[int, dict[int, Value]] = {key: {} for key in item_ids}
    for row in rows:
        field, raw = fields[row["field_id"]], row["value"]
        found[row["item_id"]][field.id] = Value(
            id=row["id"],
            field_id=field.id,
            raw=raw,
            option=next((one for one in field.options if one.id == raw), None),
            iteration=next((one for one in field.iterations if one.id == raw), None),
            creator=people.get(row["creator_id"]),
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
        )
    return found

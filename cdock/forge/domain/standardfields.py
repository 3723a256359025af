"""The fields that every board begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cdock.forge.store import Tx


@dataclass(frozen=True)
class Option:
    """One choice of a single-select field. Values refer to its `id`, so a new name keeps them."""

    id: str
    name: str
    color: str
    description: str


STANDARD: Final = (
    ("Title", "title"),
    ("Assignees", "assignees"),
    ("Status", "single_select"),
    ("Labels", "labels"),
    ("Linked pull requests", "linked_pull_requests"),
    ("Milestone", "milestone"),
    ("Repository", "repository"),
    ("Type", "issue_type"),
    ("Reviewers", "reviewers"),
    ("Parent issue", "parent_issue"),
    ("Sub-issues progress", "sub_issues_progress"),
)
# The same ids on every board, as on GitHub: an id without its field says nothing.
STATUS_OPTIONS: Final = (
    Option("f75ad846", "Todo", "GREEN", "This item hasn't been started"),
    Option("47fc9ee4", "In Progress", "YELLOW", "This is actively being worked on"),
    Option("98236657", "Done", "PURPLE", "This has been completed"),
)


def create(tx: Tx, project_id: int) -> None:
    """The fields of a new board."""
    for name, data_type in STANDARD:
        field_id = tx.insert(
            "project_field",
            project_id=project_id,
            name=name,
            data_type=data_type,
            created=tx.stamp,
            updated=tx.stamp,
        )
        if data_type == "single_select":
            write_options(tx, field_id, STATUS_OPTIONS)


def write_options(tx: Tx, field_id: int, options: Sequence[Option]) -> None:
    """Make these the options of a field; values that refer to others are not touched."""
    tx.run("DELETE FROM project_option WHERE field_id = ?", field_id)
    for position, one in enumerate(options):
        tx.insert(
            "project_option",
            field_id=field_id,
            id=one.id,
            position=position,
            name=one.name,
            color=one.color,
            description=one.description,
        )

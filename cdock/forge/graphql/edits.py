"""Earlier versions of texts."""

from __future__ import annotations

from cdock.forge.domain.edits import Edit
from cdock.forge.graphql import people
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.ids import node_id
from cdock.forge.store import text_of


def edit(ask: Ask, shown: Edit) -> Shown:
    """A version of the text of an issue or a comment."""
    moment = text_of(shown.created)
    return {
        "__typename": "UserContentEdit",
        "id": node_id("UCE", shown.id),
        "createdAt": moment,
        "updatedAt": moment,
        "editedAt": moment,
        "editor": people.user(ask, shown.editor),
        # Versions can not be deleted here.
        "deletedAt": None,
        "deletedBy": None,
        # GitHub's name for the whole text of that version.
        "diff": shown.body,
    }

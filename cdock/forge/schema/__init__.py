"""The tables, in the versions they came in: an older database gets the later ones when it is opened.

Times are ISO 8601 text in UTC with whole seconds, so that text order is time order. Each kind has one sequence of ids,
far above every issue number and far apart: an id that is taken for a number, or for the id of another kind, is then
never right by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cdock.forge.schema import access, boards, edits, extras, first, hooks, reviews, structure


@dataclass(frozen=True)
class Step:
    """What brings a database from one version to the next: statements parted by `;` at the end of a line."""

    statements: str
    first_ids: Mapping[str, int]


STEPS: Final = (
    Step(first.TABLES, first.FIRST_IDS),
    Step(
        f"{structure.TABLES}\n{boards.TABLES}\n{reviews.TABLES}\n{hooks.TABLES}\n{access.TABLES}\n{extras.TABLES}",
        {
            **structure.FIRST_IDS,
            **boards.FIRST_IDS,
            **reviews.FIRST_IDS,
            **hooks.FIRST_IDS,
            **access.FIRST_IDS,
            **extras.FIRST_IDS,
        },
    ),
    Step(edits.TABLES, edits.FIRST_IDS),
    Step(edits.COMMENT_TABLES, edits.COMMENT_FIRST_IDS),
)
VERSION: Final = len(STEPS)

"""A plan on its way to the forge, and how its tasks are shown there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from cdock.core.issues import Issue
from cdock.core.planning.document import Plan

PARENT = ""
"""Stands for the issue of the plan itself among the keys of its tasks."""


class Stand(StrEnum):
    """How far a draft has come."""

    TALK = "talk"  # it is still talked about
    APPROVED = "approved"  # a person wants it published
    PUBLISHED = "published"


@dataclass(frozen=True)
class Draft:
    """A plan with the conversation that made it. `session` is that of the agent, `turns` what was said, in order.

    `numbers` are the issues that were made, by key; the plan's own is that of `PARENT`.
    """

    id: UUID
    plan: Plan
    created_at: datetime
    stand: Stand = Stand.TALK
    agent: str = ""
    session: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    """Pairs of who (`person` or `agent`) and what."""
    numbers: Mapping[str, int] = field(default_factory=dict)

    def op(self, key: str) -> UUID:
        """What stands for the making of a task's issue, however often it is tried and by whom."""
        return uuid5(self.id, key)


@dataclass(frozen=True)
class Card:
    """How an issue stands on a board: `status` is one of `Todo`, `In Progress`, `Needs Help`, `In Review`, `Done`."""

    issue: Issue
    status: str
    stage: int

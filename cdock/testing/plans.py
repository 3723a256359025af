"""What plans need beside issues, in memory: where they are kept, and a board that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cdock.core.issues import Issue
from cdock.core.planning.drafts import Card, Draft
from cdock.testing.clock import Faults


@dataclass
class MemoryPlans:
    """See `Plans`."""

    kept: dict[UUID, Draft] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def list(self) -> tuple[Draft, ...]:
        """See `Plans`."""
        return tuple(sorted(self.kept.values(), key=lambda draft: (draft.created_at, str(draft.id))))

    def put(self, draft: Draft) -> None:
        """See `Plans`."""
        self.faults.before("plans")
        self.kept[draft.id] = draft
        self.faults.after()

    def remove(self, draft: UUID) -> None:
        """See `Plans`."""
        self.kept.pop(draft, None)


@dataclass
class MemoryCard:
    """A card as people see it; `shown` is the status it was given last."""

    status: str = ""
    stage: int = 0
    shown: str = ""


@dataclass
class MemoryBoard:
    """See `Board`."""

    boards: dict[int, dict[int, MemoryCard]] = field(default_factory=dict)
    """By the number of the plan's issue, cards by that of theirs."""
    closed: set[int] = field(default_factory=set)
    faults: Faults = field(default_factory=Faults)

    def show(self, plan: Issue, cards: Sequence[Card]) -> str:
        """See `Board`."""
        self.faults.before("board")
        there = self.boards.setdefault(plan.number, {})
        for wanted in () if plan.number in self.closed else cards:
            card = there.setdefault(wanted.issue.number, MemoryCard())
            if card.shown != wanted.status:
                card.status, card.stage, card.shown = wanted.status, wanted.stage, wanted.status
        self.faults.after()
        return f"memory://boards/{plan.number}"

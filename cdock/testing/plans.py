"""Plans that are being made, kept in memory."""

from dataclasses import dataclass, field
from uuid import UUID

from cdock.core.planning.drafts import Draft
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

"""The claims on the forge of memory, with the branches and the unfinished work that move along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cdock.core.errors import CdockError, ClaimLost, Overtaken
from cdock.core.ids import TaskId
from cdock.core.task import Claim, Move
from cdock.testing.clock import Faults
from cdock.testing.hub import MemoryHub


@dataclass
class Sight:
    """What one machine saw last of what the forge has of its tasks; only looking and pushing change it."""

    pushed: dict[TaskId, str] = field(default_factory=dict)
    """Where branches stood."""
    theirs: dict[TaskId, str] = field(default_factory=dict)
    """Where they stand since others pushed to them, until ours goes on from there."""
    kept: dict[TaskId, str] = field(default_factory=dict)
    """The unfinished work beside their claims."""


@dataclass
class MemoryClaims:
    """See `Claims`."""

    hub: MemoryHub
    faults: Faults = field(default_factory=Faults)
    sight: Sight = field(default_factory=Sight)

    def list(self) -> tuple[Claim, ...]:
        """See `Claims`."""
        self.faults.before("claims")
        return tuple(self.hub.refs[issue] for issue in sorted(self.hub.refs))

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        """See `Claims`."""
        self.faults.before("claims")
        self._fence(issue, expected)
        oid = self._move(issue, claim)
        self.faults.after()
        return oid

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        """See `Claims`."""
        self.faults.before("claims")
        done: dict[int, str | CdockError] = {}
        for move in moves:
            try:
                done[move.claim.issue] = self._publish(move)
            except CdockError as error:
                done[move.claim.issue] = error
        self.faults.after()
        return done

    def _publish(self, move: Move) -> str:
        issue, task = move.claim.issue, move.claim.task.id
        self._fence(issue, move.claim.oid)
        there = self.hub.branches.get(move.branch, "") if move.branch else ""
        known = move.rewritten and there == self.sight.pushed.get(task, "")
        if there and not known and not self.hub.contains(move.commit, there):
            raise Overtaken(f"{move.branch} has other commits on the forge", fix="look at the branch")
        was = self.sight.pushed.get(task, "")
        if there != was and self.hub.contains(was, there) and self.hub.contains(move.commit, was):
            raise Overtaken(f"{move.branch} was reset on the forge", fix="look at the branch")
        oid = self._move(issue, move.claim)
        if move.branch:
            self.hub.branches[move.branch] = self.sight.pushed[task] = move.commit
            self.hub.unfinished.pop(issue, None)
            self.sight.kept.pop(task, None)
        if move.unfinished:
            self.hub.unfinished[issue] = self.sight.kept[task] = move.unfinished
        return oid

    def _fence(self, issue: int, expected: str) -> None:
        there = self.hub.refs.get(issue)
        if (there.oid if there else "") != expected:
            raise ClaimLost(f"the claim of #{issue} moved")

    def _move(self, issue: int, claim: Claim | None) -> str:
        if claim is None:
            self.hub.refs.pop(issue, None)
            self.hub.unfinished.pop(issue, None)
            return ""
        oid = self.hub.unique()
        # What only means something in one process is not written down.
        self.hub.refs[issue] = replace(claim, oid=oid, seen_at=0.0)
        return oid

"""Everything seen in one tick, and all of it about one issue.

`elapsed` is a monotonic reading in seconds that means something only inside one process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cdock.core.depending import Forerunner
from cdock.core.ids import TaskId
from cdock.core.issues import HelpIssue, Issue
from cdock.core.planning.planned import PlannedTask
from cdock.core.pulls import PullRequest
from cdock.core.runs import CheckResult, Harvest, Progress, Run, Verdict, Workspace
from cdock.core.task import Cap, Claim
from cdock.core.wishes import Wish, WishKind


@dataclass(frozen=True)
class Part:
    """One task of a published plan: what was planned, and what was seen of its issue.

    `released` when its plan let it start once.
    """

    planned: PlannedTask
    issue: Issue | None = None
    claim: Claim | None = None
    released: bool = False

    @property
    def number(self) -> int:
        """Of its issue."""
        return self.planned.number


@dataclass(frozen=True)
class Case:
    """All that was seen about one issue in this tick."""

    issue: Issue
    claim: Claim | None = None
    workspace: Workspace | None = None
    run: Run | None = None
    check: Run | None = None
    strays: tuple[Run, ...] = ()
    """Runs of attempts that already have an outcome."""
    harvest: Harvest | None = None
    verdict: Verdict | None = None
    checked: CheckResult | None = None
    pull: PullRequest | None = None
    help: HelpIssue | None = None
    progress: Progress | None = None
    """Of `run`."""
    cap: Cap | None = None
    """The limit that `run` reached, where the forge could not be told."""
    wishes: tuple[Wish, ...] = ()
    unpushable: str = ""
    """Why the forge will not have the commits of the present attempt; empty as far as we know it will."""
    forerunners: tuple[Forerunner, ...] = ()
    """What comes first by the issue's own text, and how it stands."""
    parts: tuple[Part, ...] | None = None
    """Of a published plan: its tasks; None for everything else."""

    def wished(self, kind: WishKind) -> Wish | None:
        """The oldest wish of this kind that no attempt has taken up."""
        found = [wish for wish in self.wishes if wish.kind is kind]
        taken = self.claim.task.taken if found and self.claim else ()
        return next((wish for wish in found if wish.ref not in taken), None)

    @property
    def stop_wished(self) -> bool:
        """Whether somebody on this machine asked for its end."""
        return self.wished(WishKind.STOP) is not None or self.wished(WishKind.DROP) is not None


@dataclass(frozen=True)
class World:
    """All that was seen in this tick. `me` is this poller, `process` its present life."""

    now: datetime
    elapsed: float
    me: str
    process: str
    issues: tuple[Issue, ...] = ()
    claims: tuple[Claim, ...] = ()
    workspaces: tuple[Workspace, ...] = ()
    runs: tuple[Run, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    helps: tuple[HelpIssue, ...] = ()
    harvests: tuple[tuple[TaskId, Harvest], ...] = ()
    verdicts: tuple[tuple[str, Verdict], ...] = ()
    """What the logs of ended agent runs say, by run name."""
    checks: tuple[tuple[str, CheckResult], ...] = ()
    pushed_at: float | None = None
    """Our monotonic reading at the last push of commits by this process."""
    progress: tuple[tuple[str, Progress], ...] = ()
    """Of living agent runs, by run name."""
    wishes: tuple[Wish, ...] = ()
    sent: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """When messages were sent to living runs by this process (monotonic), by run name and uid."""
    capped: Mapping[str, Cap] = field(default_factory=dict)
    """Limits that runs reached, by run name, as far as this process saw it."""
    spent_today: float = 0.0
    """US dollars that ended attempts of this machine cost since midnight in UTC."""
    only: frozenset[int] = frozenset()
    """When not empty, no other issue is newly claimed."""
    elsewhere: int = 0
    """Attempts of other repositories that use up room on this machine."""
    new_claims: int | None = None
    """How many issues may be newly claimed in one plan; None for as many as there is room for."""
    gone: frozenset[int] = frozenset()
    """Claimed issues that the forge has not had for a while: deleted, or moved to another repository."""
    unpushable: tuple[tuple[int, str], ...] = ()
    """Issues whose commits the forge refused for good, with the reason."""
    left: frozenset[TaskId] = frozenset()
    """Tasks that are not ours any more, and of which all is cleared up here that may be."""
    lately: frozenset[TaskId] = frozenset()
    """Tasks that nobody holds as far as was seen, but not for long: what is here of them may still be wanted."""
    unapproved: frozenset[int] = frozenset()
    """Issues whose label was found to be put on by somebody who may not, and that have not changed since."""
    unsettled: frozenset[int] = frozenset()
    """Issues seen closed just now, whose pull request is still seen open: one of the two may be old news."""
    stuck: frozenset[int] = frozenset()
    """Issues whose steps failed again and again."""
    paused: frozenset[int] = frozenset()
    """Issues whose last step failed lately: but for the heartbeat they wait, and take no room from the others."""

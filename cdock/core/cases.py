"""Join what was seen by issue: a case is all of it about one.

Everything is looked up, nothing searched for, so that a thousand issues cost a thousand times what one does.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from cdock.core.depending import forerunners
from cdock.core.form import brief_of
from cdock.core.ids import SHORT_LENGTH
from cdock.core.issues import Issue
from cdock.core.planning.planned import planned_of
from cdock.core.runs import Role
from cdock.core.task import Claim, Task
from cdock.core.world import Case, Part, World

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def cases_of(world: World) -> tuple[Case, ...]:
    """Everything seen, sorted by issue: oldest first, so that the order is total."""
    claims = {claim.issue: claim for claim in world.claims}
    seen = _Seen(world)
    tasks = [claim.task for claim in world.claims]
    gone = (found for task in tasks if (found := seen.gone(task.issue, task.title, at=task.created_at)))
    issues = sorted((*world.issues, *gone), key=lambda issue: (issue.created_at, issue.number))
    by_number = {issue.number: issue for issue in issues}

    def case_of(issue: Issue) -> Case:
        claim = claims.get(issue.number)
        brief = claim.task.brief if claim else brief_of(issue.body)
        first = forerunners(brief, by_number, claims) if brief.depends or brief.plan else ()
        case = _case(issue, claim, seen)
        parts = _parts(issue, claim.task, seen, by_number, claims) if claim and claim.task.plans else None
        return replace(case, forerunners=first, parts=parts) if first or parts is not None else case

    return tuple(map(case_of, issues))


def _parts(
    plan: Issue, task: Task, seen: "_Seen", issues: Mapping[int, Issue], claims: Mapping[int, Claim]
) -> tuple[Part, ...] | None:
    """The tasks of a published plan in the order of their stages; None when it is none yet."""
    planned = next((found for comment in plan.comments if (found := planned_of(comment))), None)
    if planned is None:
        return None
    parts = (
        Part(
            one,
            issues.get(one.number) or seen.gone(one.number, one.title, at=task.created_at),
            claims.get(one.number),
            released=one.number in task.released,
        )
        for one in planned.tasks
    )
    return tuple(sorted(parts, key=lambda part: part.planned.stage))


class _Seen:
    """What was seen, by what it is looked up with."""

    def __init__(self, world: World) -> None:
        self.workspaces = {workspace.task: workspace for workspace in world.workspaces}
        self.runs = _grouped(world.runs, lambda run: run.task)
        self.helps = _grouped(world.helps, lambda found: found.task)
        # A branch ends in the name of its task, whatever its prefix, and that in the short id.
        self.pulls = _grouped(world.pulls, lambda pull: pull.head[-SHORT_LENGTH:])
        self.harvests = dict(world.harvests)
        self.verdicts = dict(world.verdicts)
        self.checks = dict(world.checks)
        self.progress = dict(world.progress)
        self.capped = world.capped
        self.wishes = _grouped(world.wishes, lambda wish: wish.task)
        self.unpushable = dict(world.unpushable)
        self._gone = world.gone

    def gone(self, number: int, title: str, *, at: datetime) -> Issue | None:
        """What is left of an issue that the forge no longer has: enough to clear up after it. It was not done."""
        if number not in self._gone:
            return None
        return Issue(
            number=number,
            id=0,
            title=title,
            body="",
            author="",
            url="",
            created_at=at,
            open=False,
            gone=True,
            dropped=True,
        )


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> Mapping[K, list[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _case(issue: Issue, claim: Claim | None, seen: _Seen) -> Case:
    if claim is None:
        return Case(issue=issue)
    task = claim.task
    runs = seen.runs.get(task.id, [])
    running = task.running
    current = {run.role: run for run in runs if running and run.attempt == running.number}
    run, check = current.get(Role.AGENT), current.get(Role.CHECK)
    pulls = [p for p in seen.pulls.get(task.id.short, []) if p.head.endswith(task.id.name)]
    helps = seen.helps.get(task.uuid, [])
    return Case(
        issue=issue,
        claim=claim,
        workspace=seen.workspaces.get(task.id),
        run=run,
        check=check,
        strays=tuple(stray for stray in runs if stray not in (run, check)),
        harvest=seen.harvests.get(task.id),
        verdict=seen.verdicts.get(run.name) if run else None,
        checked=seen.checks.get(check.name) if check else None,
        pull=max(pulls, key=lambda pull: pull.number, default=None),
        help=max(helps, key=lambda found: (found.round, found.number), default=None),
        progress=seen.progress.get(run.name) if run else None,
        cap=seen.capped.get(run.name) if run else None,
        wishes=tuple(seen.wishes.get(task.id, ())),
        unpushable=seen.unpushable.get(issue.number, ""),
    )

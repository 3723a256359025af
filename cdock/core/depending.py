"""What has to come before an issue: which of its forerunners are settled, and which may be built upon already."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from cdock.core.brief import Brief
from cdock.core.form import brief_of
from cdock.core.ids import TaskId
from cdock.core.issues import Issue
from cdock.core.task import Claim


class Stand(StrEnum):
    """How a forerunner stands."""

    SETTLED = "settled"  # closed: its work is where ours starts from
    FINISHED = "finished"  # of the same plan, done but not merged: its branch can be started from
    OPEN = "open"
    DROPPED = "dropped"  # closed as not planned: what it was to bring never comes
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Forerunner:
    """An issue that comes first; `task` is the work on it, where somebody holds it.

    `inherited` when it comes before the whole plan that the issue is a part of.
    """

    issue: int
    stand: Stand
    task: TaskId | None = None
    inherited: bool = False


def forerunners(
    brief: Brief, issues: Mapping[int, Issue], claims: Mapping[int, Claim]
) -> tuple[Forerunner, ...]:
    """How all that an issue depends on by its own text stands, and all that the plans around it depend on.

    The latter are left out while one of its own is not settled, for that comes after them itself.
    """
    own = tuple(_forerunner(number, brief.plan, issues, claims) for number in brief.depends)
    if any(one.stand is not Stand.SETTLED for one in own):
        return own
    return (*own, *_inherited(brief.plan, issues, claims))


def _inherited(plan: int, issues: Mapping[int, Issue], claims: Mapping[int, Claim]) -> Iterator[Forerunner]:
    passed: set[int] = set()
    while plan in issues and plan not in passed:
        passed.add(plan)
        claim = claims.get(plan)
        brief = claim.task.brief if claim else brief_of(issues[plan].body)
        for number in brief.depends:
            yield replace(_forerunner(number, brief.plan, issues, claims), inherited=True)
        plan = brief.plan


def _forerunner(
    number: int, plan: int, issues: Mapping[int, Issue], claims: Mapping[int, Claim]
) -> Forerunner:
    issue, claim = issues.get(number), claims.get(number)
    task = claim.task if claim else None
    if issue is None:
        return Forerunner(number, Stand.UNSEEN)
    if not issue.open:
        return Forerunner(number, Stand.DROPPED if issue.dropped else Stand.SETTLED)
    # Outside of plans nobody has said that unmerged work may be built upon.
    if task and plan and task.brief.plan == plan and not task.plans and finished(claim):
        return Forerunner(number, Stand.FINISHED, task.id)
    return Forerunner(number, Stand.OPEN, task.id if task else None)


def finished(claim: Claim | None) -> bool:
    """Whether the work under a claim is done as far as its agent and its acceptance commands can say."""
    return claim is not None and claim.task.succeeded


def in_the_way(found: tuple[Forerunner, ...]) -> tuple[Forerunner, ...]:
    """Those that keep an issue from being started."""
    return tuple(one for one in found if one.stand not in (Stand.SETTLED, Stand.FINISHED))


def built_upon(found: tuple[Forerunner, ...]) -> tuple[TaskId, ...]:
    """The tasks whose branches the work starts from, because they are done and not merged."""
    return tuple(one.task for one in found if one.stand is Stand.FINISHED and one.task)

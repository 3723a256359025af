"""What could be landed, and what would become of it."""

from collections.abc import Sequence
from typing import Any

from cdock.adapters.git.landing import Heads, LandingGround
from cdock.cli.tasks import find_tasks, read_mirror, task_id_of
from cdock.core.errors import Refused
from cdock.core.landing import Fate, Landing, Work, not_tried
from cdock.wiring import Site


def every_task(here: Site) -> list[dict[str, Any]]:
    """All tasks that the mirror knows, as they stand in it."""
    found: list[dict[str, Any]] = read_mirror(here.clone.state)["tasks"]
    return found


def chosen(every: list[dict[str, Any]], names: Sequence[str], plan: int | None) -> list[dict[str, Any]]:
    """The tasks that were named, or those of a plan, or else all in review.

    Raises:
        Refused: nothing here has such a name, or belongs to such a plan.
    """
    if names:
        return find_tasks(every, names)
    if plan is None:
        return [task for task in every if task["status"] == "in-review"]
    found = [task for task in every if plan in _plans_of(task, every) and not task.get("plans")]
    if not found:
        raise Refused(
            f"no task of the plan of #{plan} is known here",
            code="CD403",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="cdock status lists the tasks; the poller that works on the plan knows them",
        )
    return found


def _plans_of(task: dict[str, Any], every: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The plans that a task belongs to, from the inside out: their numbers, with what is known here of them."""
    known = {one["github"]["issue_number"]: one for one in every}
    found: dict[int, dict[str, Any]] = {}
    plan = (task.get("brief") or {}).get("plan")
    while plan and plan not in found:
        found[plan] = known.get(plan, {})
        plan = (found[plan].get("brief") or {}).get("plan")
    return found


def _depends(task: dict[str, Any], every: list[dict[str, Any]]) -> tuple[int, ...]:
    """The issues that come before a task, or before a plan that it is in."""
    around = (task, *_plans_of(task, every).values())
    return tuple(
        dict.fromkeys(number for one in around for number in (one.get("brief") or {}).get("depends", ()))
    )


def on_forge(
    tasks: list[dict[str, Any]],
    *,
    every: list[dict[str, Any]],
    ground: LandingGround,
    heads: Heads,
) -> list[Work]:
    """The tasks with what their branches are on the forge now."""
    works = []
    for task in tasks:
        tip = heads.tips.get(task["branch"], "")
        works.append(
            Work(
                issue=task["github"]["issue_number"],
                title=str(task.get("title", "")),
                task=task_id_of(task),
                branch=task["branch"],
                status=task["status"],
                depends=_depends(task, every),
                onto=str(task.get("onto") or ""),
                tip=tip,
                ahead=ground.ahead(tip, of=heads.commit) if tip else 0,
            )
        )
    return works


def expected(works: Sequence[Work], *, method: str, unsettled: set[int]) -> list[Landing]:
    """What becomes of each, if all that is tried lands."""
    done: list[Landing] = []
    for work in works:
        kept = not_tried(work, done, method=method, unsettled=unsettled)
        done.append(kept or Landing(work, Fate.LANDED))
    return done

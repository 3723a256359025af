"""Changes of a plan by hand, while it is talked about. Pure: each gives another plan, or says why there is none."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cdock.core.errors import Misconfigured
from cdock.core.planning.document import Plan, PlanTask, problems_of, staged


def places_of(plan: Plan) -> Mapping[str, int]:
    """The number of each task, by key, in the order in which the plan is shown."""
    return {task.key: number for number, task in enumerate(staged(plan).every(), start=1)}


def named(plan: Plan, name: str) -> PlanTask:
    """The task that a person means: by its number in what is shown, or by its id.

    Raises:
        Misconfigured: there is none.
    """
    places = places_of(plan)
    wanted = name.strip().removesuffix(".").casefold()
    # An id may be a number, too; what is shown in front of a task is what a person reads first.
    by_place = (key for key, place in places.items() if wanted == str(place))
    by_key = (key for key in places if key.casefold() == wanted)
    key = next(by_place, None) or next(by_key, None)
    found = plan.task(key) if key else None
    if found is None:
        close = difflib.get_close_matches(wanted, places, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise Misconfigured(
            f"the plan has no task {name.strip()!r}{hint}",
            code="CD496",
            fix="name it by the number in front of it, or by its id: `/show`",
        )
    return found


def dropped(plan: Plan, tasks: Sequence[PlanTask]) -> Plan:
    """The plan without these tasks. What came after one of them comes after what that one came after.

    Raises:
        Misconfigured: nothing would be left.
    """
    gone = {task.key: task.after for task in tasks}
    return _checked(replace(plan, tasks=_without(plan.tasks, gone)), plan)


def _without(tasks: tuple[PlanTask, ...], gone: Mapping[str, tuple[str, ...]]) -> tuple[PlanTask, ...]:
    def before(keys: tuple[str, ...]) -> list[str]:
        return [one for key in keys for one in (before(gone[key]) if key in gone else [key])]

    left = []
    for task in tasks:
        if task.key in gone:
            continue
        inner = _without(task.tasks, gone)
        left.append(replace(task, after=tuple(dict.fromkeys(before(task.after))), tasks=inner))
    return tuple(left)


def ordered(plan: Plan, groups: Sequence[Sequence[PlanTask]]) -> Plan:
    """The plan with these groups of tasks one after the other; the tasks of a group may run side by side.

    What else they depend on stays as it is. Their stages, and those of what follows them, are worked out again.

    Raises:
        Misconfigured: they are not of one level, one is named twice, or others come in between.
    """
    keys = [task.key for group in groups for task in group]
    level = next((tasks for tasks in _levels(plan.tasks) if {task.key for task in tasks} >= set(keys)), None)
    if level is None or len(set(keys)) != len(keys):
        why = "they belong to different plans" if level is None else "one of them is named twice"
        raise Misconfigured(
            f"these tasks cannot be put in order: {why}",
            code="CD496",
            fix="name each once, as in `/order 1 2,3 4`: 2 and 3 side by side after 1, then 4",
        )
    after: dict[str, tuple[str, ...]] = {}
    former: Sequence[PlanTask] = ()
    for group in groups:
        after |= {task.key: tuple(one.key for one in former) for task in group}
        former = group

    def moved(task: PlanTask) -> PlanTask:
        if task.key not in after:
            return replace(task, tasks=tuple(map(moved, task.tasks)))
        others = [key for key in task.after if key not in after]
        return replace(task, after=(*others, *after[task.key]), stage=0, group="")

    return _checked(replace(plan, tasks=tuple(map(moved, plan.tasks))), plan)


def _levels(tasks: tuple[PlanTask, ...]) -> list[tuple[PlanTask, ...]]:
    return [tasks, *(level for task in tasks if task.tasks for level in _levels(task.tasks))]


def rewritten(plan: Plan, task: PlanTask, by: Plan) -> Plan:
    """The plan with `task` as it stands in the document `by`, perhaps as several; whoever waited for it waits for all.

    Raises:
        Misconfigured: the plan would be none.
    """
    names = [one.key for one in by.tasks]
    # In its own document it had nobody to wait for.
    new = [replace(one, after=(*task.after, *one.after)) for one in by.tasks]

    def put(tasks: tuple[PlanTask, ...]) -> tuple[PlanTask, ...]:
        found: list[PlanTask] = []
        for one in tasks:
            if one.key == task.key:
                found += new
                continue
            after = [key for name in one.after for key in (names if name == task.key else [name])]
            found.append(replace(one, after=tuple(dict.fromkeys(after)), tasks=put(one.tasks)))
        return tuple(found)

    return _checked(replace(plan, tasks=put(plan.tasks)), plan)


def alone(plan: Plan, task: PlanTask) -> Plan:
    """A plan that holds this task only, for its document."""
    return Plan(plan.title, tasks=(replace(task, after=(), stage=0, group=""),))


def _checked(plan: Plan, before: Plan) -> Plan:
    if wrong := problems_of(plan):
        raise Misconfigured(
            f"that is no plan any more: {wrong[0].why}",
            code="CD496",
            tried=f"changing {before.title}",
            fix="change something else with it, or say to the agent what you want",
        )
    return staged(plan)

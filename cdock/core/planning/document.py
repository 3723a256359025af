"""A plan: a goal and the tasks it was broken down into, as frozen values; and what makes one impossible.

A task may be a plan itself: then it has tasks of its own, and is done when they are. Keys are unique in the whole
document; a task comes after others of its own level only.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cdock.core.planning.graph import find_cycle

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
"""What a key may be: it names the task in the document, in commands and in markers."""
TITLE_LIMIT = 250
TASKS = 100
"""Tasks of one level: GitHub's limit of sub-issues."""
DEPTH = 4
"""Plans inside one another."""
AFTER = 50
"""Tasks that one comes after: GitHub's limit of dependencies."""
LINES = 50
"""Acceptance commands, and globs, of one task."""


@dataclass(frozen=True)
class PlanTask:
    """One piece of work, for one agent and one pull request.

    `after` are the keys of the tasks it depends on, `stage` counts from 1 (0: worked out from these), tasks of one
    `group` share a stage. `files` are globs of what it changes, `acceptance` are shell commands for its container.
    Empty or 0 means as configured; `max_cost` is in US dollars.
    """

    key: str
    title: str
    description: str = ""
    after: tuple[str, ...] = ()
    stage: int = 0
    group: str = ""
    files: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    agent: str = ""
    model: str = ""
    max_turns: int = 0
    max_cost: float = 0.0
    tasks: tuple["PlanTask", ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is to be reached, and how it was broken down."""

    title: str
    goal: str = ""
    tasks: tuple[PlanTask, ...] = ()

    def every(self) -> Iterator[PlanTask]:
        """All tasks, those of nested plans behind the one that they belong to."""
        for task in self.tasks:
            yield from _every(task)

    def task(self, key: str) -> PlanTask | None:
        """The task with this key."""
        return next((task for task in self.every() if task.key == key), None)


def _every(task: PlanTask) -> Iterator[PlanTask]:
    yield task
    for inner in task.tasks:
        yield from _every(inner)


@dataclass(frozen=True)
class Problem:
    """Why a document is no plan: where (`("tasks", 2, "after", 0)`), and a sentence for people."""

    where: tuple[str | int, ...]
    why: str


def problems_of(plan: Plan) -> tuple[Problem, ...]:
    """All that makes the plan impossible; empty when it can be carried out."""
    found = [] if plan.title.strip() else [Problem(("title",), "the plan has no title")]
    if not plan.tasks:
        found.append(Problem(("tasks",), "the plan has no tasks"))
    keys: dict[str, tuple[str | int, ...]] = {}
    return (*found, *_of_level(plan.tasks, ("tasks",), keys, depth=1))


def _of_level(
    tasks: tuple[PlanTask, ...],
    where: tuple[str | int, ...],
    keys: dict[str, tuple[str | int, ...]],
    *,
    depth: int,
) -> Iterator[Problem]:
    if len(tasks) > TASKS:
        # What else is wrong takes far too long to find among many thousands.
        yield Problem(where, f"there are {len(tasks)} tasks on one level, and GitHub takes {TASKS}")
        return
    if depth > DEPTH:
        yield Problem(where, f"plans are nested more than {DEPTH} deep")
        return
    here = {task.key for task in tasks}
    for number, task in enumerate(tasks):
        yield from _of_task(task, (*where, number), keys, here)
    order = [(task.key, task.after) for task in tasks]
    if cycle := find_cycle(order):
        yield Problem(where, f"tasks wait for one another: {' → '.join(cycle)}")
    elif cycle := find_cycle([*_grouped(tasks)]):
        yield Problem(where, f"tasks of one group cannot wait for one another: {' → '.join(cycle)}")
    else:
        yield from _of_stages(tasks, where)
    for number, task in enumerate(tasks):
        if task.tasks:
            yield from _of_level(task.tasks, (*where, number, "tasks"), keys, depth=depth + 1)


def _of_task(
    task: PlanTask, where: tuple[str | int, ...], keys: dict[str, tuple[str | int, ...]], here: set[str]
) -> Iterator[Problem]:
    if not KEY.fullmatch(task.key):
        yield Problem(
            (*where, "id"), f"{task.key!r} cannot be an id: 1 to 60 letters, digits, `.`, `_` and `-` are"
        )
    elif task.key.casefold() in keys:
        yield Problem((*where, "id"), f"the id {task.key!r} is there twice")
    keys.setdefault(task.key.casefold(), where)
    if not task.title.strip():
        yield Problem((*where, "name"), f"task {task.key!r} has no name")
    elif len(task.title) > TITLE_LIMIT:
        yield Problem((*where, "name"), f"the name of {task.key!r} is longer than {TITLE_LIMIT} characters")
    if len(task.after) > AFTER:
        yield Problem((*where, "dependencies"), f"{task.key!r} depends on more than {AFTER} tasks")
    for number, key in enumerate(task.after):
        if key not in here:
            yield Problem(
                (*where, "dependencies", number), f"{task.key!r} depends on {key!r}, which is not there"
            )
    for name, lines in (("acceptance", task.acceptance), ("files", task.files)):
        if len(lines) > LINES:
            yield Problem((*where, name), f"{task.key!r} has more than {LINES} {name}")
        for number, line in enumerate(lines):
            if not line.strip() or "\n" in line or "\0" in line or len(line) > 500:
                yield Problem((*where, name, number), "each is one line of 1 to 500 characters")
            elif "<!--" in line:
                # It would hide what stands below it in the issue, and count as something else than what was meant.
                yield Problem((*where, name, number), "`<!--` cannot stand in an issue: put it into a script")
    if task.stage < 0 or task.max_turns < 0 or not 0 <= task.max_cost < math.inf:
        yield Problem(where, f"stage and limits of {task.key!r} are numbers from 0 on")


def _of_stages(tasks: tuple[PlanTask, ...], where: tuple[str | int, ...]) -> Iterator[Problem]:
    stages = levels(tasks)
    for number, task in enumerate(tasks):
        if task.stage and task.stage < stages[task.key]:
            yield Problem(
                (*where, number, "stage"),
                f"{task.key!r} is in stage {task.stage}, but what it depends on is in stage {stages[task.key]}",
            )


def _grouped(tasks: tuple[PlanTask, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The graph in which a group is one node, named by its first task; groups of one stage number need no more."""
    first: dict[str, str] = {}
    for task in tasks:
        first.setdefault(task.group or f"\0{task.key}", task.key)
    node = {task.key: first[task.group or f"\0{task.key}"] for task in tasks}
    edges: dict[str, list[str]] = {}
    for task in tasks:
        edges.setdefault(node[task.key], []).extend(node[key] for key in task.after if key in node)
    for key, after in edges.items():
        yield key, tuple(after)


def levels(tasks: tuple[PlanTask, ...]) -> dict[str, int]:
    """The stage of each task of one level: what was said, and at least the one that its dependencies ask for.

    A task without a stage of its own comes in the stage after those it depends on; with one it may share theirs. The
    plan has no cycles.
    """
    found: dict[str, int] = {task.key: task.stage or 1 for task in tasks}
    groups: dict[str, list[str]] = {}
    for task in tasks:
        if task.group:
            groups.setdefault(task.group, []).append(task.key)
    while True:
        before = dict(found)
        for task in tasks:
            own = 0 if task.stage else 1
            least = max((found[key] + own for key in task.after if key in found), default=1)
            found[task.key] = max(found[task.key], least)
        for keys in groups.values():
            top = max(found[key] for key in keys)
            found.update(dict.fromkeys(keys, top))
        if found == before:
            return found


def staged(plan: Plan) -> Plan:
    """The plan with every stage said, without gaps, each level in the order of its stages."""
    return replace(plan, tasks=_staged(plan.tasks))


def _staged(tasks: tuple[PlanTask, ...]) -> tuple[PlanTask, ...]:
    found = levels(tasks)
    rank = {stage: number for number, stage in enumerate(sorted(set(found.values())), start=1)}
    said = [replace(task, stage=rank[found[task.key]], tasks=_staged(task.tasks)) for task in tasks]
    return tuple(sorted(said, key=lambda task: task.stage))

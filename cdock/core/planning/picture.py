"""What every picture of a plan shows: its stages in order, and the dependencies that others do not imply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdock.core.planning.document import Plan, PlanTask, staged
from cdock.core.planning.graph import in_order
from cdock.core.quoting import seen


@dataclass(frozen=True)
class Picture:
    """Stages with their tasks; `edges` are pairs of keys, what comes first and what depends on it."""

    stages: Mapping[int, tuple[PlanTask, ...]]
    edges: tuple[tuple[str, str], ...]


def picture_of(plan: Plan) -> Picture:
    """The outermost tasks of a plan that can be carried out; a nested plan has a picture of its own."""
    tasks = staged(plan).tasks
    stages: dict[int, list[PlanTask]] = {}
    for task in tasks:
        stages.setdefault(task.stage, []).append(task)
    needed = reduced({task.key: task.after for task in tasks})
    return Picture(
        {number: tuple(inside) for number, inside in stages.items()},
        tuple((before, key) for key, after in needed.items() for before in after),
    )


def reduced(edges: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The same order with as few edges as possible. Names that are no keys are left out; there is no cycle."""
    before: dict[str, frozenset[str]] = {}
    needed: dict[str, tuple[str, ...]] = {}
    for key in in_order(edges):
        after = tuple(dict.fromkeys(name for name in edges[key] if name in edges))
        implied = frozenset[str]().union(*(before[name] for name in after))
        needed[key] = tuple(name for name in after if name not in implied)
        before[key] = implied.union(after)
    return {key: needed[key] for key in edges}


def title_line(task: PlanTask, *, number: int = 0) -> str:
    """What a task is called in a picture: the number of its issue, its title, and how many tasks it has inside."""
    title = " ".join(seen(task.title).split()) or task.key
    inside = sum(1 for _ in Plan("", tasks=task.tasks).every())
    return (f"#{number} " if number else "") + title + (f" ({inside} tasks)" if inside else "")

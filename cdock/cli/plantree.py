"""A plan in a terminal: a tree of its stages, with what each task waits for, changes and has to pass."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cdock.cli.console import LOOKS, clean
from cdock.core.planning.document import Plan, PlanTask, staged

if TYPE_CHECKING:
    from rich.tree import Tree


def tree_of(
    plan: Plan,
    *,
    states: Mapping[str, str] | None = None,
    numbers: Mapping[str, int],
    places: Mapping[str, int] | None = None,
) -> "Tree":
    """The tree of a plan that can be carried out; `states` are those of the mirror, by key.

    `places` are numbers by which a person can name the tasks, by key as well.
    """
    from rich.text import Text
    from rich.tree import Tree

    number = numbers.get("", 0)
    root = Tree(Text(f"#{number} " if number else "") + Text(clean(plan.title), style="bold"))
    _grow(root, staged(plan).tasks, states or {}, numbers, places or {})
    return root


def _grow(
    tree: "Tree",
    tasks: tuple[PlanTask, ...],
    states: Mapping[str, str],
    numbers: Mapping[str, int],
    places: Mapping[str, int],
) -> None:
    from rich.text import Text

    stage, branch = 0, tree
    for task in tasks:
        if task.stage != stage:
            stage = task.stage
            branch = tree.add(Text(f"Stage {stage}", style="cyan"))
        state = states.get(task.key, "")
        glyph, style = LOOKS.get(state, ("", ""))
        line = Text()
        line.append(f"{places[task.key]}. " if task.key in places else "")
        line.append(f"{glyph} {state}  " if state else "", style=style)
        line.append(f"#{numbers[task.key]} " if task.key in numbers else "")
        line.append(clean(task.title))
        line.append(f"  {task.key}", style="dim")
        leaf = branch.add(line)
        for name, words in _details(task):
            leaf.add(Text(f"{name} {clean(words)}", style="dim"))
        if task.tasks:
            _grow(leaf, task.tasks, states, numbers, places)


def _details(task: PlanTask) -> list[tuple[str, str]]:
    limits = [f"{task.max_turns} turns"] if task.max_turns else []
    limits += [f"${task.max_cost:g}"] if task.max_cost else []
    by = " ".join(part for part in (task.agent, task.model) if part)
    details = [
        ("after", ", ".join(task.after)),
        ("changes", ", ".join(task.files)),
        *(("passes", command) for command in task.acceptance),
        ("by", by),
        ("at most", ", ".join(limits)),
    ]
    return [(name, words) for name, words in details if words]

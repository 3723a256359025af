"""A plan becomes a document that people can edit, and that `read_plan` reads as the same plan again."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import yaml

from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.markdown import document_of
from cdock.core.planning.reading import VERSION

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
# Words that some reader of YAML takes for something else.
_TAKEN = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_WHOLE_LINES = re.compile(r"(?:[!-~\u00a1-\ud7ff](?:[ -~\u00a1-\ud7ff]*[!-~\u00a1-\ud7ff])?\n|\n)+")
_FENCE = re.compile(r"`{3,}")


class _Dumper(yaml.SafeDumper):
    """Writes ids plainly, lines of words as a block, and all other text in quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists stand inside of their key, as people write them."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        """Nothing is said by reference."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style: str | None = '"'
    if _PLAIN.fullmatch(text) and text.lower() not in _TAKEN:
        style = None
    elif "\n" in text and not text.startswith("\n") and _WHOLE_LINES.fullmatch(text.rstrip("\n") + "\n"):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _amount(dumper: _Dumper, amount: float) -> yaml.ScalarNode:
    digits = format(Decimal(repr(amount)), "f").removesuffix(".0")
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in digits else 'int'}", digits)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _amount)


def write_plan(plan: Plan) -> str:
    """The document of a plan: its title and goal in Markdown, or in the YAML where Markdown would change them."""
    tasks = [fields_of(task) for task in plan.tasks]
    plainly = _document(plan, {"tasks": tasks})
    found = document_of(plainly)
    if not found.faults and (found.title, found.goal) == (plan.title, plan.goal):
        return plainly
    said = {"title": plan.title, "goal": plan.goal, "tasks": tasks}
    return _document(Plan("Plan"), said)


def _document(plan: Plan, fields: Mapping[str, object]) -> str:
    text = yaml.dump(
        {"cdock": {"version": VERSION, **fields}},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000,
    )
    # Words of a task may hold fences themselves.
    fence = "`" * max(3, 1 + max((len(run) for run in _FENCE.findall(text)), default=0))
    parts = [f"# {plan.title}", f"{fence}yaml\n{text}{fence}"]
    if plan.goal:
        parts.insert(1, f"## Overview\n\n{plan.goal}")
    return "\n\n".join(parts) + "\n"


def fields_of(task: PlanTask) -> dict[str, object]:
    """What the document says of a task, by key; what is left to be configured is left out."""
    return {"id": task.key, "name": task.title, **dict(_optional(task))}


def _optional(task: PlanTask) -> Iterator[tuple[str, object]]:
    """What is said beside the id and the name."""
    fields: dict[str, object] = {
        "description": task.description,
        "after": list(task.after),
        "stage": task.stage,
        "group": task.group,
        "files": list(task.files),
        "acceptance": list(task.acceptance),
        "agent": task.agent,
        "model": task.model,
        "max_turns": task.max_turns,
        "max_cost": task.max_cost,
        "tasks": [fields_of(inner) for inner in task.tasks],
    }
    return ((name, value) for name, value in fields.items() if value)

"""A plan document becomes a plan: Markdown with a block of YAML, in our format or in Flux's.

Reading is strict, and all that is wrong is told at once: each fault with its line and column and what is wanted there.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from cdock.core.planning.document import DEPTH, Plan, PlanTask, Problem, problems_of
from cdock.core.planning.faults import Fault, Place, Unreadable, nearest
from cdock.core.planning.markdown import Block, Dialect, document_of
from cdock.core.planning.yamltree import Faulty, Node, Shape, tree_of

SIZE_LIMIT = 256 * 1024
"""Characters of a document; a hundred tasks with a page of words each."""
TEXT_LIMIT = 30_000
"""Characters of one text: with all that stands around it, it has to fit into an issue."""
VERSION = 1

_AMOUNT = re.compile(r"[0-9]{1,308}(?:\.[0-9]{1,340})?")

Where = tuple[str | int, ...]
T = TypeVar("T")

_FIELDS: Mapping[Dialect, Mapping[str, str]] = {
    Dialect.OURS: {
        "id": "id",
        "name": "name",
        "description": "description",
        "after": "dependencies",
        "dependencies": "dependencies",
        "stage": "stage",
        "group": "group",
        "files": "files",
        "acceptance": "acceptance",
        "agent": "agent",
        "model": "model",
        "max_turns": "max_turns",
        "max_cost": "max_cost",
        "tasks": "tasks",
    },
    Dialect.FLUX: {
        "id": "id",
        "name": "name",
        "description": "description",
        "dependencies": "dependencies",
        "parallel_group": "group",
        "acceptance": "acceptance",
        "files": "files",
    },
}
"""What each key of a task is called in `Problem.where`."""
_OUTER: Mapping[Dialect, Mapping[str, str]] = {
    Dialect.OURS: {"version": "version", "title": "title", "goal": "goal", "tasks": "tasks"},
    Dialect.FLUX: {"version": "version", "stages": "tasks"},
}


def read_plan(text: str, *, name: str = "the document") -> Plan:
    """The plan in `text`, as it was written: stages that were not said are 0. `name` is for messages.

    Raises:
        Unreadable: it is no plan, or one that cannot be carried out.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > SIZE_LIMIT:
        raise unreadable([Fault(Place(1), f"it has more than {SIZE_LIMIT:,} characters")], text="", name=name)
    document = document_of(text)
    faults = list(document.faults)
    if document.block is None:
        raise unreadable(faults, text=text, name=name)
    try:
        root = tree_of(document.block.yaml)
    except Faulty as error:
        fault = error.fault
        raise unreadable(
            [*faults, Fault(document.block.place(fault.place), fault.why, fault.wanted)], text=text, name=name
        ) from error
    reader = _Reader(document.block, document.title, document.goal)
    plan = reader.plan(root)
    faults += reader.all_faults(plan)
    if faults:
        raise unreadable(faults, text=text, name=name)
    return plan


def unreadable(faults: list[Fault], *, text: str, name: str) -> Unreadable:
    """The error for a plan document."""
    return Unreadable(faults, text=text, name=name, what="plan", code="CD470")


class _Reader:
    """Reads one block; what is wrong is noted, and something harmless stands in for it until the end."""

    def __init__(self, block: Block, title: str, goal: str) -> None:
        self._block = block
        self._title, self._goal = title, goal
        self._fields = _FIELDS[block.dialect]
        self._faults: dict[Where, Fault] = {}
        self._nodes: dict[Where, Node] = {}

    def all_faults(self, plan: Plan) -> list[Fault]:
        """What was noted, and what makes the plan impossible as far as that does not follow from it."""
        faults = list(self._faults.values())
        for problem in problems_of(plan):
            if not any(problem.where[: len(where)] == where for where in self._faults):
                node = self._nearest(problem.where)
                faults.append(Fault(self._block.place(node.place), problem.why, self._wanted(problem, plan)))
        return faults

    def _nearest(self, where: Where) -> Node:
        while where not in self._nodes:
            where = where[:-1]
        return self._nodes[where]

    def _wanted(self, problem: Problem, plan: Plan) -> str:
        if len(problem.where) < 2 or problem.where[-2] != "dependencies":
            return ""
        return nearest(self._nearest(problem.where).text, [task.key for task in plan.every()])

    def _note(self, where: Where, node: Node, why: str, wanted: str = "") -> None:
        self._faults.setdefault(where, Fault(self._block.place(node.place), why, wanted))

    def plan(self, root: Node | None) -> Plan:
        """The plan, as far as it can be read."""
        outer = self._block.dialect.value
        top = root or Node(Place(1), Shape.NOTHING)
        self._nodes[()] = top
        inner = self._map(top, (), {outer: outer}).get(outer)
        if inner is None:
            if not self._faults:
                self._note((), top, f"the key {outer!r} is missing")
            return Plan(self._title, self._goal)
        self._nodes[()] = inner
        if not self._is(inner, Shape.MAP, ()):
            return Plan(self._title, self._goal)
        fields = self._map(inner, (), _OUTER[self._block.dialect])
        self._version(fields.get("version"), inner)
        title = self._optional(fields, "title", (), self._text, self._title)
        goal = self._optional(fields, "goal", (), self._text, self._goal)
        if "title" not in fields and not title.strip():
            wanted = "write it as the first heading" + (
                ", or as `title:`" if self._block.dialect is Dialect.OURS else ""
            )
            self._note(("title",), inner, "the plan has no title", wanted)
        tasks: tuple[PlanTask, ...] = ()
        if "tasks" in fields:
            tasks = self._tasks(fields["tasks"], ("tasks",), depth=1)
        else:
            called = next(key for key, name in _OUTER[self._block.dialect].items() if name == "tasks")
            self._note(("tasks",), inner, f"the key {called!r} is missing")
        return Plan(title, goal, tasks)

    def _version(self, node: Node | None, outer: Node) -> None:
        if node is None:
            self._note(("version",), outer, "the key 'version' is missing", f"`version: {VERSION}` is wanted")
        elif node.shape is not Shape.NUMBER or node.text != str(VERSION):
            self._note(
                ("version",), node, f"version {node.text!r} is not known", f"`version: {VERSION}` is wanted"
            )

    def _tasks(self, node: Node, where: Where, *, depth: int) -> tuple[PlanTask, ...]:
        if not self._is(node, Shape.LIST, where):
            return ()
        if depth > DEPTH:
            self._note(where, node, f"plans are nested more than {DEPTH} deep")
            return ()
        return tuple(self._task(item, (*where, n), depth=depth) for n, item in enumerate(node.items))

    def _task(self, node: Node, where: Where, *, depth: int) -> PlanTask:
        # Unlike any real key, so that nothing is taken for its twin.
        stand_in = "x" + "-".join(str(part) for part in where if isinstance(part, int)) + "-without-id"
        if not self._is(node, Shape.MAP, where):
            return PlanTask(stand_in, "?")
        fields = self._map(node, where, self._fields)
        for name in ("id", "name"):
            if name not in fields:
                self._note((*where, name), node, f"this task has no {name!r}")
        key = self._optional(fields, "id", where, self._text, stand_in)
        return PlanTask(
            key=key,
            title=self._optional(fields, "name", where, self._text, "?"),
            description=self._optional(fields, "description", where, self._text, ""),
            after=self._optional(fields, "dependencies", where, self._texts, ()),
            stage=self._optional(fields, "stage", where, self._whole, 0),
            group=self._optional(fields, "group", where, self._text, ""),
            files=self._optional(fields, "files", where, self._texts, ()),
            acceptance=self._optional(fields, "acceptance", where, self._texts, ()),
            agent=self._optional(fields, "agent", where, self._text, ""),
            model=self._optional(fields, "model", where, self._text, ""),
            max_turns=self._optional(fields, "max_turns", where, self._whole, 0),
            max_cost=self._optional(fields, "max_cost", where, self._amount, 0.0),
            tasks=self._optional(fields, "tasks", where, lambda n, w: self._tasks(n, w, depth=depth + 1), ()),
        )

    def _optional(
        self, fields: Mapping[str, Node], name: str, where: Where, read: Callable[[Node, Where], T], absent: T
    ) -> T:
        return read(fields[name], (*where, name)) if name in fields else absent

    def _map(self, node: Node, where: Where, known: Mapping[str, str]) -> dict[str, Node]:
        """The values by the names of their keys; `known` are keys with their names."""
        if not self._is(node, Shape.MAP, where):
            return {}
        found: dict[str, Node] = {}
        for number, (key, value) in enumerate(node.pairs):
            here = (*where, "", number)
            name = known.get(key.text) if key.shape is Shape.TEXT else None
            if name is None:
                told = repr(key.text) if key.text else key.shape.value
                keys = ", ".join(known)
                self._note(
                    here, key, f"{told} is no key here", nearest(key.text, known) or f"known are {keys}"
                )
            elif name in found:
                self._note(here, key, f"{key.text!r} is there twice", "keep one of them")
            else:
                found[name] = value
                self._nodes[(*where, name)] = value
        return found

    def _is(self, node: Node, shape: Shape, where: Where) -> bool:
        self._nodes.setdefault(where, node)
        if node.shape is not shape:
            self._note(where, node, f"this is {node.shape.value}", f"{shape.value} is wanted")
        return node.shape is shape

    def _text(self, node: Node, where: Where) -> str:
        if node.shape in (Shape.NUMBER, Shape.TRUTH):
            self._note(where, node, f"this is {node.shape.value}", f'text is wanted: "{node.text}"')
        elif node.shape is Shape.NOTHING:
            self._note(where, node, "nothing is said here", "say it, or leave the key out")
        elif self._is(node, Shape.TEXT, where) and len(node.text) > TEXT_LIMIT:
            self._note(where, node, f"this text has more than {TEXT_LIMIT:,} characters")
        # What is no text was noted; a key that is a number still tells which task is meant.
        return node.text if node.shape is Shape.TEXT or node.text else "?"

    def _texts(self, node: Node, where: Where) -> tuple[str, ...]:
        if not self._is(node, Shape.LIST, where):
            return ()
        for number, item in enumerate(node.items):
            self._nodes[(*where, number)] = item
        return tuple(self._text(item, (*where, number)) for number, item in enumerate(node.items))

    def _whole(self, node: Node, where: Where) -> int:
        if node.shape is not Shape.NUMBER or not re.fullmatch(r"[0-9]{1,6}", node.text):
            self._note(where, node, f"{node.text!r} is no whole number", "one from 0 to 999999 is wanted")
            return 0
        return int(node.text)

    def _amount(self, node: Node, where: Where) -> float:
        if node.shape is not Shape.NUMBER or not _AMOUNT.fullmatch(node.text):
            self._note(where, node, f"{node.text!r} is no amount", "US dollars such as 2.5 are wanted")
            return 0.0
        return float(node.text)

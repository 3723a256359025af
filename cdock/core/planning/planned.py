"""The note on a plan's issue that says what it was broken down into: text out and in.

It is the last thing that publishing writes, so a plan with it is whole. People see a list of issues; what cdock reads
stands in a hidden line below, and counts only in a comment of our own account.
"""

import json
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cdock.core import messages, quoting
from cdock.core.issues import Comment
from cdock.core.marker import Marker, parse_marker
from cdock.core.planning.document import AFTER, KEY, TASKS, TITLE_LIMIT
from cdock.core.planning.graph import find_cycle

MARKER = Marker("planned", {})
"""The first line of the note; an issue has one of them."""
LIMIT = 65_536
"""Characters of a comment that GitHub takes."""

_OPEN, _CLOSE = "<!-- cdock-plan ", " -->"
_TITLES = (TITLE_LIMIT, 120, 60, 30, 10)
"""Characters of each title, the first that makes the note short enough; the issues have them whole."""


@dataclass(frozen=True)
class PlannedTask:
    """A task of a published plan and its issue. A `nested` one is a plan itself, with a note of its own."""

    key: str
    number: int
    stage: int
    after: tuple[str, ...] = ()
    title: str = ""
    nested: bool = False


@dataclass(frozen=True)
class Planned:
    """The tasks of one level of a plan, in the order of their stages."""

    tasks: tuple[PlannedTask, ...]


class _Task(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    key: Annotated[str, StringConstraints(pattern=f"^{KEY.pattern}$")]
    number: int = Field(ge=1, le=999_999_999)
    stage: int = Field(ge=1, le=9_999)
    after: tuple[int, ...] = Field(default=(), max_length=AFTER)
    """Places in the list: as keys they could be longer than a comment."""
    title: str = Field(default="", max_length=TITLE_LIMIT)
    nested: bool = False


class _Note(BaseModel):
    """Unknown fields are left out on reading: a newer cdock may have added them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    version: Literal[1]
    tasks: tuple[_Task, ...] = Field(min_length=1, max_length=TASKS)


def planned_note(planned: Planned) -> str:
    """The comment that says so. Its `tasks` are those of a plan without `problems_of` it."""
    stages = len({task.stage for task in planned.tasks})
    shown = [f"This plan is {_count(len(planned.tasks), 'task')} in {_count(stages, 'stage')}."]
    for stage, tasks in groupby(planned.tasks, key=lambda task: task.stage):
        shown.append("\n".join((f"**Stage {stage}**", "", *(f"- #{task.number}" for task in tasks))))
    shown.append("What is to be done stands in these issues, and is changed there; this list is not read.")
    head = "\n\n".join((f"{MARKER}\n{shown[0]}", *shown[1:]))
    for length in _TITLES:
        text = f"{head}\n\n{_OPEN}{_dump(planned, length)}{_CLOSE}\n"
        if len(text) <= LIMIT:
            break
    return text


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _dump(planned: Planned, length: int) -> str:
    place = {task.key: number for number, task in enumerate(planned.tasks)}
    tasks = [
        {
            "key": task.key,
            "number": task.number,
            "stage": task.stage,
            **({"after": [place[key] for key in task.after]} if task.after else {}),
            "title": _cut(" ".join(quoting.seen(task.title).split()), length),
            **({"nested": True} if task.nested else {}),
        }
        for task in planned.tasks
    ]
    text = json.dumps({"version": 1, "tasks": tasks}, ensure_ascii=False, separators=(",", ":"))
    # Nothing in it may end the comment that hides it.
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _cut(title: str, length: int) -> str:
    return title if len(title) <= length else title[: length - 1].rstrip() + "…"


def planned_of(comment: Comment) -> Planned | None:
    """What the comment says a plan was broken down into; None when it is no whole and sound note of ours."""
    marker = parse_marker(comment.body) if messages.is_ours(comment) else None
    if marker is None or marker.kind != MARKER.kind or len(comment.body) > LIMIT:
        return None
    lines = [line.strip() for line in comment.body.splitlines()]
    hidden = [line for line in lines if line.startswith(_OPEN) and line.endswith(_CLOSE)]
    if len(hidden) != 1:
        return None
    try:
        note = _Note.model_validate_json(hidden[0].removeprefix(_OPEN).removesuffix(_CLOSE))
    except ValidationError:
        return None
    return _sound(note)


def _sound(note: _Note) -> Planned | None:
    """The note's tasks, unless one is there twice, or they come after what is not there or after one another."""
    every = note.tasks
    if len({task.key.casefold() for task in every}) < len(every) or len(
        {task.number for task in every}
    ) < len(every):
        return None
    if any(not 0 <= place < len(every) for task in every for place in task.after):
        return None
    tasks = tuple(
        PlannedTask(
            key=task.key,
            number=task.number,
            stage=task.stage,
            after=tuple(every[place].key for place in task.after),
            title=task.title,
            nested=task.nested,
        )
        for task in every
    )
    return None if find_cycle([(task.key, task.after) for task in tasks]) else Planned(tasks)

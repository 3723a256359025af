"""A list of tasks, one JSON object in each line, as Flocks reads them; each becomes an issue.

Reading is strict, and all that is wrong is told at once, by line.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from cdock.core.form import GOAL, WORKTREE
from cdock.core.outbox import Entry, new_issue
from cdock.core.planning.document import KEY, TITLE_LIMIT
from cdock.core.planning.faults import Fault, Place, Unreadable, nearest

TASKS = 500
"""Tasks of one list; more are no list that anybody wrote or reads."""
TEXT_LIMIT = 30_000
"""Characters of a prompt or a description."""
LISTED = UUID("5e0f6a0e-6c0f-4b6b-9d7b-0c7b8b6f6d11")
"""What stands for tasks from lists."""

_KEYS = ("id", "branch", "prompt", "title", "description")
_NEEDED = ("id", "branch", "prompt")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")


@dataclass(frozen=True)
class ListedTask:
    """One line of the list. Of its `branch` the last part names the worktree; the branch itself is cdock's to name."""

    id: str
    branch: str
    prompt: str
    title: str = ""
    description: str = ""

    @property
    def headline(self) -> str:
        """The title, or else the beginning of what is to be done."""
        line = " ".join((self.title or self.prompt).split())
        return line if len(line) <= TITLE_LIMIT else line[: TITLE_LIMIT - 1].rstrip() + "…"

    @property
    def worktree(self) -> str:
        """What its worktree is called; empty when nothing of the branch's name may be a name of one."""
        words = re.sub(r"[^a-z0-9]+", "-", self.branch.rpartition("/")[2].lower())
        return words.strip("-")[:36].rstrip("-")


def read_tasks(text: str, *, name: str) -> tuple[ListedTask, ...]:
    """The tasks in `text`, in its order; `name` is for messages.

    Raises:
        Unreadable: a line is no task, an id is there twice, or there are none.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    faults: list[Fault] = []
    found: dict[str, ListedTask] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        task = _task(line, number, faults)
        if task is not None and task.id.casefold() in found:
            faults.append(Fault(Place(number), f"the id {task.id!r} is there twice"))
        elif task is not None:
            found[task.id.casefold()] = task
    if not found and not faults:
        faults.append(Fault(Place(1), "there are no tasks in it", "one JSON object in each line is wanted"))
    if len(found) > TASKS:
        faults.append(Fault(Place(1), f"there are {len(found)} tasks", f"at most {TASKS} are taken"))
    if faults:
        raise Unreadable(faults, text=text, name=name, what="list of tasks", code="CD473")
    return tuple(found.values())


def _task(line: str, number: int, faults: list[Fault]) -> ListedTask | None:
    try:
        pairs = json.loads(line, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        faults.append(Fault(Place(number, error.colno), f"this is no JSON: {error.msg}"))
        return None
    except (RecursionError, ValueError):
        faults.append(Fault(Place(number), "this is no JSON that anybody wrote"))
        return None
    if not isinstance(pairs, _Pairs):
        faults.append(
            Fault(Place(number), "this is no JSON object", f"one with {', '.join(_NEEDED)} is wanted")
        )
        return None
    wrong = list(_wrong(pairs))
    faults += [Fault(Place(number), why, wanted) for why, wanted in wrong]
    return None if wrong else ListedTask(**dict(pairs))


class _Pairs(list[tuple[str, str]]):
    """An object as it was written: a key may be there twice."""


def _wrong(pairs: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """What is wrong with the object of a line, each with what is wanted."""
    seen: set[str] = set()
    for key, value in pairs:
        if key not in _KEYS:
            yield f"{key!r} is no key here", nearest(key, _KEYS) or f"known are {', '.join(_KEYS)}"
        elif key in seen:
            yield f"{key!r} is there twice", "keep one of them"
        elif not isinstance(value, str):
            yield f"{key!r} is no text", 'a string in "…" is wanted'
        elif key in _NEEDED and not value.strip():
            yield f"{key!r} is empty", ""
        elif len(value) > TEXT_LIMIT:
            yield f"{key!r} has more than {TEXT_LIMIT:,} characters", ""
        elif key == "id" and not KEY.fullmatch(value):
            yield f"{value!r} cannot be an id", "1 to 60 letters, digits, `.`, `_` and `-` are"
        elif key == "branch" and not _BRANCH.fullmatch(value):
            yield f"{value!r} cannot be a branch", "letters, digits, `.`, `_`, `-` and `/` are wanted"
        seen.add(key)
    for key in _NEEDED:
        if key not in seen:
            yield f"the key {key!r} is missing", ""


def entry_of(task: ListedTask, *, source: str, begun_at: datetime) -> Entry:
    """What makes the issue of a task: the same one for the same `source` and id, whatever else was changed.

    `begun_at` is when the list was run first.

    Raises:
        Misconfigured: GitHub would never take it.
    """
    # The prompt comes last: its words might leave a code block open.
    parts = ((WORKTREE, task.worktree), ("Description", task.description.strip()), (GOAL, task.prompt))
    return new_issue(
        uuid5(LISTED, f"{source}\n{task.id}"),
        title=task.headline,
        body="\n\n".join(f"### {name}\n\n{words}" for name, words in parts if words) + "\n",
        labels=(),
        ready=True,
        now=begun_at,
    )

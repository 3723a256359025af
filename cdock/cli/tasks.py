"""Finding the clone, reading its mirror, and finding the task that a person means."""

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdock.adapters.git.clone import left_behind, no_repository, outside_state, state_of
from cdock.core.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from cdock.core.ids import TaskId

REBUILD = "cdock sync --rebuild"


def find_state(start: Path) -> Path:
    """The state directory of the clone that `start` is in, found without loading git or the settings.

    Raises:
        Misconfigured: there is no clone.
        Refused: its state is where an earlier cdock kept it, and cannot be moved.
    """
    start = outside_state(start.absolute())
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            if left_behind(directory):
                from cdock.wiring.moving import move_state

                move_state(directory)
            return state_of(directory)
    raise no_repository(start)


def read_mirror(state: Path) -> dict[str, Any]:
    """The mirror of a clone; empty when nothing has run here yet. Plain JSON, because it must be fast.

    Raises:
        Misconfigured: the file cannot be understood, or it was lost: there are worktrees of tasks it should name.
    """
    path = state / "state.json"
    try:
        found = json.loads(path.read_bytes())
        if found["version"] != 1 or not isinstance(found["tasks"], list):
            raise ValueError("not a mirror of version 1")
        for task in found["tasks"]:
            # What every reader of it takes for granted.
            task_id_of(task), task["github"]["issue_number"], task["attempts"]["history"]
    except FileNotFoundError:
        # What git keeps of each worktree, beside their repository.
        if any((state / "git" / "store.git" / "worktrees").glob("*/HEAD")):
            raise Misconfigured(
                "the mirror is gone, but there are worktrees of tasks",
                code="CD418",
                tried=f"reading {path}",
                fix=f"{REBUILD} (reads everything from the forge again)",
            ) from None
        return {"version": 1, "isolation": "", "tasks": []}
    except (ValueError, LookupError, TypeError, OSError) as error:
        raise damaged(state, error) from error
    mirror: dict[str, Any] = found
    return mirror


def damaged(state: Path, error: Exception) -> Misconfigured:
    """What is to be said when the mirror is not what we wrote."""
    why = f"no {error}" if isinstance(error, LookupError) else str(error)
    return Misconfigured(
        f"the mirror cannot be read: {why}",
        code="CD418",
        tried=f"reading {state / 'state.json'}",
        fix=f"{REBUILD} (reads everything from the forge again)",
    )


def task_id_of(task: dict[str, Any]) -> str:
    """`cdock.auth.a7b2c8d`."""
    return f"cdock.{task['worktree_id']}.{task['short_uuid']}"


def parsed_id(task: dict[str, Any]) -> "TaskId":
    """The same as a value.

    Raises:
        Misconfigured: the mirror was changed by somebody.
    """
    from cdock.core.ids import parse_task_id

    if found := parse_task_id(task_id_of(task)):
        return found
    raise Misconfigured(
        f"the mirror names a task {task_id_of(task)!r}, which is no id of ours", code="CD418", fix=REBUILD
    )


def find_task(tasks: list[dict[str, Any]], named: str) -> dict[str, Any]:
    """The task named by `42`, `#42`, the issue's address, its id, or a part of the id that only it begins with.

    Raises:
        Refused: none or several are.
    """
    number = issue_of(named)
    if number is not None:
        found = [task for task in tasks if task["github"]["issue_number"] == number]
    else:
        wanted = named.strip().removeprefix("cdock.")
        found = [task for task in tasks if task_id_of(task).removeprefix("cdock.").startswith(wanted)]
        exact = [task for task in found if task_id_of(task).removeprefix("cdock.") == wanted]
        found = exact or found
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"#{t['github']['issue_number']} {task_id_of(t)}" for t in (found or tasks)) or "none"
    raise Refused(
        f"{'several tasks match' if found else 'no task matches'} {named!r}",
        code="CD403",
        tried=f"the tasks of this clone's mirror: {known}",
        fix="name it by its issue number or its id (`cdock status` lists them)",
    )


def issue_of(named: str) -> int | None:
    """The issue that `42`, `#42` or its address names; None for other names."""
    number = re.fullmatch(r"#?(\d+)", named.strip()) or re.search(r"/issues/(\d+)/?$", named.strip())
    return int(number[1]) if number else None


def find_tasks(tasks: list[dict[str, Any]], named: Sequence[str]) -> list[dict[str, Any]]:
    """The tasks that any of the names means, each once: as in `find_task`, or patterns of ids such as `auth-*`.

    Raises:
        Refused: a name means none, or is no pattern and means several.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in named:
        matches = _matching(tasks, name) if is_pattern(name) else [find_task(tasks, name)]
        found |= {task_id_of(task): task for task in matches}
    return list(found.values())


def is_pattern(named: str) -> bool:
    """Whether a name may mean any number of tasks."""
    return not set("*?[").isdisjoint(named)


def _matching(tasks: list[dict[str, Any]], pattern: str) -> list[dict[str, Any]]:
    wanted = pattern.strip().removeprefix("cdock.")
    found = [task for task in tasks if fnmatchcase(task_id_of(task).removeprefix("cdock."), wanted)]
    if found:
        return found
    raise Refused(
        f"no task matches {pattern!r}",
        code="CD403",
        tried=f"the ids of the {len(tasks)} tasks in this clone's mirror",
        fix="quote the pattern, or your shell fills it in; `cdock status` lists the ids",
    )


def require_here(task: dict[str, Any]) -> dict[str, Any]:
    """The task, if this clone's poller works on it.

    Raises:
        Refused: another poller has taken it over, or it has come to its end.
    """
    status = task.get("status")
    if status not in ("foreign", "done", "cancelled"):
        return task
    why = "is held by another poller" if status == "foreign" else f"is {status}"
    raise Refused(
        f"{task_id_of(task)} {why}",
        code="CD445",
        tried="looking into the mirror, which is as old as `cdock status` says",
        fix="ask the poller that holds it, or comment on its issue"
        if status == "foreign"
        else f"open #{task['github']['issue_number']} again and label it",
    )

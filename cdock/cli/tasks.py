"""Reading the mirror, and finding the task that a person means."""

import json
import re
from pathlib import Path
from typing import Any

from cdock.core.errors import Misconfigured, Refused


def read_mirror(state: Path) -> dict[str, Any]:
    """The mirror of a clone; empty when nothing has run here yet. Plain JSON, because it must be fast.

    Raises:
        Misconfigured: the file is there but cannot be understood.
    """
    path = state / "state.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != 1 or not isinstance(found["tasks"], list):
            raise ValueError("not a mirror of version 1")
    except FileNotFoundError:
        return {"version": 1, "isolation": "", "tasks": []}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise Misconfigured(
            f"the mirror cannot be read: {error}",
            code="CD418",
            tried=f"reading {path}",
            fix=f"remove {path}; the poller writes it anew",
        ) from error
    mirror: dict[str, Any] = found
    return mirror


def task_id_of(task: dict[str, Any]) -> str:
    """`cdock.auth.a7b2c8d`."""
    return f"cdock.{task['worktree_id']}.{task['short_uuid']}"


def find_task(tasks: list[dict[str, Any]], named: str) -> dict[str, Any]:
    """The task named by `42`, `#42`, the issue's address, its id, or a part of the id that only it begins with.

    Raises:
        Refused: none or several are.
    """
    number = re.fullmatch(r"#?(\d+)", named.strip()) or re.search(r"/issues/(\d+)/?$", named.strip())
    if number:
        found = [task for task in tasks if task["github"]["issue_number"] == int(number[1])]
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

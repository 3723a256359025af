"""A list of tasks for a run: read from a file, or printed by a script; each task becomes one issue, once."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid5

from cdock.core.errors import Misconfigured, Refused, Unavailable
from cdock.core.outbox import State
from cdock.core.planning.tasklist import LISTED, ListedTask, entry_of, read_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdock.reconciler.delivering import Post
    from cdock.wiring import Site

PATIENCE = 60.0
"""Seconds for a script to print its tasks, and for the forge to show what became of a try that was interrupted."""
VERSION = 1


@dataclass(frozen=True)
class TaskList:
    """The tasks of a file with what is known of their issues. `source` is the file, for people and for ids."""

    source: str
    tasks: tuple[ListedTask, ...]
    memory: Path
    begun_at: datetime
    made: "Mapping[str, int]"


def tasks_from(here: "Site", start: Path, named: str) -> TaskList:
    """The list in the file `named`, or what that prints when it is a program.

    Raises:
        Misconfigured: it cannot be read or run; `Unreadable` when a line is no task.
    """
    from cdock.cli.outgoing import text_of

    path = (start / named).resolve()
    text = _printed(path, here.clone.root) if _is_program(path) else text_of(None, str(path))
    # The same in every clone of the repository.
    inside = path.is_relative_to(here.clone.root.resolve())
    source = path.relative_to(here.clone.root.resolve()).as_posix() if inside else str(path)
    tasks = read_tasks(text, name=named)
    memory = here.clone.state / "lists" / f"{uuid5(LISTED, source)}.json"
    begun_at, made = _remembered(memory)
    if begun_at is None:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        begun_at = min(written, datetime.now(UTC)).replace(microsecond=0)
    return TaskList(source, tasks, memory, begun_at, made)


def numbers_of(listed: TaskList, post: "Post") -> frozenset[int]:
    """The issues of all tasks; those that are missing are made. The caller holds the lock of the poller.

    Raises:
        Unavailable: the forge is away; what was said is kept, and is delivered once.
        Refused: the forge will not have one of them.
    """
    from cdock.reconciler.delivering import deliver_all

    _remember(listed)
    missing = [task for task in listed.tasks if task.id not in listed.made]
    entries = {task.id: entry_of(task, source=listed.source, begun_at=listed.begun_at) for task in missing}
    ours = {entry.op for entry in entries.values()}
    waiting = {entry.op for entry in post.outbox.list()}
    for entry in entries.values():
        if entry.op not in waiting:
            post.outbox.put(entry)
    end = post.clock.elapsed() + PATIENCE
    while True:
        trouble = deliver_all(post).trouble
        open_ = [entry for entry in post.outbox.list() if entry.waits and entry.op in ours]
        # One whose outcome nobody knows is tried again after a while.
        if not open_ or trouble is not None or post.clock.elapsed() > end or post.clock.sleep(1.0):
            break
    kept = {entry.op: entry for entry in post.outbox.list()}
    made = dict(listed.made)
    for id_, entry in entries.items():
        if (now := kept.get(entry.op)) and now.state is State.DONE:
            made[id_] = now.number
    _remember(replace(listed, made=made))
    left = [kept.get(entry.op, entry) for id_, entry in entries.items() if id_ not in made]
    if left:
        if trouble is not None and not isinstance(trouble, Unavailable):
            raise trouble
        first = left[0]
        tried = f"making the issues of {listed.source}"
        if first.state is State.PARKED:
            raise Refused(f"{first.title}: {first.error}", code="CD441", tried=tried, fix=first.fix)
        why = trouble.message if trouble else first.error or "something said before has to arrive first"
        fix = "the same command again; nothing is made twice"
        raise Unavailable(f"{len(left)} tasks are kept and not delivered yet: {why}", tried=tried, fix=fix)
    return frozenset(made[task.id] for task in listed.tasks)


def _remembered(memory: Path) -> "tuple[datetime | None, dict[str, int]]":
    """When the list was run first, and the issues that were made of it."""
    try:
        record: dict[str, Any] = json.loads(memory.read_bytes())
        if record["version"] != VERSION:
            raise ValueError(f"version {record['version']}")
        made = {str(id_): int(number) for id_, number in record["made"].items()}
        return datetime.fromisoformat(record["begun_at"]), made
    except FileNotFoundError:
        return None, {}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Misconfigured(
            f"what was made of this list cannot be read: {error}",
            code="CD474",
            tried=f"reading {memory}",
            fix="remove that file; issues that are not older than the list are found again by their marks",
        ) from error


def _remember(listed: TaskList) -> None:
    from cdock.adapters.files.atomic import write_atomic

    record = {
        "version": VERSION,
        "source": listed.source,
        "begun_at": listed.begun_at.isoformat(),
        "made": dict(listed.made),
    }
    write_atomic(listed.memory, json.dumps(record, indent=2) + "\n")


def _is_program(path: Path) -> bool:
    """Whether it is to be run: some file systems call every file executable."""
    return path.is_file() and os.access(path, os.X_OK) and path.suffix not in (".jsonl", ".json", ".ndjson")


def _printed(path: Path, directory: Path) -> str:
    """What a program prints; it is run as it is, in the clone, without a shell.

    Raises:
        Misconfigured: it cannot be run, fails, prints too much, or takes too long.
    """
    try:
        process = subprocess.Popen(
            [str(path)],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise _unusable(path, f"it cannot be run: {error.strerror}") from error
    with process:
        assert process.stdout is not None, "it is a pipe"  # noqa: S101 - for the type checker
        try:
            data = _read(process.stdout, path)
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise _unusable(path, f"it did not end within {PATIENCE:.0f} s") from error
        finally:
            # With all that it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        raise _unusable(path, f"it ended with {code}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unusable(path, "what it prints is no UTF-8") from error


def _read(stream: IO[bytes], path: Path) -> bytes:
    from cdock.cli.outgoing import TEXT_LIMIT

    data = b""
    end = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as ready:
        ready.register(stream, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            if not ready.select(left):
                continue
            chunk = os.read(stream.fileno(), 65_536)
            data += chunk
            if not chunk:
                return data
            if len(data) > TEXT_LIMIT:
                raise _unusable(path, f"it prints more than {TEXT_LIMIT:,} bytes")
    raise _unusable(path, f"it did not end within {PATIENCE:.0f} s")


def _unusable(path: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"no tasks from {path.name}: {why}",
        code="CD474",
        tried=f"running {path}, whose output is one JSON object in each line",
        fix="mend the script, or name a file with the tasks themselves",
    )

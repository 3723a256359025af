"""The journal of every task: what the loop and the agent did, as JSON lines and as lines for people.

What the loop did is on disk at once. The words of agents gather for a moment and are written by a thread, a batch at a
time, so that a hundred of them cost the loop nothing. A killed process loses that moment only until the next start,
when the output of what still runs is read again, and what is there already is left out.
"""

import json
import logging
import os
import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from cdock.core.ids import TaskId, parse_task_id

LINES, TEXT = "journal.jsonl", "journal.log"
AGENT = "agent"
"""The sentence of the loop that stands for one event of an agent."""
LIMIT = 10 * 1024**2
"""Bytes of a file before the next one is begun."""
FILES = 3
"""Files of each kind that are kept, the present one included."""
PAUSE = 0.1
"""Seconds in which a batch gathers."""
END_LIMIT = 5.0
"""Seconds in which the thread ends."""

log = logging.getLogger("cdock")

_OURS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "task"}
"""Names in a log record that are no fields of the loop's."""
# The two fields stand first in a line, and JSON has no line breaks inside: what an agent wrote cannot look like them.
_PLACED = re.compile(rb'^\{"run": "([^"]+)", "offset": (\d+), ', re.MULTILINE)
_MARKS = {"tool": "$ ", "error": "✗ ", "result": "= ", "note": "· "}


class Journal(logging.Handler):
    """Writes every record that names a task into the directory of that task, below `root`.

    A record with the fields `run` and `offset` stands for something in the output of a run. That output is read from
    its beginning after a restart, so what a former process wrote down of it is not written again.
    """

    def __init__(self, root: Path, *, limit: int = LIMIT, pause: float = PAUSE) -> None:
        super().__init__(logging.INFO)
        self._root, self._limit, self._pause = root, limit, pause
        self._waiting: dict[TaskId, list[dict[str, Any]]] = defaultdict(list)
        self._known: dict[TaskId, dict[str, list[int]]] = {}
        self._guard, self._writing = threading.Lock(), threading.Lock()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._write_on, name="journal", daemon=True)
        self._thread.start()

    def createLock(self) -> None:  # noqa: N802 - the name is the library's
        """See `logging.Handler`. There are locks of our own: its one would be held while a batch is written."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        task = parse_task_id(str(getattr(record, "task", "")))
        if task is None:
            return
        with self._guard:
            self._waiting[task].append(_fields_of(record))
        if record.getMessage() == AGENT:
            self._wake.set()
        else:
            self.flush()

    def flush(self) -> None:
        """Write all that waits."""
        with self._writing:
            with self._guard:
                batch, self._waiting = self._waiting, defaultdict(list)
            if not batch:
                # That nothing waits says nothing of whether it could be written.
                return
            failed = [error for task, records in batch.items() if (error := self._write(task, records))]
            first, self._failed = bool(failed) and not self._failed, bool(failed)
        if first:
            # It names no task, so it does not come back here.
            log.warning(
                "the journal cannot be written, work goes on without it",
                extra={"error": str(failed[0]), "fix": "make room on the disk"},
            )

    def close(self) -> None:
        """Write all that waits, and end."""
        self._ended.set()
        self._wake.set()
        self._thread.join(END_LIMIT)
        self.flush()
        super().close()

    def _write_on(self) -> None:
        while not self._ended.is_set():
            self._wake.wait()
            self._ended.wait(self._pause)
            self._wake.clear()
            self.flush()

    def _write(self, task: TaskId, records: list[dict[str, Any]]) -> OSError | None:
        """Write the records of one task; what went wrong."""
        folder = self._root / task.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if task not in self._known:
                self._known[task] = _written(folder)
            fresh = [record for record in records if not self._is_known(task, record)]
            if fresh:
                self._append(folder / LINES, [json.dumps(r, ensure_ascii=False, default=str) for r in fresh])
                self._append(folder / TEXT, [f"{r['time']} {sentence_of(r)}" for r in fresh])
        except OSError as error:
            return error
        return None

    def _is_known(self, task: TaskId, record: dict[str, Any]) -> bool:
        """Whether a former process wrote this down. Several records may come of one line, at one offset."""
        last = self._known[task].get(str(record.get("run")))
        if last is None or "offset" not in record or record["offset"] > last[0]:
            return False
        if record["offset"] < last[0]:
            return True
        last[1] -= 1
        return last[1] >= 0

    def _append(self, path: Path, lines: list[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        with open(path, "a+b", opener=_private) as file:
            size = file.seek(0, os.SEEK_END)
            if size + len(data) <= self._limit or not size:
                file.write(data if _ends_whole(file) else b"\n" + data)
                return
        _rotate(path)
        with open(path, "ab", opener=_private) as file:
            file.write(data)


def journal_files(folder: Path) -> tuple[Path, ...]:
    """The files of JSON lines in the directory of a task that may be there, oldest first."""
    return tuple(_older(folder / LINES, n) for n in reversed(range(FILES)))


def sentence_of(record: Mapping[str, Any]) -> str:
    """A record of the journal as a line for people, without its time; no part of it can steer a terminal."""
    event = str(record.get("event", ""))
    if event == AGENT:
        return _clean(_MARKS.get(str(record.get("kind")), "") + str(record.get("text", "")))
    words = [
        f"{name} {record[name]}" if name == "attempt" else str(record[name])
        for name in ("attempt", "outcome", "text", "error", "fix")
        if record.get(name)
    ]
    return _clean(f"[{event}] {': '.join(words)}")


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in record.__dict__.items() if name not in _OURS}
    placed: dict[str, Any] = {name: fields.pop(name) for name in ("run", "offset") if name in fields}
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {**placed, "time": time, "event": record.getMessage(), **fields}


def _written(folder: Path) -> dict[str, list[int]]:
    """For each run the largest offset that is written down, and how many records have it."""
    found: dict[str, list[int]] = {}
    for path in journal_files(folder):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        for name, digits in _PLACED.findall(data):
            run, offset = name.decode("utf-8", "replace"), int(digits)
            last = found.setdefault(run, [offset, 0])
            if offset > last[0]:
                last[:] = offset, 0
            last[1] += offset == last[0]
    return found


def _older(path: Path, n: int) -> Path:
    return path.with_name(f"{path.name}.{n}") if n else path


def _ends_whole(file: BinaryIO) -> bool:
    """Whether the last line has its end: a full disk, or a crash, may have kept only half of it."""
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _rotate(path: Path) -> None:
    for n in reversed(range(FILES - 1)):
        if _older(path, n).exists():
            _older(path, n).replace(_older(path, n + 1))


def _clean(text: str) -> str:
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

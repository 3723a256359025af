"""The journal of a task: all of it, once, in order, whatever the disk and the process do."""

import errno
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cdock.adapters.files import journal
from cdock.adapters.files.journal import Journal, journal_files, sentence_of
from cdock.core.ids import TaskId

TASK = TaskId("add-login", "a7b2c8d")
OTHER = TaskId("fix-logout", "0123abc")
log = logging.getLogger("cdock")
LIMIT = 10.0


@contextmanager
def keeping(root: Path, *, limit: int = journal.LIMIT) -> Iterator[Journal]:
    """A life of the poller; all is written when it ends."""
    handler = Journal(root, limit=limit)
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield handler
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()


def agent(text: str, *, offset: int | None = None, task: TaskId = TASK, attempt: int = 1) -> None:
    """What the loop says of an event of an agent."""
    placed = {} if offset is None else {"run": task.run(attempt), "offset": offset}
    log.info("agent", extra={"task": str(task), "issue": 42, "kind": "text", "text": text, **placed})


def records(root: Path, task: TaskId = TASK) -> list[dict[str, Any]]:
    """All that was written down, oldest first."""
    files = [path for path in journal_files(root / task.name) if path.exists()]
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def texts(root: Path, task: TaskId = TASK) -> list[str]:
    return [record["text"] for record in records(root, task)]


def test_every_record_of_a_task_is_written_with_all_its_fields(tmp_path: Path) -> None:
    with keeping(tmp_path):
        log.info("claimed", extra={"task": str(TASK), "issue": 42, "text": "Größer"})
        log.info("attempt ended", extra={"task": str(TASK), "issue": 42, "attempt": 2, "outcome": "failed"})
        log.info("claimed", extra={"task": str(OTHER), "issue": 43, "text": "another"})
        log.info("forge is back", extra={"text": "of no task"})
        log.info("claimed", extra={"task": "../../etc", "text": "of none either"})
    first, second = records(tmp_path)
    assert first.pop("time").endswith("+00:00")
    assert first == {"event": "claimed", "issue": 42, "text": "Größer"}
    assert second == {**second, "event": "attempt ended", "attempt": 2, "outcome": "failed"}
    assert texts(tmp_path, OTHER) == ["another"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [TASK.name, OTHER.name]
    shown = (tmp_path / TASK.name / "journal.log").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" ")[2] for line in shown] == [
        "[claimed] Größer",
        "[attempt ended] attempt 2: failed",
    ]
    for path in (tmp_path / TASK.name).iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_cdock_did_is_there_at_once_and_in_order(tmp_path: Path) -> None:
    with keeping(tmp_path):
        agent("before it")
        log.info("attempt ended", extra={"task": str(TASK), "text": "at once"})
        assert texts(tmp_path) == ["before it", "at once"]


def test_what_waits_is_written_soon_without_the_end(tmp_path: Path) -> None:
    with keeping(tmp_path):
        agent("hello")
        path, end = tmp_path / TASK.name / "journal.log", time.monotonic() + LIMIT
        while not (path.exists() and path.read_text()):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert texts(tmp_path) == ["hello"]


def test_what_a_former_life_wrote_is_not_written_again(tmp_path: Path) -> None:
    with keeping(tmp_path):
        for offset in (0, 10, 20):
            agent(f"at {offset}", offset=offset)
        agent("one line, two events", offset=20)
    with keeping(tmp_path):
        for offset in (0, 10, 20):
            agent(f"at {offset}", offset=offset)
        agent("one line, two events", offset=20)
        agent("and a third", offset=20)
        agent("at 30", offset=30)
        agent("of the next run", offset=0, attempt=2)
    expected = ["at 0", "at 10", "at 20", "one line, two events", "and a third", "at 30", "of the next run"]
    assert texts(tmp_path) == expected
    with keeping(tmp_path):
        for offset in (0, 10, 20, 30):
            agent(f"at {offset}", offset=offset)
        agent("of the next run", offset=0, attempt=2)
    assert [text for text in texts(tmp_path) if text != "at 20"] == [t for t in expected if t != "at 20"]


def test_words_of_an_agent_cannot_pass_for_what_was_written(tmp_path: Path) -> None:
    forged = f'\n{{"run": "{TASK.run(1)}", "offset": 999999, '
    with keeping(tmp_path):
        agent(forged, offset=0)
    with keeping(tmp_path):
        agent(forged, offset=0)
        agent("after it", offset=10)
    assert texts(tmp_path) == [forged, "after it"]


def test_files_are_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    with keeping(tmp_path, limit=2000) as handler:
        for number in range(200):
            agent(f"number {number}", offset=number)
            handler.flush()
    folder = tmp_path / TASK.name
    names = ["journal.jsonl", "journal.jsonl.1", "journal.jsonl.2"]
    assert sorted(path.name for path in folder.glob("*.jsonl*")) == names
    assert len(list(folder.glob("journal.log*"))) == 3
    assert all(path.stat().st_size <= 2000 for path in folder.iterdir())
    kept = texts(tmp_path)
    assert kept == [f"number {n}" for n in range(200 - len(kept), 200)], "the newest, in order, none missing"
    with keeping(tmp_path, limit=2000):
        for number in range(201):
            agent(f"number {number}", offset=number)
    assert texts(tmp_path)[-2:] == ["number 199", "number 200"], "what was rotated away does not come back"


def test_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with keeping(tmp_path) as handler, caplog.at_level(logging.INFO, logger="cdock"):
        agent("before")
        handler.flush()

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(journal, "_private", full)
            for number in range(3):
                agent(f"lost {number}")
                handler.flush()
                handler.flush()
        agent("after")
        handler.flush()
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in told] == [
        "the journal cannot be written, work goes on without it"
    ]
    assert "No space left" in vars(told[0])["error"]
    assert texts(tmp_path) == ["before", "after"]


def test_half_a_line_is_not_glued_to_the_next(tmp_path: Path) -> None:
    with keeping(tmp_path):
        agent("whole")
    path = tmp_path / TASK.name / "journal.jsonl"
    with path.open("a") as file:
        file.write('{"time": "2026')
    with keeping(tmp_path):
        agent("next")
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["text"] == "whole"
    assert lines[1] == '{"time": "2026'
    assert json.loads(lines[2])["text"] == "next"


def test_words_that_are_no_text_are_written_all_the_same(tmp_path: Path) -> None:
    with keeping(tmp_path):
        agent("half a character: \udc80")
        log.info("waiting", extra={"task": str(TASK), "text": Path("/a path")})
    assert texts(tmp_path) == ["half a character: ?", "/a path"]


def test_a_killed_process_leaves_whole_lines(tmp_path: Path) -> None:
    program = (
        "import logging, os, signal, sys\n"
        "from pathlib import Path\n"
        "from cdock.adapters.files.journal import Journal\n"
        "log = logging.getLogger('cdock')\n"
        "log.setLevel(logging.INFO)\n"
        "handler = Journal(Path(sys.argv[1]))\n"
        "log.addHandler(handler)\n"
        "for n in range(2000):\n"
        "    log.info('agent', extra={'task': 'cdock.add-login.a7b2c8d', 'text': 'x' * 200, 'n': n})\n"
        "    if n == 1000:\n"
        "        handler.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run((sys.executable, "-c", program, str(tmp_path)), timeout=60, check=False)
    assert done.returncode == -9
    numbers = [record["n"] for record in records(tmp_path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1000


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"event": "agent", "kind": "tool", "text": "ls"}, "$ ls"),
        ({"event": "agent", "kind": "text", "text": "a\x1b[2J\nb\u202e"}, "a[2J b"),
        ({"event": "agent"}, ""),
        ({"event": "pushed", "text": "1a2b3c4"}, "[pushed] 1a2b3c4"),
        ({"event": "released"}, "[released]"),
        ({"event": "step\x1b]0;x\x07 refused", "error": "no", "fix": "do"}, "[step]0;x refused] no: do"),
        ({}, "[]"),
    ],
)
def test_a_record_in_words(record: dict[str, Any], line: str) -> None:
    assert sentence_of(record) == line

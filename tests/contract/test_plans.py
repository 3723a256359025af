"""The contract of plans in memory and in files, and what files add: crashes, damage, hostile files, older ones."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from uuid import UUID

import pytest

from cdock.adapters.files.drafts import DraftRecord, PlanRecord, TaskRecord
from cdock.adapters.files.folder import LIMIT
from cdock.adapters.files.plans import FilePlans, dump_draft
from cdock.core.errors import Unavailable
from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.drafts import Draft
from cdock.ports import Plans
from cdock.testing import MemoryPlans
from tests.contract.plans_contract import FIRST, SECOND, PlansContract, draft_of

PATIENCE = 60.0


class TestMemoryPlans(PlansContract):
    @pytest.fixture
    def plans(self) -> Plans:
        return MemoryPlans()


class TestFilePlans(PlansContract):
    @pytest.fixture
    def plans(self, tmp_path: Path) -> Plans:
        return FilePlans(tmp_path / "cdock" / "plans")


def test_every_field_is_stored() -> None:
    assert set(DraftRecord.model_fields) == {*(each.name for each in fields(Draft)), "version"}
    assert set(PlanRecord.model_fields) == {each.name for each in fields(Plan)}
    assert set(TaskRecord.model_fields) == {each.name for each in fields(PlanTask)}


def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    FilePlans(tmp_path).put(draft_of())
    assert FilePlans(tmp_path).list() == (draft_of(),)
    assert (tmp_path / f"{FIRST}.json").stat().st_mode & 0o777 == 0o600


def test_half_a_character_becomes_a_question_mark(tmp_path: Path) -> None:
    FilePlans(tmp_path).put(draft_of(session="\ud800!"))
    assert FilePlans(tmp_path).list() == (draft_of(session="?!"),)


def test_one_of_the_first_version_without_what_was_added_later(tmp_path: Path) -> None:
    text = {
        "version": 1,
        "id": str(FIRST),
        "plan": {"title": "T", "tasks": [{"key": "a", "title": "A"}]},
        "created_at": "2026-11-21T12:00:00Z",
        "mood": "a newer cdock said so",
    }
    (tmp_path / f"{FIRST}.json").write_text(json.dumps(text))
    (draft,) = FilePlans(tmp_path).list()
    assert draft.plan == Plan("T", tasks=(PlanTask("a", "A"),))


def _with(**changes: object) -> bytes:
    return json.dumps(json.loads(dump_draft(draft_of())) | changes).encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "JSON"),
        (b'{"version": 1', "JSON"),
        (b"[]", "(top)"),
        (b"\xff\xfe", "JSON"),
        (b'{"plan": ' + b'{"tasks": [' * 10_000, "JSON"),
        (b" " * (LIMIT + 1), "bytes"),
        (_with(version=2), "version"),
        (_with(stand="perhaps"), "stand"),
        (_with(created_at="2026-11-21T12:00:00"), "created_at"),
        (_with(numbers={"a": -1}), "numbers.a"),
        (_with(turns=[["person"]]), "turns"),
        (
            _with(plan={"title": "T", "tasks": [{"key": "a", "title": "A", "stage": "one"}]}),
            "plan.tasks.0.stage",
        ),
        (_with(id=str(SECOND)), "id: it says"),
        (dump_draft(draft_of()).replace("1.25", "NaN").encode(), "max_cost"),
    ],
)
def test_a_damaged_file_is_named_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: bytes, why: str
) -> None:
    plans, caught = FilePlans(tmp_path), logging.getLogger("cdock")
    plans.put(draft_of(SECOND))
    damaged = tmp_path / f"{FIRST}.json"
    damaged.write_bytes(text)
    caught.addHandler(caplog.handler)
    try:
        assert plans.list() == plans.list() == (draft_of(SECOND),)
    finally:
        caught.removeHandler(caplog.handler)
    told = {record.error for record in caplog.records}  # type: ignore[attr-defined]
    assert len(told) == 1, "once is enough"
    assert str(damaged) in told.pop()
    _, found = plans.read()
    assert list(found) == [damaged.name]
    assert why in found[damaged.name]
    assert damaged.read_bytes() == text


def test_a_full_disk_keeps_nothing_by_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    plans = FilePlans(tmp_path)
    plans.put(draft_of())
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(Unavailable) as caught:
        plans.put(draft_of(session="another"))
    assert str(tmp_path / f"{FIRST}.json") in caught.value.tried
    assert plans.list() == (draft_of(),)


def test_whoever_is_killed_while_writing_leaves_a_whole_one(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from cdock.adapters.files.plans import FilePlans\n"
        "from tests.contract.plans_contract import draft_of\n"
        "plans, n = FilePlans(Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    n += 1\n"
        "    plans.put(draft_of(session=str(n), turns=(('agent', 'x' * 100_000),)))\n"
        "    print(n, flush=True)\n"
    )
    root = tmp_path / "plans"
    for writes in range(1, 6):
        process = subprocess.Popen(
            (sys.executable, "-c", program, str(root)), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout as said:
            for _ in range(writes):
                last = int(said.readline())
            process.send_signal(signal.SIGKILL)
            last = max((int(line) for line in said.read().split()), default=last)
        assert process.wait(PATIENCE) == -signal.SIGKILL
        drafts, damaged = FilePlans(root).read()
        assert not damaged
        assert int(drafts[0].session) >= last, "what was answered for is on disk"


def test_one_that_vanishes_while_all_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = FilePlans(tmp_path)
    plans.put(draft_of())
    gone = tmp_path / f"{UUID(int=9)}.json"
    monkeypatch.setattr(FilePlans, "_files", lambda _: (gone, tmp_path / f"{FIRST}.json"))
    assert plans.read() == ((draft_of(),), {})

"""The outbox contract in memory and in files, and what files add: crashes, damage, many writers."""

import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from cdock.adapters.files.entries import EntryRecord
from cdock.adapters.files.outbox import FileOutbox, dump_entry
from cdock.core.errors import Unavailable
from cdock.core.outbox import Entry
from cdock.ports import Outbox
from cdock.testing import MemoryOutbox
from tests.contract.outbox_contract import FIRST, SECOND, OutboxContract, entry_of

LIMIT = 60.0


class TestMemoryOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self) -> Outbox:
        return MemoryOutbox()


class TestFileOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self, tmp_path: Path) -> Outbox:
        return FileOutbox(tmp_path / "cdock" / "outbox")


def test_every_field_is_stored() -> None:
    assert set(EntryRecord.model_fields) == {*Entry.__dataclass_fields__, "version"}
    assert set(json.loads(dump_entry(entry_of()))) == set(EntryRecord.model_fields)


def test_another_process_sees_it(tmp_path: Path) -> None:
    FileOutbox(tmp_path).put(entry_of())
    assert FileOutbox(tmp_path).list() == (entry_of(),)
    assert (tmp_path / f"{FIRST}.json").stat().st_mode & 0o777 == 0o600


def test_file_and_names_are_on_disk_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cdock" / "outbox"
    synced: list[tuple[str, list[str]]] = []

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((str(path), [entry.name for entry in root.glob("[!.]*")]))

    monkeypatch.setattr(os, "fsync", fsync)
    FileOutbox(root).put(entry_of())
    (data, before), *rest = synced
    assert data.startswith(f"{root}/.{FIRST}")
    assert before == [], "the data is there before its name"
    assert rest == [(str(root), [f"{FIRST}.json"]), (str(root.parent), [f"{FIRST}.json"])]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "JSON"),
        (b'{"version": 1', "JSON"),
        (b"[]", "(top)"),
        (b"\xff\xfe", "JSON"),
        (dump_entry(entry_of()).replace('"version": 1', '"version": 2').encode(), "version"),
        (dump_entry(entry_of()).replace('"issue"', '"poem"').encode(), "kind"),
        (dump_entry(entry_of()).replace("+00:00", "").encode(), "created_at"),
        (dump_entry(entry_of(SECOND)).encode(), "op: it says"),
    ],
)
def test_a_damaged_entry_is_named_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: bytes, why: str
) -> None:
    outbox, caught = FileOutbox(tmp_path), logging.getLogger("cdock")
    outbox.put(entry_of(SECOND))
    damaged = tmp_path / f"{FIRST}.json"
    damaged.write_bytes(text)
    caught.addHandler(caplog.handler)
    try:
        assert outbox.list() == outbox.list() == (entry_of(SECOND),)
    finally:
        caught.removeHandler(caplog.handler)
    told = {record.error for record in caplog.records}  # type: ignore[attr-defined]
    assert len(told) == 1, "once is enough"
    assert str(damaged) in told.pop()
    _, found = outbox.read()
    assert list(found) == [damaged.name]
    assert why in found[damaged.name]
    assert damaged.read_bytes() == text


def test_what_a_newer_cdock_added_is_no_damage(tmp_path: Path) -> None:
    record = json.loads(dump_entry(entry_of()))
    path = tmp_path / f"{FIRST}.json"
    path.write_text(json.dumps(record | {"mood": "good"}))
    assert FileOutbox(tmp_path).list() == (entry_of(),)


def test_a_full_disk_keeps_nothing_by_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    outbox = FileOutbox(tmp_path)
    outbox.put(entry_of())
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(Unavailable) as caught:
        outbox.put(entry_of(SECOND))
    assert str(tmp_path / f"{SECOND}.json") in caught.value.tried
    assert outbox.list() == (entry_of(),)


def test_many_processes_put_at_once(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from uuid import uuid4\n"
        "from cdock.adapters.files.outbox import FileOutbox\n"
        "from tests.contract.outbox_contract import entry_of\n"
        "for n in range(25):\n"
        "    FileOutbox(Path(sys.argv[1])).put(entry_of(uuid4(), after=None, title=f'{sys.argv[2]}.{n}'))\n"
    )
    started = [
        subprocess.Popen((sys.executable, "-c", program, str(tmp_path / "outbox"), str(n))) for n in range(4)
    ]
    assert [process.wait(LIMIT) for process in started] == [0] * 4
    entries, damaged = FileOutbox(tmp_path / "outbox").read()
    assert not damaged
    assert {entry.title for entry in entries} == {f"{who}.{n}" for who in range(4) for n in range(25)}


def test_one_that_vanishes_while_all_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = FileOutbox(tmp_path)
    outbox.put(entry_of())
    gone = tmp_path / f"{UUID(int=9)}.json"
    monkeypatch.setattr(FileOutbox, "_files", lambda _: (gone, tmp_path / f"{FIRST}.json"))
    assert outbox.read() == ((entry_of(),), {})

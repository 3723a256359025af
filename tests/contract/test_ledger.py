"""The ledger contract in memory and on a file; what only a file can do wrong."""

import json
import logging
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cdock.adapters.files import ledger
from cdock.adapters.files.ledger import FileLedger
from cdock.core.errors import Unavailable
from cdock.ports import Ledger
from cdock.testing import MemoryLedger
from tests.contract.ledger_contract import MIDNIGHT, NOON, LedgerContract, LedgerSetting


class FileSetting(LedgerSetting):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.here: Ledger = FileLedger(path)
        self.there: Ledger = FileLedger(path)

    def restarted(self) -> Ledger:
        return FileLedger(self.path)


class MemorySetting(LedgerSetting):
    def __init__(self) -> None:
        self.here = self.there = MemoryLedger()

    def restarted(self) -> Ledger:
        return self.here


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def setting(self) -> LedgerSetting:
        return MemorySetting()


class TestFileLedger(LedgerContract):
    @pytest.fixture
    def setting(self, tmp_path: Path) -> LedgerSetting:
        return FileSetting(tmp_path / "not" / "yet" / "ledger.json")


def test_only_the_last_days_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    for day in range(10):
        FileLedger(path).note(f"run{day}", cost=1.0, at=NOON + timedelta(days=day))
    assert sorted(json.loads(path.read_text())["runs"]) == ["run7", "run8", "run9"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_number_costs_nothing(tmp_path: Path) -> None:
    """A sum that is no number would reach no limit."""
    mine = FileLedger(tmp_path / "ledger.json")
    for run, cost in (("a", float("nan")), ("b", float("inf")), ("c", 1.0)):
        mine.note(run, cost=cost, at=NOON)
    assert mine.spent(MIDNIGHT) == pytest.approx(1)


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "runs": {}}',
        '{"version": 1}',
        '{"version": 1, "runs": []}',
        '{"version": 1, "runs": {"a": 7}}',
        '{"version": 1, "runs": {"a": {"cost": "much", "ended_at": "2026-11-21T12:00:00+00:00"}}}',
        '{"version": 1, "runs": {"a": {"cost": 1, "ended_at": "2026-11-21T12:00:00"}}}',
    ],
)
def test_what_is_damaged_is_told_once_and_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, junk: str
) -> None:
    path = tmp_path / "ledger.json"
    path.write_text(junk)
    with caplog.at_level(logging.WARNING, logger="cdock"):
        mine = FileLedger(path)
        assert mine.spent(MIDNIGHT) == mine.spent(MIDNIGHT) == 0
        mine.note("run", cost=2.0, at=NOON)
    assert len([record for record in caplog.records if record.name == "cdock"]) == 1
    assert FileLedger(path).spent(MIDNIGHT) == pytest.approx(2)


def test_nothing_is_lost_when_many_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    program = (
        "import sys; from datetime import datetime; from pathlib import Path;"
        "from cdock.adapters.files.ledger import FileLedger;"
        "at = datetime.fromisoformat(sys.argv[3]); ledger = FileLedger(Path(sys.argv[1]));"
        "[ledger.note(f'{sys.argv[2]}.{n}', cost=1, at=at) for n in range(20)]"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(path), name, NOON.isoformat()])
        for name in "abcd"
    ]
    assert [process.wait(60) for process in started] == [0] * 4
    assert FileLedger(path).spent(MIDNIGHT) == pytest.approx(80)


def test_a_disk_that_says_no(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the directory should be")
    mine = FileLedger(tmp_path / "home" / "ledger.json")
    with pytest.raises(Unavailable) as caught:
        mine.note("run", cost=1.0, at=NOON)
    assert caught.value.code == "CD214"
    assert caught.value.fix


def test_another_process_that_does_not_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(ledger, "PATIENCE", 0.01)
    path = tmp_path / "ledger.json"
    with FileLock(tmp_path / "ledger.json.lock"), pytest.raises(Unavailable, match="another process"):
        FileLedger(path).note("run", cost=1.0, at=NOON)
    assert not path.exists()

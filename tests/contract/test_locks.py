"""The locks contract in memory and on files; what only files can do wrong."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdock.adapters.files import locks
from cdock.adapters.files.locks import FileLocks
from cdock.core.errors import Misconfigured
from cdock.ports import Locks
from cdock.testing import MemoryLocks
from tests.contract.locks_contract import LocksContract, LocksSetting

LIMIT = 30.0
HOLDER = """
import sys
from pathlib import Path
from cdock.adapters.files.locks import FileLocks

locks = FileLocks(Path(sys.argv[1]))
for line in sys.stdin:
    verb, issue = line.split()
    print(getattr(locks, verb)(int(issue)), flush=True)
"""


class OtherProcess:
    """`Locks` of a real other process, asked through a pipe."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def hold(self, issue: int) -> bool:
        return self._ask("hold", issue) == "True"

    def release(self, issue: int) -> None:
        self._ask("release", issue)

    def _ask(self, verb: str, issue: int) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{verb} {issue}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate(timeout=LIMIT)


class MemorySetting(LocksSetting):
    def __init__(self) -> None:
        self.held: dict[int, object] = {}
        self.here: Locks = MemoryLocks(held=self.held)
        self.there: Locks = MemoryLocks(held=self.held)

    def restarted(self) -> Locks:
        dead = self.here
        for issue in [issue for issue, holder in self.held.items() if holder is getattr(dead, "me", None)]:
            del self.held[issue]
        return MemoryLocks(held=self.held)


class FileSetting(LocksSetting):
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.other = OtherProcess(directory)
        self.here: Locks = self.other
        self.there: Locks = FileLocks(directory)

    def restarted(self) -> Locks:
        self.other.kill()
        return FileLocks(self.directory)


class TestMemoryLocks(LocksContract):
    @pytest.fixture
    def setting(self) -> LocksSetting:
        return MemorySetting()


class TestFileLocks(LocksContract):
    @pytest.fixture
    def setting(self, tmp_path: Path) -> Iterator[LocksSetting]:
        setting = FileSetting(tmp_path / "locks" / "github.com" / "maria" / "shop")
        yield setting
        setting.other.kill()


def test_no_files_are_left_behind(tmp_path: Path) -> None:
    here = FileLocks(tmp_path)
    for issue in range(1, 6):
        assert here.hold(issue)
    assert len(list(tmp_path.iterdir())) == 5
    for issue in range(1, 6):
        here.release(issue)
    assert not list(tmp_path.iterdir())


def test_a_lock_that_is_removed_while_another_opens_it_is_held_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opened the file of before must not hold the issue beside who made the file of after."""
    first, slow, quick = (FileLocks(tmp_path) for _ in range(3))
    assert first.hold(42)
    taken = locks._taken
    won: list[bool] = []

    def meanwhile(file: int) -> bool:
        monkeypatch.setattr(locks, "_taken", taken)
        first.release(42)
        won.append(quick.hold(42))
        return taken(file)

    monkeypatch.setattr(locks, "_taken", meanwhile)
    assert not slow.hold(42)
    assert won == [True]


def test_a_lock_is_not_passed_on_to_programs_we_start(tmp_path: Path) -> None:
    here = FileLocks(tmp_path)
    assert here.hold(42)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        here.release(42)
        try:
            assert FileLocks(tmp_path).hold(42)
        finally:
            child.kill()


def test_a_place_that_cannot_hold_locks_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="#42") as caught:
        FileLocks(tmp_path / "file").hold(42)
    assert str(tmp_path / "file") in caught.value.fix


def test_a_link_in_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "42.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured):
        FileLocks(tmp_path).hold(42)
    assert not (tmp_path / "elsewhere").exists()

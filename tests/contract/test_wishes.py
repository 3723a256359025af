"""The wishes contract in memory and on files; what only files can do wrong."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdock.adapters.files.wishes import FileWishes
from cdock.core.errors import Unavailable
from cdock.core.ids import TaskId
from cdock.core.wishes import Wish, WishKind
from cdock.ports import Wishes
from cdock.testing import MemoryWishes
from tests.contract.wishes_contract import OTHER, TASK, WishesContract, WishesSetting


class FileSetting(WishesSetting):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.poller: Wishes = FileWishes(root)

    def make(self, kind: WishKind, task: TaskId, *, text: str = "", author: str = "") -> Wish:
        return FileWishes(self.root).make(kind, task, text=text, author=author)


class MemorySetting(WishesSetting):
    def __init__(self) -> None:
        self.poller: Wishes = MemoryWishes()

    def make(self, kind: WishKind, task: TaskId, *, text: str = "", author: str = "") -> Wish:
        assert isinstance(self.poller, MemoryWishes)
        return self.poller.make(kind, task, text=text, author=author)


class TestMemoryWishes(WishesContract):
    @pytest.fixture
    def setting(self) -> WishesSetting:
        return MemorySetting()


class TestFileWishes(WishesContract):
    @pytest.fixture
    def setting(self, tmp_path: Path) -> WishesSetting:
        return FileSetting(tmp_path / "not" / "yet" / "there")


def test_nobody_else_may_read_what_is_wished(tmp_path: Path) -> None:
    wish = FileWishes(tmp_path).make(WishKind.PROMPT, TASK, text="between us")
    assert FileWishes(tmp_path).path(wish.id).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [f"{wish.id}.json"]


def _changed(field: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda record: {**record, field: value}


def _without(field: str) -> Callable[[dict[str, Any]], object]:
    return lambda record: {key: value for key, value in record.items() if key != field}


@pytest.mark.parametrize(
    "change",
    [
        _changed("version", 2),
        _changed("id", "0" * 32),
        _changed("id", 7),
        _changed("kind", "world peace"),
        _changed("task", "42"),
        _changed("task", None),
        _changed("made_at", "2026-11-21T12:00:00"),
        _changed("made_at", "soon"),
        _changed("text", ["a"]),
        _changed("author", None),
        _without("text"),
        _without("version"),
        lambda _: [],
        lambda _: None,
    ],
)
def test_what_is_no_wish_is_left_alone_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Callable[[dict[str, Any]], object]
) -> None:
    wishes = FileWishes(tmp_path)
    bad, good = wishes.make(WishKind.STOP, TASK), wishes.make(WishKind.STOP, OTHER)
    record = json.loads(wishes.path(bad.id).read_text())
    wishes.path(bad.id).write_text(json.dumps(change(record)))
    for name in ("notes.txt", f".{bad.id}.json.x7", "cdock.add-login.a7b2c8d.stop"):
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING, logger="cdock"):
        assert wishes.list() == wishes.list() == (good,)
    (told,) = [record for record in caplog.records if record.name == "cdock"]
    assert bad.id in vars(told)["error"]
    assert wishes.path(bad.id).exists()


@pytest.mark.parametrize("junk", [b"", b"{", b"\xff\xfe"])
def test_bytes_that_are_no_json(tmp_path: Path, junk: bytes) -> None:
    wishes = FileWishes(tmp_path)
    good = wishes.make(WishKind.STOP, TASK)
    (tmp_path / "x.json").write_bytes(junk)
    assert wishes.list() == (good,)


def test_a_disk_that_says_no_is_told_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "wishes").write_text("a file where the directory should be")
    wishes = FileWishes(tmp_path / "wishes")
    for failing in (lambda: wishes.make(WishKind.STOP, TASK), wishes.list):
        with pytest.raises(Unavailable) as caught:
            failing()
        assert caught.value.code == "CD213"
        assert str(tmp_path / "wishes") in caught.value.tried
        assert caught.value.fix


def test_a_wish_that_vanishes_while_it_is_looked_for_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = FileWishes(tmp_path)
    wish = wishes.make(WishKind.STOP, TASK)
    read = Path.read_bytes

    def gone(path: Path) -> bytes:
        path.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert wishes.list() == ()
    assert not wishes.waits(wish.id)


def test_wishes_of_many_processes_are_all_kept(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from cdock.adapters.files.wishes import FileWishes;"
        "from cdock.core.ids import TaskId; from cdock.core.wishes import WishKind;"
        "[FileWishes(Path(sys.argv[1])).make(WishKind.PROMPT, TaskId('add-login', 'a7b2c8d'), text=str(n))"
        " for n in range(20)]"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0] * 4
    assert sorted(wish.text for wish in FileWishes(tmp_path).list()) == sorted(
        str(n) for n in range(20) for _ in range(4)
    )

"""What is kept in files survives full disks, crashes and a second process."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdock.adapters.files.atomic import write_atomic
from cdock.adapters.files.logs import NOTE, FileLogs
from cdock.adapters.files.mirror import FileMirror
from cdock.adapters.files.poller import identity, only_poller, poller_runs
from cdock.core.errors import Refused, Unavailable
from cdock.core.ids import TaskId

TASK = TaskId("add-login", "a7b2c8d")
OTHER = TaskId("fix-logout", "0123abc")
LIMIT = 60.0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# Atomic files


def test_a_file_is_written_whole_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "state.json"
    for text in ("old — “ä”\n", "new\n"):
        write_atomic(path, text)
        assert path.read_bytes() == text.encode()
    assert names(path.parent) == ["state.json"]


def test_a_secret_file_is_never_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    seen = []

    def fsync(handle: int) -> None:
        seen.append(os.fstat(handle).st_mode & 0o777)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(path, "secret", mode=0o600)
    assert seen == [0o600], "not even before it has its name"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fault", [no_space, interrupted])
@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod"])
def test_a_failure_at_any_point_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fault: Callable[..., None]
) -> None:
    path = tmp_path / "state.json"
    write_atomic(path, "old")
    monkeypatch.setattr(place, fault)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_atomic(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["state.json"]


def test_a_disk_that_takes_only_half(tmp_path: Path) -> None:
    """A real write that fails half way: the process may write no file larger than 4 KB."""
    path = tmp_path / "state.json"
    write_atomic(path, "old")
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from cdock.adapters.files.atomic import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    write_atomic(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, str(path)), capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert done.stdout == f"{errno.EFBIG}\n"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["state.json"]


def test_a_reader_sees_the_old_or_the_new_and_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    texts = {"a" * 200_000, "b" * 200_000}
    write_atomic(path, "a" * 200_000)
    ended = threading.Event()

    def write() -> None:
        for _ in range(50):
            for text in sorted(texts):
                write_atomic(path, text)
        ended.set()

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        seen = set()
        while not ended.is_set() and not writer.done():
            seen.add(path.read_text())
        writer.result(LIMIT)
    assert seen <= texts


# Logs


def test_logs_are_kept_byte_by_byte(tmp_path: Path) -> None:
    logs = FileLogs(tmp_path)
    name = TASK.run(1)
    assert logs.size(TASK, name) == 0
    assert logs.read(TASK, name) == logs.read(TASK, name, offset=7) == b""
    for piece in (b"\xff\x00\r\n", "ä".encode()[:1], "ä".encode()[1:]):
        logs.append(TASK, name, piece)
    whole = b"\xff\x00\r\n" + "ä".encode()
    again = FileLogs(tmp_path)
    assert again.size(TASK, name) == len(whole)
    for offset in range(len(whole) + 3):
        assert again.read(TASK, name, offset=offset) == whole[offset:]


def test_logs_are_for_this_user_alone(tmp_path: Path) -> None:
    """An agent prints what it finds, and a plain process finds its provider's key in its environment."""
    logs = FileLogs(tmp_path)
    logs.append(TASK, TASK.run(1), b"ANTHROPIC_API_KEY=...")
    assert logs.path(TASK, TASK.run(1)).stat().st_mode & 0o077 == 0


def test_logs_of_runs_and_tasks_do_not_mix(tmp_path: Path) -> None:
    logs = FileLogs(tmp_path)
    for task, run in (
        (TASK, TASK.run(1)),
        (TASK, TASK.check(1)),
        (TASK, TASK.run(11)),
        (OTHER, OTHER.run(1)),
    ):
        logs.append(task, run, run.encode())
    assert logs.read(TASK, TASK.run(1)) == TASK.run(1).encode()
    assert logs.read(TASK, TASK.check(1)) == TASK.check(1).encode()
    assert logs.read(OTHER, OTHER.run(1)) == OTHER.run(1).encode()


def test_of_a_run_that_prints_without_end_the_beginning_is_kept(tmp_path: Path) -> None:
    logs, name = FileLogs(tmp_path, limit=10), TASK.run(1)
    logs.append(TASK, name, b"0123456789")
    assert logs.read(TASK, name) == b"0123456789", "as much as there is room for"
    for printed in (12, 15, 99):
        logs.append(TASK, name, b"x" * (printed - logs.size(TASK, name)))
        assert logs.size(TASK, name) == printed, "or what was left out would be asked for again at every look"
    assert logs.read(TASK, name) == b"0123456789" + NOTE
    again = FileLogs(tmp_path, limit=10)
    assert again.size(TASK, name) == 10
    again.append(TASK, name, b"x" * 89)
    assert again.size(TASK, name) == 99
    assert again.read(TASK, name) == b"0123456789" + NOTE
    logs.append(TASK, TASK.run(2), b"all at once, and too much")
    assert logs.read(TASK, TASK.run(2)) == b"all at onc" + NOTE
    assert logs.size(TASK, TASK.run(2)) == len(b"all at once, and too much")


def test_a_full_disk_keeps_what_fitted_and_is_said(tmp_path: Path) -> None:
    """What fitted is not asked for again: the size on disk says from where the next copy goes on."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from cdock.adapters.files.logs import FileLogs\n"
        "from cdock.core.errors import Unavailable\n"
        "from cdock.core.ids import TaskId\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "logs, task, whole = FileLogs(Path(sys.argv[1])), TaskId('add-login', 'a7b2c8d'), bytes(range(256)) * 100\n"
        "try:\n"
        "    logs.append(task, task.run(1), whole)\n"
        "except Unavailable as error:\n"
        "    print(error.code, error.fix != '')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "logs.append(task, task.run(1), whole[logs.size(task, task.run(1)):])\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert done.stdout == "CD210 True\n"
    assert FileLogs(tmp_path).read(TASK, TASK.run(1)) == bytes(range(256)) * 100


# The mirror


def test_the_mirror_is_replaced_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    mirror = FileMirror(path)
    mirror.save({"version": 1, "tasks": [{"title": "größer"}]})
    first = path.stat()
    assert json.loads(path.read_text(encoding="utf-8")) == {"version": 1, "tasks": [{"title": "größer"}]}
    mirror.save({"version": 1, "tasks": [{"title": "größer"}]})
    assert path.stat().st_ino == first.st_ino
    mirror.save({"version": 1, "tasks": []})
    assert json.loads(path.read_text(encoding="utf-8"))["tasks"] == []
    path.unlink()
    mirror.save({"version": 1, "tasks": []})
    assert path.exists(), "somebody deleted it"


def test_a_mirror_that_could_not_be_written_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    mirror = FileMirror(path)
    mirror.save({"n": 1})
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(Unavailable) as caught:
        mirror.save({"n": 2})
    assert str(path) in caught.value.tried
    assert caught.value.fix
    assert json.loads(path.read_text()) == {"n": 1}
    monkeypatch.undo()
    mirror.save({"n": 2})
    assert json.loads(path.read_text()) == {"n": 2}


def test_the_mirror_of_commands_has_a_task_a_line_and_that_of_people_is_wide(tmp_path: Path) -> None:
    here, shown = tmp_path / "cdock" / "state.json", tmp_path / "state.json"
    tasks = [{"title": "größer", "attempts": {"history": []}}, {"title": "two\nlines"}]
    record = {"version": 1, "isolation": "", "forge": {}, "tasks": tasks, "queue": []}
    FileMirror(here, shown=shown).save(record)
    assert (
        json.loads(here.read_text(encoding="utf-8"))
        == json.loads(shown.read_text(encoding="utf-8"))
        == record
    )
    assert len(here.read_text(encoding="utf-8").splitlines()) == 8
    assert '      "title": "größer",\n' in shown.read_text(encoding="utf-8")


# Who polls


def test_the_identity_is_made_once(tmp_path: Path) -> None:
    root = tmp_path / "new" / "cdock"
    first = identity(root)
    assert len(first) >= 32
    assert identity(root) == first
    assert identity(tmp_path / "other") != first


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"id"', "{}", '{"id": ""}', '{"id": 7}', '{"id": null}', "\ufeff", "\udcff"],
)
def test_a_broken_identity_is_made_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "poller.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    fresh = identity(tmp_path)
    assert fresh
    assert identity(tmp_path) == fresh == json.loads(path.read_text())["id"]


def test_two_commands_that_are_first_at_once_share_an_identity(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def first(root: Path) -> str:
        together.wait(LIMIT)
        return identity(root)

    with ThreadPoolExecutor(8) as pool:
        for round_ in range(10):
            root = tmp_path / str(round_)
            assert len(set(pool.map(first, [root] * 8))) == 1


@contextmanager
def another_poller(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the poller's lock until its standard input ends."""
    program = (
        "import sys; from pathlib import Path\n"
        "from cdock.adapters.files.poller import only_poller\n"
        "with only_poller(Path(sys.argv[1])):\n"
        "    print('in', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        (sys.executable, "-c", program, str(root)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == "in\n"
            yield process
        finally:
            process.stdin.close()
            process.wait(LIMIT)


def test_one_poller_at_a_time(tmp_path: Path) -> None:
    assert not poller_runs(tmp_path)
    with another_poller(tmp_path):
        assert poller_runs(tmp_path)
        with pytest.raises(Refused) as caught, only_poller(tmp_path):
            pytest.fail("two pollers at once")
        assert caught.value.code == "CD402"
        assert caught.value.fix
    assert not poller_runs(tmp_path)
    with only_poller(tmp_path):
        assert poller_runs(tmp_path)
    assert not poller_runs(tmp_path)


def test_two_who_ask_at_once_do_not_take_each_other_for_a_poller(tmp_path: Path) -> None:
    with only_poller(tmp_path):
        pass
    with (tmp_path / "poller.lock").open("rb") as another:
        fcntl.flock(another, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert not poller_runs(tmp_path)


def test_a_killed_poller_leaves_no_lock(tmp_path: Path) -> None:
    with another_poller(tmp_path) as process:
        process.kill()
        process.wait(LIMIT)
        assert not poller_runs(tmp_path)
        with only_poller(tmp_path):
            pass


def test_a_failing_poller_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_poller(tmp_path):
        raise ZeroDivisionError
    assert not poller_runs(tmp_path)


def test_a_look_does_not_keep_a_poller_from_starting(tmp_path: Path) -> None:
    """`cdock status` holds the lock for a moment; a poller that starts right then must not be refused."""
    from filelock import FileLock

    look = FileLock(tmp_path / "poller.lock", thread_local=False)
    look.acquire()
    timer = threading.Timer(0.2, look.release)
    timer.start()
    with only_poller(tmp_path):
        timer.join(LIMIT)
        assert poller_runs(tmp_path)

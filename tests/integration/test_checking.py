"""Checks apart from all tasks, with real git and real runs: plain processes and containers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from cdock.adapters.files.locks import FileLocks
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.adapters.local.runner import LocalRunner
from cdock.adapters.system import SystemClock
from cdock.core.ids import check_id
from cdock.core.policy import Policy
from cdock.ports import Clock, Locks, Runner, Workspaces
from cdock.reconciler.checking import check
from tests import docker_engine, git_repos

LIMIT = 60.0


@dataclass
class Desk:
    """See `Bench`."""

    runner: Runner
    workspaces: Workspaces
    locks: Locks
    clock: Clock
    policy: Policy

    def fit(self, text: str) -> str:
        return text


def desk(root: Path, runner: Runner, *, time_box: float = 600) -> tuple[Desk, str]:
    """A desk with a published commit."""
    forge = root / "forge.git"
    if not forge.exists():
        git_repos.bare(forge)
    workspaces = GitWorkspaces(Place(root / "clone"), url=f"file://{forge}")
    policy = Policy(time_box=timedelta(seconds=time_box), stop_grace=timedelta(seconds=1))
    locks = FileLocks(root / "locks")
    return Desk(runner, workspaces, locks, SystemClock(), policy), workspaces.target()


def local(root: Path) -> LocalRunner:
    return LocalRunner(root, environment=os.environ)


def test_local_commands_run_on_the_commit(tmp_path: Path) -> None:
    bench, commit = desk(tmp_path, local(tmp_path / "runs"))
    said: list[str] = []
    result = check(bench, commit, ["cat README.md", "git rev-parse HEAD"], name="main", say=said.append)
    assert result.exit_code == 0
    assert said == ["$ cat README.md", "# hello", "[exit 0]", "$ git rev-parse HEAD", commit, "[exit 0]"]
    assert result.tail == "".join(f"{line}\n" for line in said)
    assert bench.runner.list() == ()
    assert not any((tmp_path / "runs/runs").glob("cdock.*"))


def test_the_first_failure_ends_it(tmp_path: Path) -> None:
    bench, commit = desk(tmp_path, local(tmp_path / "runs"))
    result = check(bench, commit, ["true", "exit 7", "touch never"], name="main", say=lambda _: None)
    assert result.exit_code == 7
    assert "never" not in result.tail


def test_what_does_not_end_is_ended(tmp_path: Path) -> None:
    bench, commit = desk(tmp_path, local(tmp_path / "runs"), time_box=1)
    result = check(bench, commit, ["echo begun; sleep 300"], name="main", say=lambda _: None)
    assert result.exit_code != 0
    assert "cdock: ended after 1 seconds" in result.tail
    assert bench.runner.list() == ()


_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from cdock.reconciler.checking import check
from tests.integration.test_checking import desk, local
bench, commit = desk(Path(sys.argv[1]), local(Path(sys.argv[1]) / "runs"))
def say(line):
    print(line, flush=True)
check(bench, commit, [f"echo begun; sleep {sys.argv[2]}"], name="main", say=say)
"""


def test_the_next_one_clears_up_after_a_killed_one(tmp_path: Path) -> None:
    mark = f"{300 + os.getpid() / 1e6:.6f}"
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path), mark, root], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while "begun" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    bench, commit = desk(tmp_path, local(tmp_path / "runs"))
    (left,) = bench.runner.list()
    assert (left.task, left.alive) == (check_id("main"), True)
    assert check(bench, commit, ["true"], name="main", say=lambda _: None).exit_code == 0
    assert bench.runner.list() == ()
    end = time.monotonic() + LIMIT
    while _sleeps(mark):
        assert time.monotonic() < end, "its process is still there"


def _sleeps(mark: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            return True
    return False


@pytest.fixture
def docker_place() -> Iterator[docker_engine.Place]:
    with docker_engine.place() as at:
        yield at


@pytest.mark.docker
def test_containers_run_on_the_commit(tmp_path: Path, docker_place: docker_engine.Place) -> None:
    bench, commit = desk(tmp_path, docker_place.runner())
    said: list[str] = []
    commands = ["git rev-parse HEAD", "cat README.md; exit 4"]
    result = check(bench, commit, commands, name=f"main of {docker_place.short}", say=said.append)
    assert result.exit_code == 4
    assert said[1:] == [commit, "[exit 0]", "$ cat README.md; exit 4", "# hello", "[exit 4]"]
    assert docker_place.runner().list() == ()
    api = docker_place.engine.connect(tried="looking for what is left")
    chosen = {"label": f"io.cdock.instance={docker_place.instance}"}
    assert api.containers(all=True, filters=chosen) == []
    assert not api.volumes(filters=chosen)["Volumes"]

"""Fetching what an agent has committed: quarantine, checks and worktree included; a bare `git fetch` is the floor."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from cdock.adapters.local.runner import LocalRunner
from cdock.core.task import Task
from cdock.ports import Runner
from cdock.reconciler.loop import tick
from tests.bench.ground import LIMIT, Poller, repository, wait_for
from tests.bench.measure import Figure, against, interleaved, timed
from tests.docker_engine import place
from tests.git_repos import git, write

WAITS = '["sh", "-c", "echo up; exec sleep 600"]'
_COMMIT = ("git", "-C", "/workspace/src", "commit", "--quiet", "--allow-empty", "-m", "More")


def harvest_local(rounds: int) -> Iterator[Figure]:
    """No goal is set; the figure says what quarantine and checks cost."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        runner = LocalRunner(root / "clone" / ".git" / "cdock", environment=dict(os.environ))
        poller, task = _running(root, runner)
        source = root / "clone" / ".git" / "cdock" / "runs" / str(task.id) / "src"

        def commit() -> None:
            subprocess.run(("git", *_COMMIT[3:]), cwd=source, timeout=LIMIT, check=True)

        try:
            yield from _compared(root, poller, task, commit, rounds=rounds)
        finally:
            poller.drop(task)


def harvest_docker(rounds: int) -> Iterator[Figure]:
    """No goal is set. The floor fetches from a directory, so the ratio holds the price of the container."""
    with tempfile.TemporaryDirectory() as scratch, place() as engine:
        root = Path(scratch)
        runner = engine.runner()
        poller, task = _running(root, runner)
        api = engine.engine.connect(tried="measuring")

        def commit() -> None:
            made = api.exec_create(task.id.run(1), list(_COMMIT))
            api.exec_start(made["Id"])

        yield from _compared(root, poller, task, commit, rounds=rounds)


def _running(root: Path, runner: Runner) -> tuple[Poller, Task]:
    origin = repository(root / "origin.git")
    poller = Poller(root / "clone" / ".git" / "cdock", origin=origin, runner=runner, argv=WAITS)
    number = poller.hub.open_issue("Measure", labels=["agent-ready"])
    while number not in poller.house.memory.claims or not poller.house.memory.claims[number].task.last:
        tick(poller.house)
    task = poller.house.memory.claims[number].task
    wait_for("the agent", partial(runner.output, task.id.run(1), offset=0))
    return poller, task


def _compared(
    root: Path, poller: Poller, task: Task, commit: Callable[[], None], *, rounds: int
) -> Iterator[Figure]:
    workspaces, branch, numbers = poller.house.workspaces, task.id.branch(), count(1)
    source, target = repository(root / "floor.git"), root / "target.git"
    git(source, "clone", "--quiet", "--bare", str(source), str(target))

    def harvest() -> object:
        return workspaces.harvest(
            task.id, closes=task.issue, branch=branch, remote=poller.runner.remote(task.id)
        )

    def fetch() -> object:
        return git(target, "fetch", "--quiet", str(source), "+refs/heads/main:refs/heads/got")

    def floor_new() -> float:
        write(source, {"new.txt": f"{next(numbers)}\n"})
        return timed(fetch)()

    def new() -> float:
        commit()
        return timed(harvest)()

    ways = {"floor": floor_new, "floor, nothing": timed(fetch), "new": new, "nothing": timed(harvest)}
    taken = interleaved(ways, rounds=rounds)
    yield against("harvest of a new commit", taken["new"], taken["floor"])
    yield against("harvest, nothing new", taken["nothing"], taken["floor, nothing"])

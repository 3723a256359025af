"""A poller's new life: how long until it knows every run of the last one, and holds every claim as its own."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil

from cdock.adapters.files.logs import FileLogs
from cdock.adapters.local.runner import LocalRunner
from cdock.reconciler.loop import tick
from cdock.reconciler.observe import observe
from tests.bench.ground import Poller, kill_session, repository, wait_for
from tests.bench.measure import Figure, Samples, against, growth, interleaved
from tests.git_repos import git

SAID = "one line\n"
WAITS = json.dumps(["sh", "-c", "echo one line; exec sleep 600"])


def restart_local(rounds: int, *, sizes: Sequence[int] = (5, 20, 50)) -> Iterator[Figure]:
    """Goals: known within 1 s, nothing lost, nothing twice. F fetches the claims and asks the system for each pid."""
    known: dict[int, Samples] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            origin = repository(root / "origin.git")
            first = _life(root, origin)
            pids = _started(first, root, runs=size)
            try:
                yield from _measured(root, origin, first, pids, rounds=rounds, known=known)
            finally:
                for pid in pids:
                    kill_session(pid)
                    os.waitpid(pid, 0)
    yield growth("adoption, growth", known, goal=1)


def _life(root: Path, origin: Path, *, before: Poller | None = None) -> Poller:
    """A poller with nothing in its memory; the forge goes on."""
    state = root / "clone" / ".git" / "cdock"
    poller = Poller(state, origin=origin, runner=LocalRunner(state, environment=dict(os.environ)), argv=WAITS)
    if before:
        poller.hub.issues = before.hub.issues
        poller.hub.labelled_by = before.hub.labelled_by
    return poller


def _started(poller: Poller, root: Path, *, runs: int) -> list[int]:
    for number in range(runs):
        poller.hub.open_issue(f"Measure {number}", labels=["agent-ready"])
    while tick(poller.house):
        pass
    names = [f"{claim.task.id}.1" for claim in poller.house.memory.claims.values()]
    for name in names:
        wait_for(f"{name} speaks", partial(poller.runner.output, name, offset=0))
    notes = (root / "clone" / ".git" / "cdock" / "runs").glob("*/attempts/*/run.json")
    return [json.loads(note.read_text())["pid"] for note in notes]


def _measured(
    root: Path,
    origin: Path,
    first: Poller,
    pids: Sequence[int],
    *,
    rounds: int,
    known: dict[int, Samples],
) -> Iterator[Figure]:
    size, cache, beats = len(pids), root / "cache.git", list[float]()
    git(origin, "init", "--quiet", "--bare", str(cache))
    lives = [first]

    def floor() -> float:
        began = time.perf_counter()
        git(cache, "fetch", "--quiet", "--prune", str(origin), "+refs/cdock/claims/*:refs/cdock/claims/*")
        states = [psutil.Process(pid).status() for pid in pids]
        assert len(states) == size
        return time.perf_counter() - began

    def adopted() -> float:
        began = time.perf_counter()
        poller = _life(root, origin, before=lives[-1])
        world = observe(poller.house)
        seconds = time.perf_counter() - began
        assert sum(run.alive for run in world.runs) == size
        began = time.perf_counter()
        tick(poller.house)
        beats.append(time.perf_counter() - began)
        lives.append(poller)
        return seconds

    taken = interleaved({"floor": floor, "adopted": adopted}, rounds=rounds)
    known[size] = taken["adopted"]
    yield against(f"{size} runs known again", taken["adopted"], taken["floor"])
    median = taken["adopted"].median
    yield Figure(f"{size} runs known again, time", f"{median * 1000:.0f} ms", "≤ 1 s", median <= 1)
    beat = sorted(beats)[len(beats) // 2]
    yield Figure(f"{size} claims made our own (a push each)", f"{beat * 1000:.0f} ms")
    while tick(lives[-1].house):
        pass
    runs = lives[-1].runner.list()
    logs = FileLogs(root / "clone" / ".git" / "cdock" / "tasks")
    lost = sum(logs.read(run.task, run.name) != SAID.encode() for run in runs)
    again = sum(len(claim.task.attempts) - 1 for claim in lives[-1].house.memory.claims.values())
    twice = len(runs) - size + again
    yield Figure(
        f"{size} runs: logs that differ, second runs", f"{lost}, {twice}", "0, 0", lost == twice == 0,
        f"after {len(lives) - 1} restarts",
    )  # fmt: skip

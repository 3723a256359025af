"""What one look at live containers costs, which the poller takes every second while agents run."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from cdock.core.events import Launch, RunSpec
from cdock.core.ids import TaskId
from cdock.core.runs import Role
from cdock.ports import Runner
from tests.bench.ground import repository, wait_for
from tests.bench.measure import Figure, Samples, against, growth, interleaved, timed
from tests.docker_engine import Place, place
from tests.git_repos import git

LINE = "a line of what an agent says while it works, as long as such lines are\n"
PRINTED = 1024 * 1024 // len(LINE) * len(LINE)
"""Bytes an agent has said by the time of the look; Claude Code's stream of a long attempt is larger."""


def look_docker(rounds: int, *, sizes: Sequence[int] = (1, 4, 8)) -> Iterator[Figure]:
    """No goal of its own; the floor is one list call of the engine by label."""
    listed: dict[int, Samples] = {}
    with tempfile.TemporaryDirectory() as scratch:
        origin = repository(Path(scratch) / "origin.git")
        for size in sizes:
            with place() as engine:
                names = _start(engine, origin, runs=size)
                runner = engine.runner()
                api = engine.engine.connect(tried="measuring")
                chosen = {"label": f"io.cdock.instance={engine.instance}"}

                def floor() -> object:
                    return api.containers(all=True, filters=chosen)  # noqa: B023 (called in this turn only)

                def looked() -> object:
                    return runner.list()  # noqa: B023

                def read() -> object:
                    return [runner.output(name, offset=PRINTED) for name in names]  # noqa: B023

                ways = {"floor": timed(floor), "list": timed(looked), "output": timed(read)}
                used = time.process_time()
                taken = interleaved(ways, rounds=rounds)
                used = (time.process_time() - used) / (rounds + 1)
                listed[size] = taken["list"]
                yield against(f"runner.list(), {size} live", taken["list"], taken["floor"])
                yield against(
                    f"output of each, {size} live, nothing new after 1 MiB", taken["output"], taken["floor"]
                )
                yield Figure(
                    f"our processor time a look, {size} live",
                    f"{used * 1000:.0f} ms",
                    how="the engine's not counted",
                )
    yield growth("runner.list(), growth", listed, goal=1)


def _start(engine: Place, origin: Path, *, runs: int) -> tuple[str, ...]:
    """Runs that have printed and now wait."""
    runner = engine.runner()
    says = f"yes '{LINE.strip()}' | head -n {PRINTED // len(LINE)}; exec sleep 600"
    base = git(origin, "rev-parse", "main")
    tasks = [TaskId("measure", f"{number:02}{engine.short[:5]}") for number in range(runs)]
    for task in tasks:
        runner.start(
            RunSpec(
                name=task.run(1),
                task=str(task),
                attempt=1,
                role=Role.AGENT,
                base=base,
                branch=task.branch(),
                objects=str(origin / "objects"),
                launch=Launch(argv=("sh", "-c", says)),
            )
        )
    names = tuple(task.run(1) for task in tasks)
    for name in names:
        wait_for(f"{name} has said all", partial(_all_said, runner, name))
    return names


def _all_said(runner: Runner, name: str) -> bytes:
    said = runner.output(name, offset=0)
    return said if len(said) >= PRINTED else b""

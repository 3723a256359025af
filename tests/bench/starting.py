"""From the claim to an agent that runs: how much of it is ours, and how much is git's and the engine's.

The agent prints the time at which it began; host and container have the same clock, so nothing has to be watched.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from cdock.adapters.local.runner import LocalRunner
from cdock.core.events import Job, RunSpec
from cdock.core.runs import Role
from cdock.core.task import Task
from cdock.ports import Runner
from cdock.reconciler.loop import tick
from tests.bench.ground import LIMIT, POLICY, Poller, clone, moment, repository, wait_for
from tests.bench.measure import Figure, against, clean_environment, interleaved
from tests.docker_engine import place
from tests.git_repos import git

NOW = ("date", "+%s%N")


def start_local(rounds: int) -> Iterator[Figure]:
    """Goal: 3 F, F being `git worktree add` and a plain start of the program."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        runner = LocalRunner(root / "clone" / ".git" / "cdock", environment=dict(os.environ))

        def started(tree: Path) -> float:
            done = subprocess.run(
                NOW,
                cwd=tree,
                env=clean_environment(),
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=True,
            )
            return moment(done.stdout)

        yield from _compared(root, runner, started, rounds=rounds, goal=3)


def start_docker(rounds: int) -> Iterator[Figure]:
    """Goal: 1.25 F, F being `git worktree add` and an engine's create and start of the same image without walls."""
    from docker.types import Mount

    with tempfile.TemporaryDirectory() as scratch, place() as engine:
        root = Path(scratch)
        api = engine.engine.connect(tried="measuring")
        labels = {"io.cdock.instance": engine.instance}

        def started(tree: Path) -> float:
            mounts = [Mount(target="/workspace", source=str(tree), type="bind")]
            config = api.create_host_config(network_mode="none", mounts=mounts)
            made = api.create_container(
                engine.image, entrypoint=list(NOW), command=[], labels=labels, host_config=config
            )
            api.start(made["Id"])
            api.wait(made["Id"])
            printed: str = api.logs(made["Id"]).decode()
            api.remove_container(made["Id"])
            return moment(printed)

        yield from _compared(root, engine.runner(), started, rounds=rounds, goal=1.25)


def _compared(
    root: Path, runner: Runner, started: Callable[[Path], float], *, rounds: int, goal: float
) -> Iterator[Figure]:
    origin = repository(root / "origin.git")
    plain = clone(origin, root / "plain")
    argv = json.dumps(NOW)
    poller = Poller(root / "clone" / ".git" / "cdock", origin=origin, runner=runner, argv=argv)
    numbers = count(1)
    parts: dict[str, list[float]] = {"workspace": [], "claim": [], "run": [], "inside": []}

    def floor() -> float:
        tree = root / f"tree{next(numbers)}"
        began = time.time()
        git(plain, "worktree", "add", "--quiet", "-b", tree.name, str(tree), "origin/main")
        seconds = started(tree) - began
        git(plain, "worktree", "remove", "--force", str(tree))
        return seconds

    def loop() -> float:
        number = poller.hub.open_issue(f"Measure {next(numbers)}", labels=["agent-ready"])
        tick(poller.house)
        began = time.time()
        while (task := poller.house.memory.claims[number].task).last is None:
            tick(poller.house)
        seconds = _agent_began(runner, task) - began
        poller.drop(task)
        return seconds

    def steps() -> float:
        house = poller.house
        number = poller.hub.open_issue(f"Measure {next(numbers)}", labels=["agent-ready"])
        tick(house)
        claim = house.memory.claims[number]
        task = claim.task
        clock = [time.time()]
        workspace = house.workspaces.ensure(task, branch=task.id.branch())
        clock.append(time.time())
        house.claims.swap(number, expected=claim.oid, claim=claim)
        clock.append(time.time())
        agent = house.agents[POLICY.agent]
        launch = agent.start(Job("Measure.", "session", settings={"argv": argv}))
        runner.start(
            RunSpec(
                name=task.id.run(1),
                task=str(task.id),
                attempt=1,
                role=Role.AGENT,
                base=workspace.head,
                branch=task.id.branch(),
                objects=house.workspaces.objects,
                launch=launch,
            )
        )
        clock.append(time.time())
        clock.append(_agent_began(runner, task))
        for name, before, after in zip(parts, clock[:-1], clock[1:], strict=True):
            parts[name].append(max(0.0, after - before))
        house.memory.claims = {claim.issue: claim for claim in house.claims.list()}
        poller.drop(task)
        return clock[-1] - clock[0]

    taken = interleaved({"floor": floor, "steps": steps, "loop": loop}, rounds=rounds)
    yield against("workspace, claim and run, one after the other", taken["steps"], taken["floor"], goal=goal)
    yield against("the loop, from claimed on", taken["loop"], taken["floor"], goal=goal)
    shares = ", ".join(f"{name} {sorted(s)[len(s) // 2] * 1000:.0f} ms" for name, s in parts.items())
    yield Figure("(where the steps' time goes)", "", how=f"{shares} (inside: after the runner came back)")


def _agent_began(runner: Runner, task: Task) -> float:
    name = task.id.run(1)
    return moment(wait_for(f"{name} runs", partial(runner.output, name, offset=0)).decode())

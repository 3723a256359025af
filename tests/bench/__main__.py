"""`python -m tests.bench [NAME…]`: run benchmarks, and say which goals are reached.

Exit code 1 when a goal is not: a missed ratio fails a benchmark run, and never a test.
"""

import argparse
import importlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.bench.measure import Figure
from tests.docker_engine import engine_ready

Benchmark = Callable[[int], Iterator[Figure]]

# Name: module, rounds, what it is. The rounds keep each below a minute on two cores, `claims` at some minutes.
BENCHMARKS: dict[str, tuple[str, int, str]] = {
    "help": ("startup", 21, "`cdock --help`: time and memory"),
    "status": ("startup", 15, "`cdock status` without a terminal, 10 to 1,000 tasks"),
    "submit": ("startup", 15, "`cdock create` and `cdock fanout`, until all is kept and handed over"),
    "start-local": ("starting", 9, "claimed → agent process running, local runner"),
    "start-docker": ("starting", 9, "claimed → agent process running, hardened container"),
    "harvest-local": ("harvesting", 9, "fetching an agent's commits, local runner"),
    "harvest-docker": ("harvesting", 9, "fetching an agent's commits by a one-shot container"),
    "look-docker": ("looking", 9, "one look at live containers and their output"),
    "restart-local": ("restart", 5, "a new poller finds live runs of the last one"),
    "poll": ("traffic", 2, "an idle poll: requests and GitHub points"),
    "issue": ("traffic", 1, "one issue from label to merge: requests, points, creations, pushes"),
    "claims": (
        "claiming",
        10,
        "1,000 contested claims a round, eight processes; claims against plain pushes",
    ),
    "replay": ("budget", 5, "200 writes that were kept back, at the rate that is permitted"),
    "edits": ("budget", 2, "status edits of a hundred agents: the budget of an hour"),
    "tick": ("ticks", 5, "one tick on in-memory ports, 10 to 1,000 issues"),
    "fingerprints": ("fingerprints", 21, "the same error or another one: precision, recall, time"),
}


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name; its module is imported now."""
    module = importlib.import_module(f"tests.bench.{BENCHMARKS[name][0]}")
    found: Benchmark = getattr(module, name.replace("-", "_"))
    return found


def _say(figure: Figure) -> None:
    mark = {None: " ", True: "✓", False: "✗"}[figure.reached]
    goal = f"  goal {figure.goal}" if figure.goal else ""
    print(f"  {mark} {figure.what:<44} {figure.value:>12}{goal}")
    if figure.how:
        print(f"      {figure.how}")


def _machine() -> str:
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {git.stdout.strip()}"
    )


def _load() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def main() -> int:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a name of --list; none: all")
    parser.add_argument("--rounds", type=int, help="instead of each benchmark's own number")
    parser.add_argument("--list", action="store_true", help="what there is")
    wanted = parser.parse_args()
    if unknown := sorted(set(wanted.names) - set(BENCHMARKS)):
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    if wanted.list:
        for name, (_, rounds, what) in BENCHMARKS.items():
            print(f"{name:<16} {what} ({rounds} rounds)")
        return 0
    print(f"{time.strftime('%Y-%m-%d %H:%M')}  {_machine()}")
    missed = 0
    for name in wanted.names or BENCHMARKS:
        began, before = time.monotonic(), _load()
        print(f"\n{name}: {BENCHMARKS[name][2]}")
        if name.endswith("-docker") and not engine_ready():
            print("    not run: there is no Docker Engine with the agent image here")
            continue
        for figure in benchmark(name)(wanted.rounds or BENCHMARKS[name][1]):
            missed += figure.reached is False
            _say(figure)
        print(f"      load {before} → {_load()}, {time.monotonic() - began:.0f} s")
    print(f"\n{missed} goals not reached" if missed else "\nall goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Samples taken side by side, and what they come to.

Other work on the machine slows all ways alike when they take turns, so ratios of one run can be trusted where
milliseconds cannot.
"""

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LIMIT = 60.0
"""Seconds one program may take."""

# A process inherits the peak of the one that forked it. So a small one stands between, and asks for its child's.
_PEAK = """
import os, resource, subprocess, sys
quiet = subprocess.DEVNULL
subprocess.run(sys.argv[1:], stdin=quiet, stdout=quiet, stderr=quiet, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Samples:
    """Seconds that one way of doing something took, once a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """What counts; a single slow round does not move it."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        low, middle, high = (_ms(s) for s in (min(self.seconds), self.median, max(self.seconds)))
        return f"{middle} ({low}-{high}) ms"


@dataclass(frozen=True)
class Figure:
    """One line of a report. `reached` is None where there is no goal."""

    what: str
    value: str
    goal: str = ""
    reached: bool | None = None
    how: str = ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.{0 if seconds >= 0.02 else 1 if seconds >= 0.001 else 3}f}"


def interleaved(ways: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, Samples]:
    """What each way takes, in turns, after a first turn that does not count; each way gives its own seconds.

    The order is turned around every round, so that no way always runs in the shadow of the same other one.
    """
    names = list(ways)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        ways[name]()
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):
            taken[name].append(ways[name]())
    return {name: Samples(tuple(seconds)) for name, seconds in taken.items()}


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """`work` as a way: all of it counts."""

    def way() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return way


def program(*argv: str, cwd: str | None = None) -> Callable[[], float]:
    """A program as a way, from the start to its end, without a terminal."""

    def once() -> None:
        subprocess.run(
            argv,
            cwd=cwd,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
            check=True,
        )

    return timed(once)


def peak_memory(*argv: str, cwd: str | None = None) -> int:
    """The most memory, in bytes, that a program had resident at any time."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PEAK, *argv],
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    return int(done.stdout) * 1024


def clean_environment() -> dict[str, str]:
    """Nothing of the person who measures but where programs are."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def against(what: str, way: Samples, floor: Samples, *, goal: float | None = None) -> Figure:
    """The ratio of two medians of one run."""
    ratio = way.median / floor.median
    return Figure(
        what=what,
        value=f"{ratio:.2f} F",
        goal=f"≤ {goal:g} F" if goal is not None else "",
        reached=ratio <= goal if goal is not None else None,
        how=f"{way}; F {floor}; n={len(way.seconds)}",
    )


def exponent(cost: Mapping[int, float]) -> float:
    """How cost grows with size: 0 not at all, 1 in proportion, 2 with the square; fitted over all sizes."""
    points = [(math.log(size), math.log(value)) for size, value in cost.items()]
    return statistics.linear_regression(*_columns(points)).slope


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def growth(what: str, cost: Mapping[int, Samples], *, goal: float) -> Figure:
    """The scaling exponent over the sizes measured."""
    slope = exponent({size: samples.median for size, samples in cost.items()})
    steps = ", ".join(f"{size}: {samples}" for size, samples in cost.items())
    return Figure(what, f"n^{slope:.2f}", f"≤ n^{goal:g}", slope <= goal, steps)

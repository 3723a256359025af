"""How well the rules of fingerprints tell the same error from another one, and how fast.

"Equal" is the positive class: precision falls when progress is taken for the same error again, recall when the same
error is taken for progress. `python -m tests.bench.fingerprints` also names the misses of the held-out half, which
ends its use for measuring rules that are changed afterwards. `python -m tests.bench.fingerprints unseen` (or
`unseen2`) is the only way to the figures of an unseen set: what is not printed at every run does not steer the rules.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cdock.core.failure_class import UNKNOWN, class_of
from cdock.core.fingerprint import fingerprint
from tests.bench.measure import Figure, growth, interleaved, timed
from tests.fixtures.failures.corpus import Half, Pair, fresh, pairs, unseen, unseen2

PRECISION, RECALL = 0.98, 0.95
SIZES = (4, 16, 64)
"""kB of the texts that are timed."""


@dataclass(frozen=True)
class Score:
    """What the rules say of some pairs."""

    hits: int
    missed: tuple[Pair, ...]
    """The same error, and taken for another."""
    mistaken: tuple[Pair, ...]
    """Another error, and taken for the same."""

    @property
    def precision(self) -> float:
        """Of those called equal, how many are; 1 when none is called so."""
        called = self.hits + len(self.mistaken)
        return self.hits / called if called else 1.0

    @property
    def recall(self) -> float:
        """Of those that are equal, how many are called so; 1 when there are none."""
        equal = self.hits + len(self.missed)
        return self.hits / equal if equal else 1.0


def score(judged: Sequence[Pair]) -> Score:
    """Today's rules on these pairs."""
    called = [(pair, fingerprint(pair.first) == fingerprint(pair.second)) for pair in judged]
    return Score(
        hits=sum(pair.equal and equal for pair, equal in called),
        missed=tuple(pair for pair, equal in called if pair.equal and not equal),
        mistaken=tuple(pair for pair, equal in called if equal and not pair.equal),
    )


def half(which: Half) -> list[Pair]:
    """The pairs of one half."""
    return [pair for pair in pairs() if pair.half == which]


def fingerprints(rounds: int) -> Iterator[Figure]:
    """Goals: precision 0.98 and recall 0.95 in each half and in the fresh set; time in proportion to the text."""
    tuning = half("tuning")
    yield from _quality("tuning half", tuning)
    yield from _quality("held-out half", half("held-out"))
    yield from _quality("held-out (fresh)", fresh())
    for tool in sorted({pair.tool for pair in tuning}):
        of_tool = [pair for pair in tuning if pair.tool == tool]
        found = score(of_tool)
        yield Figure(
            f"tuning, {tool} ({len(of_tool)})",
            f"{found.precision:.2f}  {found.recall:.2f}",
        )
    yield from _misses(tuning)
    yield from _classes("tuning half", tuning)
    yield from _classes("held-out half", half("held-out"))
    yield from _classes("held-out (fresh)", fresh())
    text = "".join(f"$ check\n{pair.first}\n{pair.second}\n" for pair in tuning)
    taken = interleaved(
        {str(size): timed(partial(fingerprint, text[: size * 1000])) for size in SIZES}, rounds=rounds
    )
    for size in SIZES:
        yield Figure(
            f"one text of {size} kB", f"{taken[str(size)].median * 1e6:,.0f} µs", how=str(taken[str(size)])
        )
    classed = interleaved({"class": timed(partial(class_of, text[:16_000]))}, rounds=rounds)["class"]
    yield Figure("class of one text of 16 kB", f"{classed.median * 1e6:,.0f} µs", how=str(classed))
    yield growth("time over size", {size: taken[str(size)] for size in SIZES}, goal=1.1)


def _quality(name: str, judged: Sequence[Pair]) -> Iterator[Figure]:
    found = score(judged)
    equal = found.hits + len(found.missed)
    yield Figure(
        f"{name}, precision",
        f"{found.precision:.3f}",
        f"≥ {PRECISION}",
        found.precision >= PRECISION,
        f"{len(found.mistaken)} of {len(judged) - equal} pairs that differ are called equal",
    )
    yield Figure(
        f"{name}, recall",
        f"{found.recall:.3f}",
        f"≥ {RECALL}",
        found.recall >= RECALL,
        f"{len(found.missed)} of {equal} pairs that are equal are called different",
    )


def same_class(judged: Sequence[Pair]) -> tuple[int, int]:
    """Of the pairs that must be equal: how many have one class, and how many there are."""
    equal = [pair for pair in judged if pair.equal]
    return sum(class_of(pair.first) == class_of(pair.second) for pair in equal), len(equal)


def _classes(name: str, judged: Sequence[Pair]) -> Iterator[Figure]:
    same, equal = same_class(judged)
    unknown = sum(class_of(pair.first) == UNKNOWN for pair in judged)
    yield Figure(
        f"{name}, same class if equal",
        f"{same / equal:.3f}",
        how=f"{same} of {equal}; {unknown} of {len(judged)} first texts have no class",
    )


def _misses(judged: Sequence[Pair]) -> Iterator[Figure]:
    found = score(judged)
    for pair in found.mistaken:
        yield Figure(pair.name, "called equal")
    for pair in found.missed:
        yield Figure(pair.name, "called different")


UNSEEN = {"unseen": unseen, "unseen2": unseen2}
"""The sets that are measured only when asked for, by the argument that asks."""


def _of_unseen(which: str) -> Iterator[Figure]:
    """Its figures, and no misses."""
    judged = UNSEEN[which]()
    yield from _quality(which, judged)
    yield from _classes(which, judged)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(prog="python -m tests.bench.fingerprints")
    asked.add_argument("which", nargs="?", choices=("held-out", *UNSEEN), default="held-out")
    which = asked.parse_args().which
    if which in UNSEEN:
        for figure in _of_unseen(which):
            print(f"{figure.value:<18} {figure.what}: {figure.how}")
    else:
        for miss in _misses(half("held-out")):
            print(f"{miss.value:<18} {miss.what}")

"""How well the rules of fingerprints tell the same error from another one, and how fast.

"Equal" is the positive class: precision falls when progress is taken for the same error again, recall when the same
error is taken for progress. Rules were changed for the misses of the pairs, the fresh and the unseen set: those figures
are a guard, and no measure of what nobody looked at. That is the set unseen2 alone, printed only when asked for and
without its misses: `python -m tests.bench.fingerprints unseen2`. Of the other sets the same command names the misses.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cdock.core.failure_class import UNKNOWN, class_of
from cdock.core.fingerprint import fingerprint
from tests.bench.measure import Figure, growth, interleaved, timed
from tests.fixtures.failures.corpus import Pair, fresh, pairs, unseen, unseen2

PRECISION, RECALL = 0.98, 0.95
TUNING = {"pairs": pairs, "fresh": fresh, "unseen": unseen}
"""The sets that rules were changed for."""
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


def fingerprints(rounds: int) -> Iterator[Figure]:
    """Goals: precision 0.98 and recall 0.95 in each set; time in proportion to the text."""
    sets = {f"{name} (tuning)": read() for name, read in TUNING.items()}
    for name, judged in sets.items():
        yield from _quality(name, judged)
    for judged in sets.values():
        yield from _misses(judged)
    for name, judged in sets.items():
        yield from _classes(name, judged)
    text = "".join(f"$ check\n{pair.first}\n{pair.second}\n" for pair in pairs())
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


def _asked_for(which: str) -> Iterator[Figure]:
    if which in TUNING:
        yield from _misses(TUNING[which]())
    else:
        judged = unseen2()
        yield from _quality("unseen2 (held out)", judged)
        yield from _classes("unseen2 (held out)", judged)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(prog="python -m tests.bench.fingerprints")
    asked.add_argument("which", choices=(*TUNING, "unseen2"))
    for figure in _asked_for(asked.parse_args().which):
        print(f"{figure.value:<18} {figure.what}: {figure.how}")

"""The rules of fingerprints on real failures: one half of the corpus is a guard, the other half is only measured."""

from tests.bench.fingerprints import PRECISION, RECALL, half, same_class, score
from tests.fixtures.failures.corpus import pairs


def test_the_same_error_is_told_from_another_one() -> None:
    found = score(half("tuning"))
    assert found.precision >= PRECISION, [pair.name for pair in found.mistaken]
    assert found.recall >= RECALL, [pair.name for pair in found.missed]


def test_the_same_error_is_of_one_class() -> None:
    same, equal = same_class(half("tuning"))
    assert same >= 0.98 * equal


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    every = pairs()
    assert len({pair.name for pair in every}) == len(every) >= 250
    assert sum(not pair.equal for pair in every) >= 100
    assert len({pair.tool for pair in every}) >= 15
    assert all(pair.first != pair.second and pair.first.strip() for pair in every)
    assert {pair.origin for pair in every} == {"recorded", "written"}
    for which in ("tuning", "held-out"):
        assert {pair.equal for pair in every if pair.half == which} == {True, False}
    assert 0.4 < len(half("tuning")) / len(every) < 0.6

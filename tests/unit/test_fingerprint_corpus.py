"""The rules of fingerprints on the sets that they were changed for: a guard, and no measure of other failures."""

import pytest

from tests.bench.fingerprints import PRECISION, RECALL, TUNING, same_class, score
from tests.fixtures.failures.corpus import pairs


@pytest.mark.parametrize("name", TUNING)
def test_the_same_error_is_told_from_another_one(name: str) -> None:
    found = score(TUNING[name]())
    assert found.precision >= PRECISION, [pair.name for pair in found.mistaken]
    assert found.recall >= RECALL, [pair.name for pair in found.missed]


@pytest.mark.parametrize("name", TUNING)
def test_the_same_error_is_of_one_class(name: str) -> None:
    same, equal = same_class(TUNING[name]())
    assert same >= 0.98 * equal


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    every = pairs()
    assert len({pair.name for pair in every}) == len(every) >= 250
    assert sum(not pair.equal for pair in every) >= 100
    assert len({pair.tool for pair in every}) >= 15
    assert all(pair.first != pair.second and pair.first.strip() for pair in every)
    assert {pair.origin for pair in every} == {"recorded", "written"}

"""What the unseen pairs are, tuning material by now: many enough, and apart from the sets before them."""

from collections import Counter

from tests.fixtures.failures.corpus import fresh, pairs, unseen


def test_the_unseen_pairs_are_many_and_of_many_tools() -> None:
    every = unseen()
    verdicts = Counter(pair.equal for pair in every)
    assert min(verdicts[True], verdicts[False]) >= 100
    assert len(every) >= 200
    assert len({pair.tool for pair in every}) >= 40
    origins = Counter(pair.origin for pair in every)
    assert set(origins) == {"recorded", "written"}
    assert origins["recorded"] >= 100


def test_no_tool_outweighs_the_others() -> None:
    every = unseen()
    assert max(Counter(pair.tool for pair in every).values()) <= 16


def test_the_unseen_pairs_have_names_and_texts_of_their_own() -> None:
    every = unseen()
    assert len({pair.name for pair in every}) == len(every)
    before = pairs() + fresh()
    assert {pair.name for pair in every}.isdisjoint(pair.name for pair in before)
    assert all(pair.first != pair.second and pair.first.strip() and pair.second.strip() for pair in every)
    known = {text for pair in before for text in (pair.first, pair.second)}
    assert [pair.name for pair in every if known & {pair.first, pair.second}] == []

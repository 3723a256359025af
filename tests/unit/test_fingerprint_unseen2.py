"""The second unseen set loads, is large enough, and shares neither names nor texts with the sets before it."""

from collections import Counter

from tests.fixtures.failures.corpus import fresh, pairs, unseen, unseen2


def test_the_second_unseen_set_is_large_and_of_many_tools() -> None:
    every = unseen2()
    verdicts = Counter(pair.equal for pair in every)
    assert min(verdicts[True], verdicts[False]) >= 150
    assert len(every) >= 300
    assert len({pair.tool for pair in every}) >= 40
    origins = Counter(pair.origin for pair in every)
    assert set(origins) == {"recorded", "written"}
    assert origins["recorded"] >= 150


def test_no_tool_makes_up_more_than_an_eighth_of_the_second_unseen_set() -> None:
    every = unseen2()
    assert max(Counter(pair.tool for pair in every).values()) <= len(every) // 8


def test_pairs_of_the_second_unseen_set_have_names_and_texts_of_their_own() -> None:
    every = unseen2()
    assert len({pair.name for pair in every}) == len(every)
    before = pairs() + fresh() + unseen()
    assert {pair.name for pair in every}.isdisjoint(pair.name for pair in before)
    assert all(pair.first != pair.second and pair.first.strip() and pair.second.strip() for pair in every)
    known = {text for pair in before for text in (pair.first, pair.second)}
    assert [pair.name for pair in every if known & {pair.first, pair.second}] == []

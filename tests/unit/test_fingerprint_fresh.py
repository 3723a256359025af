"""What the fresh pairs are, which are tuning material by now."""

import json
from collections import Counter

from tests.fixtures.failures.corpus import FRESH, fresh, pairs


def test_what_is_not_counted_has_a_reason() -> None:
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in FRESH.glob("*.json")]
    left_out = [pair for entry in entries for pair in entry.get("not counted", ())]
    assert left_out
    assert all(pair["unreal"] and "flag" in pair["reason"] for pair in left_out)
    assert {pair["name"] for pair in left_out}.isdisjoint(pair.name for pair in fresh())


def test_the_fresh_pairs_are_many_and_of_many_tools() -> None:
    every = fresh()
    verdicts = Counter(pair.equal for pair in every)
    assert min(verdicts[True], verdicts[False]) >= 110
    assert len(every) >= 240
    tools = {pair.tool for pair in every}
    assert len(tools) >= 20
    assert 2 * len({pair.tool for pair in every if pair.origin == "recorded"}) >= len(tools)
    assert {pair.origin for pair in every} == {"recorded", "written"}


def test_the_fresh_pairs_have_names_and_texts_of_their_own() -> None:
    every = fresh()
    assert len({pair.name for pair in every}) == len(every)
    assert {pair.name for pair in every}.isdisjoint(pair.name for pair in pairs())
    assert all(pair.first != pair.second and pair.first.strip() and pair.second.strip() for pair in every)
    known = {text for pair in pairs() for text in (pair.first, pair.second)}
    assert [pair.name for pair in every if known & {pair.first, pair.second}] == []

"""How the attempts of a batch are ranked, and what is told of those that were not picked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.picking import RULES, Contender, by_rule, failing_in, ranked, why_dropped

ONE = Contender(issue=1, task="cdock.a1.0000001", worktree="a1", commit="c", passed=2, commands=2)
contenders = st.lists(
    st.builds(
        Contender,
        issue=st.integers(1, 99),
        task=st.just("t"),
        worktree=st.just("w"),
        commit=st.just("c"),
        finished=st.booleans(),
        passed=st.integers(0, 3),
        commands=st.just(3),
        exit_code=st.sampled_from([0, 0, 1]),
        lines=st.integers(0, 5),
        cost=st.sampled_from([0.0, 0.5, 1.0]),
        seconds=st.sampled_from([0.0, 10.0]),
    ),
    max_size=6,
    unique_by=lambda one: one.issue,
)


@given(contenders, st.sampled_from(list(RULES)))
def test_a_ranking_does_not_depend_on_the_order_and_never_puts_a_failure_first(
    found: list[Contender], by: str
) -> None:
    order = ranked(found, by=by)
    assert ranked(reversed(found), by=by) == order
    assert sorted(one.issue for one in order) == sorted(one.issue for one in found)
    assert [one.passes for one in order] == sorted((one.passes for one in order), reverse=True)
    good = [one for one in found if one.passes and one.finished]
    assert (by_rule(order) is None) == (not good)


@pytest.mark.parametrize(
    ("by", "first"),
    [("tests", 2), ("diff", 2), ("cost", 3), ("time", 4)],
)
def test_each_rule_has_its_own_first(by: str, first: int) -> None:
    found = (
        replace(ONE, issue=1, exit_code=1, passed=1),
        replace(ONE, issue=2, lines=5, cost=3.0, seconds=60),
        replace(ONE, issue=3, lines=9, cost=1.0, seconds=60),
        replace(ONE, issue=4, lines=9, cost=2.0, seconds=30),
        replace(ONE, issue=5, lines=1, cost=0.1, seconds=1, finished=False),
    )
    order = ranked(found, by=by)
    assert order[0].issue == first
    assert [one.issue for one in order[-2:]] == [5, 1], "what is not finished, and what fails"
    assert by_rule(order) == order[0]


def test_of_failures_those_that_came_further_are_shown_first() -> None:
    far, near = (replace(ONE, issue=n, exit_code=1, passed=p, lines=n) for n, p in ((9, 1), (2, 0)))
    assert ranked((near, far), by="tests") == (far, near)
    assert ranked((near, far), by="diff") == (near, far)
    assert by_rule((far, near)) is None
    assert by_rule(()) is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["$ make", "[exit 0]", "$ make test", "[exit 2]"], (1, "make test")),
        (["$ make", "[exit 2]"], (0, "make")),
        (["$ make", "[exit 0]", "$ make test", "[exit 0]"], (2, "")),
        (["$ make", "$ make test", "[exit 0]"], (1, "make test")),
        (["[exit 0]", "$ make test", "[exit 0]"], (0, "make")),
        ([], (0, "make")),
    ],
)
def test_the_command_that_failed_is_the_first_that_did_not_end_well(
    lines: list[str], found: tuple[int, str]
) -> None:
    assert failing_in(lines, ("make", "make test")) == found


def test_whoever_was_not_picked_is_told_why() -> None:
    winner = replace(ONE, issue=1)
    lost = replace(ONE, issue=2, exit_code=1, failing="make test", lines=7, files=2, cost=0.5)
    said = why_dropped(lost, (winner, lost), winner=winner, batch="auth-1", how="picked by maria")
    assert said == (
        "#1 was picked of the batch auth-1 (picked by maria). "
        "This came 2. of 2: failed: make test, 7 lines in 2 files, $0.50."
    )

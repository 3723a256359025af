"""Limits that take too many requests to reach one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cdock.forge.controls.asked import Asked, Who
from cdock.forge.controls.limits import Limits
from cdock.forge.rest.rates import Rates

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WENDY = Who(user_id=7, login="wendy", token=1)


def graphql(*, mutation: bool = False) -> Asked:
    return Asked(
        interface="graphql",
        method="POST",
        path="/graphql",
        prefix="",
        query="",
        headers={},
        body=b"",
        who=WENDY,
        mutation=mutation,
    )


def test_points_of_graphql_per_minute() -> None:
    rates = Rates()
    limits = Limits(rates, mode="github")
    rate = rates.spend(WENDY.user_id, 0, now=NOW, resource="graphql")
    for _ in range(79):
        limits.spend(graphql(mutation=True), now=NOW, done=True)
    for _ in range(2000 - 79 * 5):
        assert limits.refusal(graphql(), rate, now=NOW) is None
        limits.spend(graphql(), now=NOW, done=True)
    refused = limits.refusal(graphql(), rate, now=NOW)
    assert refused is not None
    assert (refused[0], refused[1].status) == ("graphql-points", 403)
    assert limits.refusal(graphql(), rate, now=NOW + timedelta(minutes=1)) is None


def test_a_spent_budget_of_graphql_is_told_with_success() -> None:
    rates = Rates()
    limits = Limits(rates, mode="github")
    rates.spend(WENDY.user_id, 4999, now=NOW, resource="graphql")
    last = rates.spend(WENDY.user_id, 1, now=NOW, resource="graphql")
    assert (last.used, last.remaining) == (5000, 0)
    refused = limits.refusal(graphql(), last, now=NOW)
    assert refused is not None
    assert (refused[0], refused[1].status) == ("primary", 200)
    assert [error["type"] for error in refused[1].json["errors"]] == ["RATE_LIMITED"]
    later = rates.spend(WENDY.user_id, 0, now=NOW + timedelta(hours=1), resource="graphql")
    assert limits.refusal(graphql(), later, now=NOW + timedelta(hours=1)) is None
    assert rates.spend(WENDY.user_id, 0, now=NOW).remaining == 5000


def test_the_answer_that_spends_the_rest_still_comes() -> None:
    rates = Rates()
    limits = Limits(rates, mode="github")
    issues = Asked(
        interface="rest", method="GET", path="/user", prefix="", query="", headers={}, body=b"", who=WENDY
    )
    rates.spend(WENDY.user_id, 4999, now=NOW)
    assert limits.refusal(issues, rates.spend(WENDY.user_id, 0, now=NOW), now=NOW) is None
    assert limits.refusal(issues, rates.spend(WENDY.user_id, 1, now=NOW), now=NOW) is not None

"""GitHub's limits as they bind, window by window; the clock stands still unless it is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.forge.ground import Api, Ground, People, new_ground
from tests.forge_server import ForgeServer

LIMIT = 30.0


@pytest.fixture
def bound(controlled: ForgeServer, ground: Ground) -> Iterator[Ground]:
    """A repository under GitHub's limits, with everybody's budgets full and the clock stopped."""
    controlled.clock(freeze=True)
    controlled.limits("github")
    yield ground
    controlled.limits("off")


def budget(answer: requests.Response) -> tuple[int, int, int]:
    names = ("Limit", "Used", "Remaining")
    limit, used, remaining = (int(answer.headers[f"X-RateLimit-{name}"]) for name in names)
    return limit, used, remaining


def test_content_per_minute(controlled: ForgeServer, bound: Ground) -> None:
    for _ in range(80):
        assert bound.writer.post("/issues", {"title": "x"}).status_code == 201
    answer = bound.writer.post("/issues", {"title": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "60")
    assert answer.json()["message"].startswith(
        "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."
    )
    assert answer.json()["documentation_url"].endswith("#about-secondary-rate-limits")
    assert budget(answer) == (5000, 80, 4920)
    entry = controlled.journal()[-1]
    assert (entry["status"], entry["inner"], entry["limit"]) == (403, None, "content-minute")
    assert (entry["content"], entry["points"]) == (False, 0)
    # Reading goes on, other people too, and what is no content.
    assert bound.writer.get("/issues").status_code == 200
    assert bound.owner.post("/issues", {"title": "x"}).status_code == 201
    assert bound.writer.post("/labels", {"name": "x"}).status_code == 201
    controlled.clock(advance=45)
    assert bound.writer.post("/issues", {"title": "x"}).headers["Retry-After"] == "15"
    controlled.clock(advance=15)
    assert bound.writer.post("/issues", {"title": "x"}).status_code == 201


def test_content_per_hour(controlled: ForgeServer, bound: Ground) -> None:
    number = bound.writer.issue()
    for index in range(1, 500):
        if index % 70 == 0:
            controlled.clock(advance=61)
        assert bound.writer.put(f"/issues/{number}/labels", ["x"]).status_code == 200
    answer = bound.writer.put(f"/issues/{number}/labels", ["x"])
    assert (answer.status_code, controlled.journal()[-1]["limit"]) == (403, "content-hour")
    assert int(answer.headers["Retry-After"]) == 3600 - 7 * 61


def test_what_failed_is_no_content(bound: Ground) -> None:
    for _ in range(81):
        assert bound.stranger.post("/issues", {"body": "no title"}).status_code == 422


def test_points_per_minute(controlled: ForgeServer, bound: Ground) -> None:
    for _ in range(900):
        assert bound.triager.get("//rate_limit").status_code == 200
    answer = bound.triager.get("//rate_limit")
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "60")
    assert answer.json()["message"].startswith("You have exceeded a secondary rate limit. Please wait a few")
    controlled.clock(advance=60)
    assert bound.triager.get("//rate_limit").status_code == 200


def test_the_hourly_budget(controlled: ForgeServer, bound: Ground) -> None:
    """Of somebody who is not logged in, for 60 are spent sooner than 5,000; it is the same code."""
    for spent in range(1, 61):
        assert budget(bound.nobody.get("")) == (60, spent, 60 - spent)
    answer = bound.nobody.get("")
    assert (answer.status_code, budget(answer)) == (403, (60, 60, 0))
    assert answer.json()["message"].startswith("API rate limit exceeded for 127.0.0.1. (But here's the good")
    assert int(answer.headers["X-RateLimit-Reset"]) == int(controlled.clock().timestamp()) + 3600
    assert "Retry-After" not in answer.headers
    assert bound.nobody.get("//rate_limit").json()["resources"]["core"]["remaining"] == 0
    assert bound.owner.get("").status_code == 200
    controlled.clock(advance=3600)
    assert budget(bound.nobody.get("")) == (60, 1, 59)


def test_searching_has_a_budget_of_its_own(controlled: ForgeServer, bound: Ground) -> None:
    for _ in range(30):
        answer = bound.writer.get("//search/issues", params={"q": "x"})
        assert (answer.status_code, answer.headers["X-RateLimit-Resource"]) == (200, "search")
    answer = bound.writer.get("//search/issues", params={"q": "x"})
    assert (answer.status_code, budget(answer)) == (403, (30, 30, 0))
    assert budget(bound.writer.get("")) == (5000, 1, 4999)
    controlled.clock(advance=60)
    assert bound.writer.get("//search/issues", params={"q": "x"}).status_code == 200


def test_unchanged_answers_are_free(bound: Ground) -> None:
    first = bound.writer.get("/issues")
    assert budget(first) == (5000, 1, 4999)
    for _ in range(3):
        again = bound.writer.get("/issues", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, budget(again)) == (304, (5000, 1, 4999))


def test_tokens_of_one_user_share(controlled: ForgeServer, bound: Ground) -> None:
    other = Api(controlled, str(controlled.admin("token", "wendy")["token"]), bound.name)
    assert budget(bound.writer.get(""))[1] == 1
    assert budget(other.get(""))[1] == 2
    assert budget(bound.owner.get(""))[1] == 1


def test_nothing_binds_when_it_is_off(controlled: ForgeServer, ground: Ground) -> None:
    assert controlled.control("GET", "limits") == {"mode": "off"}
    for _ in range(62):
        answer = ground.nobody.get("")
        assert answer.status_code == 200
    limit, used, remaining = budget(answer)
    assert (limit, remaining) == (60, 1)
    assert used >= 62


def test_limits_without_the_controls(tmp_path: Path) -> None:
    server = ForgeServer(tmp_path / "data")
    people = People(*(str(server.admin("token", who)["token"]) for who in ("Olivia", "wendy", "tina", "sam")))
    server.start("--limits", "github")
    try:
        ground: Any = new_ground(server, people)
        statuses = {ground.nobody.get("").status_code for _ in range(61)}
        assert statuses == {200, 403}
        assert requests.get(f"{server.url}/_forge/journal", timeout=LIMIT).status_code == 404
        assert not (server.data_dir / "journal.jsonl").exists()
    finally:
        server.stop()

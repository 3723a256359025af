"""Searching issues and pull requests over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forge.ground import Api, Ground


def found(api: Api, query: str, **more: Any) -> list[str]:
    """The titles of what a search in this repository gives."""
    answer = api.read("//search/issues", q=f"repo:{api.repo} {query}", **more)
    assert answer["incomplete_results"] is False
    assert all(item["score"] == 1.0 for item in answer["items"])
    return [item["title"] for item in answer["items"]]


@pytest.fixture
def api(ground: Ground) -> Api:
    """A repository with three issues: one labelled and assigned, one closed, one by a stranger."""
    owner = ground.owner
    owner.post("/labels", {"name": "needs help", "color": "ff0000"})
    owner.issue("First", body="about a_heron", labels=["needs help"], assignees=["wendy"])
    number = owner.issue("Second 100%", body="a heron too")
    owner.post(f"/issues/{number}/comments", {"body": "said: flamingo"})
    owner.patch(f"/issues/{number}", {"state": "closed"})
    ground.stranger.issue("Third")
    return owner


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Third", "Second 100%", "First"]),
        ("is:open", ["Third", "First"]),
        ("state:closed", ["Second 100%"]),
        ("is:issue is:closed", ["Second 100%"]),
        ("is:pr", []),
        ("heron", ["Second 100%", "First"]),
        ("a_heron", ["First"]),
        ("100%", ["Second 100%"]),
        ("HERON in:title", []),
        ("first in:title,body", ["First"]),
        ("flamingo", ["Second 100%"]),
        ("flamingo in:title in:body", []),
        ('"a heron"', ["Second 100%"]),
        ("heron -is:closed", ["First"]),
        ("-heron", ["Third"]),
        ('label:"Needs Help"', ["First"]),
        ('label:"needs help",other', ["First"]),
        ('-label:"needs help"', ["Third", "Second 100%"]),
        ("no:label", ["Third", "Second 100%"]),
        ("no:assignee", ["Third", "Second 100%"]),
        ("assignee:wendy", ["First"]),
        ("assignee:*", ["First"]),
        ("author:sam", ["Third"]),
        ("-author:@me", ["Third"]),
        ("sort:created-asc", ["First", "Second 100%", "Third"]),
        ("sort:comments", ["Second 100%", "Third", "First"]),
        ("created:>=2000-01-01 heron", ["Second 100%", "First"]),
        ("created:2000-01-01..2000-12-31", []),
        ("-created:2000-01-01", ["Third", "Second 100%", "First"]),
        ("closed:>2000-01-01", ["Second 100%"]),
        ("user:sam is:closed", ["Second 100%"]),
        ("-closed:>2000-01-01", ["Third", "First"]),
    ],
)
def test_what_is_found(api: Api, query: str, titles: list[str]) -> None:
    assert found(api, query) == titles


def test_order_and_pages(api: Api) -> None:
    assert found(api, "", sort="created", order="asc") == ["First", "Second 100%", "Third"]
    answer = api.get("//search/issues", params={"q": f"repo:{api.repo}", "per_page": 2})
    assert answer.json()["total_count"] == 3
    assert [item["title"] for item in api.get(answer.links["next"]["url"]).json()["items"]] == ["First"]
    assert api.get("//search/issues", params={"q": "x", "per_page": 100, "page": 11}).status_code == 422


def test_blocked_issues_are_found_while_the_blocker_is_open(ground: Ground) -> None:
    api = ground.owner
    waiting, blocker = api.issue("Waiting"), api.issue("Blocker")
    blocker_id = api.read(f"/issues/{blocker}")["id"]
    api.post(f"/issues/{waiting}/dependencies/blocked_by", {"issue_id": blocker_id})
    assert found(api, "is:blocked") == ["Waiting"]
    assert found(api, "is:blocking") == ["Blocker"]
    assert found(api, "-is:blocked") == ["Blocker"]
    api.patch(f"/issues/{blocker}", {"state": "closed"})
    assert found(api, "is:blocked") == []


def test_pull_requests_are_found_too(ground: Ground, tmp_path: Path) -> None:
    ground.seeded(tmp_path).branch("work", {"a.txt": "a\n"}, "work")
    ground.owner.issue("Issue")
    ground.owner.post("/pulls", {"title": "Pull", "head": "work", "base": "main", "draft": True})
    assert found(ground.owner, "is:pr") == ["Pull"]
    assert found(ground.owner, "type:pr is:draft is:unmerged") == ["Pull"]
    assert found(ground.owner, "is:merged") == []


def test_nobody_finds_what_they_may_not_see(private_ground: Ground) -> None:
    private_ground.owner.issue("xyzzysecret")
    everywhere = {"q": "xyzzysecret"}
    assert private_ground.owner.get("//search/issues", params=everywhere).json()["total_count"] == 1
    for who in (private_ground.stranger, private_ground.nobody):
        assert who.get("//search/issues", params=everywhere).json()["total_count"] == 0
        assert who.get("//search/issues", params={"q": f"repo:{who.repo} x"}).status_code == 422
        assert who.get("//search/issues", params={"q": "user:olivia xyzzysecret"}).json()["total_count"] == 0


@pytest.mark.parametrize(
    "query",
    ["", "  ", "colour:red", "is:lost", "no:colour", "in:title,nowhere", "repo:a/b", "user:nobody-here", "created:soon",
     "created:2026-02-30", "sort:colour", "x" * 257],
)  # fmt: skip
def test_what_cannot_be_searched(api: Api, query: str) -> None:
    assert api.get("//search/issues", params={"q": query}).status_code == 422


def test_searching_has_a_budget_of_its_own(api: Api) -> None:
    answer = api.get("//search/issues", params={"q": "x"})
    assert answer.headers["X-RateLimit-Resource"] == "search"
    assert answer.headers["X-RateLimit-Limit"] == "30"

"""gh's commands for boards, sub-issues, dependencies and searches, unmodified, compared with REST."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.forge.graphql.asking import HOST, Gh
from tests.forge.ground import Ground

pytestmark = pytest.mark.gh

_names = itertools.count(1)


@pytest.fixture
def board(gh: Gh) -> dict[str, Any]:
    """A new board of the owner."""
    title = f"Board {next(_names)}"
    made = json.loads(gh.done("project", "create", "--owner", "Olivia", "--title", title, "--format", "json"))
    assert made["title"] == title
    return dict(made)


def _json(gh: Gh, *args: str) -> Any:
    return json.loads(gh.done("project", *args, "--owner", "Olivia", "--format", "json"))


def _rest(ground: Ground, board: dict[str, Any], path: str = "") -> Any:
    return ground.owner.read(f"//users/Olivia/projectsV2/{board['number']}{path}")


def test_a_board_is_made_listed_changed_and_removed(gh: Gh, ground: Ground, board: dict[str, Any]) -> None:
    number = str(board["number"])
    assert board["id"] == _rest(ground, board)["node_id"]
    assert board["url"] == f"http://{HOST}/users/Olivia/projects/{number}"
    assert board["id"] in {one["id"] for one in _json(gh, "list", "--limit", "100")["projects"]}
    gh.done("project", "edit", number, "--owner", "Olivia", "--title", "New", "--description", "short")
    viewed = _json(gh, "view", number)
    assert (viewed["title"], viewed["shortDescription"], viewed["closed"]) == ("New", "short", False)
    assert (viewed["owner"], viewed["public"]) == ({"type": "User", "login": "Olivia"}, False)
    gh.done("project", "link", number, "--owner", "Olivia", "--repo", ground.name)
    linked = gh.read("repo", "view", ground.name, fields="projectsV2")["projectsV2"]["Nodes"]
    assert [one["number"] for one in linked] == [board["number"]]
    gh.done("project", "unlink", number, "--owner", "Olivia", "--repo", ground.name)
    assert gh.read("repo", "view", ground.name, fields="projectsV2")["projectsV2"]["Nodes"] == []
    gh.done("project", "close", number, "--owner", "Olivia")
    assert _rest(ground, board)["state"] == "closed"
    gh.done("project", "delete", number, "--owner", "Olivia")
    missing = gh.run("project", "view", number, "--owner", "Olivia")
    assert missing.returncode != 0
    assert f"Could not resolve to a ProjectV2 with the number {number}." in missing.stderr


def test_fields(gh: Gh, ground: Ground, board: dict[str, Any]) -> None:
    number = str(board["number"])
    gh.done("project", "field-create", number, "--owner", "Olivia", "--name", "Notes", "--data-type", "TEXT")
    gh.done(
        *("project", "field-create", number, "--owner", "Olivia", "--name", "Size", "--data-type"),
        *("SINGLE_SELECT", "--single-select-options", "small,large"),
    )
    shown = {one["name"]: one for one in _json(gh, "field-list", number, "--limit", "50")["fields"]}
    stored = {one["name"]: one for one in _rest(ground, board, "/fields")}
    assert shown.keys() == stored.keys()
    assert {name: one["id"] for name, one in shown.items()} == {
        name: one["node_id"] for name, one in stored.items()
    }
    assert [one["name"] for one in shown["Size"]["options"]] == ["small", "large"]
    assert [one["name"] for one in shown["Status"]["options"]] == ["Todo", "In Progress", "Done"]
    gh.done("project", "field-delete", "--id", shown["Notes"]["id"])
    assert "Notes" not in {one["name"] for one in _rest(ground, board, "/fields")}


def test_items_and_their_values(gh: Gh, ground: Ground, board: dict[str, Any]) -> None:
    number = str(board["number"])
    issue = ground.owner.issue("To do", labels=["bug"], assignees=["wendy"])
    url = f"http://{HOST}/{ground.name}/issues/{issue}"
    added = _json(gh, "item-add", number, "--url", url)
    assert (added["title"], added["type"]) == ("To do", "Issue")
    assert _json(gh, "item-add", number, "--url", url)["id"] == added["id"]
    note = _json(gh, "item-create", number, "--title", "A note", "--body", "text")
    gh.done(
        "project", "field-create", number, "--owner", "Olivia", "--name", "Points", "--data-type", "NUMBER"
    )
    gh.done("project", "field-create", number, "--owner", "Olivia", "--name", "Due", "--data-type", "DATE")
    gh.done("project", "field-create", number, "--owner", "Olivia", "--name", "Notes", "--data-type", "TEXT")
    fields = {one["name"]: one for one in _json(gh, "field-list", number, "--limit", "50")["fields"]}

    def edit(name: str, *value: str) -> None:
        ids = ("--id", added["id"], "--project-id", board["id"], "--field-id", fields[name]["id"])
        gh.done("project", "item-edit", *ids, *value)

    doing = next(one for one in fields["Status"]["options"] if one["name"] == "In Progress")
    edit("Status", "--single-select-option-id", doing["id"])
    edit("Points", "--number", "3")
    edit("Due", "--date", "2027-01-02")
    edit("Notes", "--text", "careful")
    items = {one["id"]: one for one in _json(gh, "item-list", number)["items"]}
    assert items.keys() == {added["id"], note["id"]}
    shown = items[added["id"]]
    assert (shown["status"], shown["points"], shown["due"], shown["notes"]) == (
        "In Progress",
        3,
        "2027-01-02",
        "careful",
    )
    assert (shown["labels"], shown["assignees"]) == (["bug"], ["wendy"])
    assert (shown["content"]["number"], shown["content"]["repository"]) == (issue, ground.name)
    assert (items[note["id"]]["title"], items[note["id"]]["content"]["body"]) == ("A note", "text")
    (status,) = gh.read("issue", "view", str(issue), fields="projectItems")["projectItems"]
    assert (status["title"], status["status"]["name"]) == (board["title"], "In Progress")
    edit("Points", "--clear")
    stored = next(one for one in _rest(ground, board, "/items") if one["node_id"] == added["id"])
    assert stored["content"]["node_id"] == ground.owner.read(f"/issues/{issue}")["node_id"]
    gh.done("project", "item-archive", number, "--owner", "Olivia", "--id", note["id"])
    assert [one["id"] for one in _json(gh, "item-list", number)["items"]] == [added["id"]]
    gh.done("project", "item-archive", number, "--owner", "Olivia", "--id", note["id"], "--undo")
    gh.done("project", "item-delete", number, "--owner", "Olivia", "--id", added["id"])
    assert [one["id"] for one in _json(gh, "item-list", number)["items"]] == [note["id"]]


def test_an_issue_is_put_on_a_board_when_it_is_made(gh: Gh, ground: Ground, board: dict[str, Any]) -> None:
    gh.done("project", "link", str(board["number"]), "--owner", "Olivia", "--repo", ground.name)
    gh.done("issue", "create", "--title", "t", "--body", "b", "--project", board["title"])
    assert [one["content"]["number"] for one in _rest(ground, board, "/items")] == [1]


def test_parts_and_dependencies(gh: Gh, ground: Ground) -> None:
    parent, child, other, blocker = (
        ground.owner.issue(name) for name in ("parent", "child", "other", "blocker")
    )
    gh.done("issue", "edit", str(child), "--parent", str(parent))
    gh.done("issue", "edit", str(parent), "--add-sub-issue", str(other))
    gh.done("issue", "edit", str(child), "--add-blocked-by", str(blocker), "--add-blocking", str(other))
    shown = gh.read("issue", "view", str(child), fields="parent,blockedBy,blocking")
    assert shown["parent"]["number"] == parent
    assert [one["number"] for one in shown["blockedBy"]["nodes"]] == [blocker]
    assert [one["number"] for one in shown["blocking"]["nodes"]] == [other]
    gh.done("issue", "close", str(other))
    above = gh.read("issue", "view", str(parent), fields="subIssues,subIssuesSummary")
    assert [one["number"] for one in above["subIssues"]["nodes"]] == [child, other]
    assert above["subIssuesSummary"] == {"total": 2, "completed": 1, "percentCompleted": 50}
    assert [one["number"] for one in ground.owner.read(f"/issues/{parent}/sub_issues")] == [child, other]
    gh.done("issue", "edit", str(child), "--remove-parent", "--remove-blocked-by", str(blocker))
    assert ground.owner.read(f"/issues/{child}/dependencies/blocked_by") == []
    assert ground.owner.get(f"/issues/{child}/parent").status_code == 404
    made = gh.done(
        *("issue", "create", "--title", "new", "--body", "b", "--parent", str(parent)),
        *("--blocked-by", str(blocker)),
    )
    number = int(made.strip().rpartition("/")[2])
    assert ground.owner.read(f"/issues/{number}/parent")["number"] == parent
    assert [one["number"] for one in ground.owner.read(f"/issues/{number}/dependencies/blocked_by")] == [
        blocker
    ]


def test_search(gh: Gh, ground: Ground, tmp_path: Path) -> None:
    for number in range(1, 6):
        ground.owner.issue(f"Number {number}", labels=["a", "b c"] if number % 2 else ["a"])
    ground.owner.patch("/issues/1", {"state": "closed"})

    def numbers(*args: str) -> list[int]:
        return [one["number"] for one in gh.read("issue", "list", *args, fields="number")]

    assert numbers("--label", "a") == [5, 4, 3, 2]
    assert numbers("--label", "a", "--label", "b c") == [5, 3]
    assert numbers("--label", "b c", "--state", "all") == [5, 3, 1]
    assert numbers("--label", "a", "--limit", "2") == [5, 4]
    assert numbers("--search", "Number 4") == [4]
    assert numbers("--search", "sort:created-asc", "--limit", "2") == [2, 3]
    clone = ground.seeded(tmp_path / "clone")
    clone.branch("topic", {"a": "1"}, "a")
    pull = ground.writer.post("/pulls", {"title": "A pull", "head": "topic", "base": "main"}).json()["number"]
    ground.owner.post(f"/issues/{pull}/labels", ["a"])
    found = gh.read("pr", "list", "--label", "a", fields="number,headRefName")
    assert found == [{"number": pull, "headRefName": "topic"}]

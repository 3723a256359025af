"""Boards over REST: fields, items, values, permissions, queries."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from tests.forge.ground import Api, Clone, Ground, People, new_ground
from tests.forge_server import ForgeServer

_titles = itertools.count(1)


@dataclass
class Board:
    """One board as its owner sees it; paths are below it."""

    ground: Ground
    path: str

    @property
    def api(self) -> Api:
        return self.ground.owner

    def read(self, path: str = "", **query: Any) -> Any:
        return self.api.read(self.path + path, **query)

    def fields(self) -> dict[str, dict[str, Any]]:
        return {field["name"]: field for field in self.read("/fields", per_page=100)}

    def new_field(self, **wanted: Any) -> dict[str, Any]:
        answer = self.api.post(f"{self.path}/fields", wanted)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def put_on(self, title: str = "Card", *, api: Api | None = None, **fields: Any) -> dict[str, Any]:
        """Open an issue and put it on the board; gives the item."""
        issue = self.api.post("/issues", {"title": title, **fields}).json()
        answer = (api or self.api).post(f"{self.path}/items", {"type": "Issue", "id": issue["id"]})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def set(self, item: dict[str, Any], *changes: tuple[dict[str, Any], Any], api: Api | None = None) -> Any:
        body = {"fields": [{"id": field["id"], "value": value} for field, value in changes]}
        return (api or self.api).patch(f"{self.path}/items/{item['id']}", body)

    def values(self, item: dict[str, Any]) -> dict[str, Any]:
        """All that an item has, by the name of the field."""
        every = ",".join(str(field["id"]) for field in self.fields().values())
        shown = self.read(f"/items/{item['id']}", fields=every)
        return {field["name"]: field["value"] for field in shown["fields"]}

    def titles(self, **query: Any) -> list[str]:
        return [item["fields"][0]["value"]["raw"] for item in self.read("/items", **query)]


def new_board(ground: Ground, owner: str = "Olivia", *args: str) -> Board:
    made = ground.forge.admin("project", owner, f"Board {next(_titles)}", *args)
    kind = made["path"].split("/")[1]
    return Board(ground, f"//{kind}/{owner}/projectsV2/{made['number']}")


@pytest.fixture
def board(ground: Ground) -> Board:
    """A private board of the owner that wendy may change."""
    return new_board(ground, "Olivia", "--write", "wendy", "--repo", ground.name)


def option(field: dict[str, Any], name: str) -> str:
    return next(str(each["id"]) for each in field["options"] if each["name"]["raw"] == name)


# The board itself


def test_a_new_board_has_the_standard_fields(board: Board) -> None:
    shown = board.read()
    assert (shown["owner"]["login"], shown["public"], shown["state"]) == ("Olivia", False, "open")
    fields = board.fields()
    assert list(fields) == [
        "Title",
        "Assignees",
        "Status",
        "Labels",
        "Linked pull requests",
        "Milestone",
        "Repository",
        "Type",
        "Reviewers",
        "Parent issue",
        "Sub-issues progress",
    ]
    status = fields["Status"]
    assert [each["name"]["raw"] for each in status["options"]] == ["Todo", "In Progress", "Done"]
    assert status["data_type"] == "single_select"
    assert fields["Title"]["data_type"] == "title"


def test_a_private_board_is_not_there_for_others(board: Board, ground: Ground) -> None:
    item = board.put_on()
    for path in ("", "/fields", "/items", f"/items/{item['id']}"):
        assert ground.writer.get(board.path + path).status_code == 200
        for who in (ground.triager, ground.stranger, ground.nobody):
            assert who.get(board.path + path).status_code == 404, path
    listed = [each["number"] for each in ground.stranger.read("//users/Olivia/projectsV2", per_page=100)]
    assert board.read()["number"] not in listed


def test_a_public_board_may_be_read_by_all_and_changed_by_those_invited(ground: Ground) -> None:
    board = new_board(ground, "Olivia", "--public", "--write", "wendy")
    item, fields = board.put_on(), board.fields()
    todo = (fields["Status"], option(fields["Status"], "Todo"))
    assert ground.nobody.read(board.path)["public"] is True
    for who, status in ((ground.stranger, 403), (ground.triager, 403), (ground.nobody, 401)):
        assert board.set(item, todo, api=who).status_code == status
        assert who.post(f"{board.path}/items", {"type": "Issue", "id": 1}).status_code == status
        assert who.post(f"{board.path}/fields", {"name": "X", "data_type": "text"}).status_code == status
        assert who.delete(f"{board.path}/items/{item['id']}").status_code == status
    assert board.set(item, todo, api=ground.writer).status_code == 200


def test_the_wrong_kind_of_owner_has_no_board(board: Board, ground: Ground) -> None:
    number = board.path.rpartition("/")[2]
    assert ground.owner.get(f"//orgs/Olivia/projectsV2/{number}").status_code == 404
    assert ground.owner.get("//users/Olivia/projectsV2/9999").status_code == 404
    assert ground.owner.get("//users/nobody-here/projectsV2/1").status_code == 404


def test_the_board_of_an_organisation(ground: Ground) -> None:
    ground.forge.admin("user", "acme", "--org")
    board = new_board(ground, "acme", "--write", "Olivia")
    assert board.path.startswith("//orgs/acme/")
    item = board.put_on("For all of us")
    assert item["project_url"].endswith(board.path[1:])
    assert board.read()["owner"]["type"] == "Organization"
    assert ground.owner.get(f"//users/acme/projectsV2/{board.path.rpartition('/')[2]}").status_code == 404
    assert board.titles() == ["For all of us"]


def test_boards_are_found_by_their_title(board: Board) -> None:
    title = board.read()["title"]
    found = board.api.read("//users/olivia/projectsV2", q=title)
    assert title in [each["title"] for each in found]
    assert board.api.read("//users/olivia/projectsV2", q="no such board") == []
    assert board.api.read("//users/olivia/projectsV2", q=f"{title} is:closed") == []


# Items


def test_adding_twice_gives_the_same_item(board: Board) -> None:
    item = board.put_on()
    number = item["content"]["number"]
    owner, repo = board.ground.name.split("/")
    again = board.api.post(
        f"{board.path}/items", {"type": "Issue", "owner": owner, "repo": repo, "number": number}
    )
    assert again.status_code == 201
    assert again.json()["id"] == item["id"]
    assert len(board.read("/items")) == 1


def test_what_cannot_be_added(board: Board, ground: Ground, forge: ForgeServer, people: People) -> None:
    hidden = new_ground(forge, people, private=True)
    secret = hidden.owner.post("/issues", {"title": "Secret"}).json()
    issue = ground.owner.post("/issues", {"title": "Plain"}).json()
    owner, repo = ground.name.split("/")
    path = f"{board.path}/items"
    for body, status in (
        ({"type": "Issue", "id": issue["number"]}, 404),
        ({"type": "PullRequest", "id": issue["id"]}, 404),
        ({"type": "PullRequest", "owner": owner, "repo": repo, "number": issue["number"]}, 404),
        ({"type": "Issue", "owner": owner, "repo": repo, "number": 999}, 404),
        ({"type": "Issue", "owner": owner, "repo": repo}, 422),
        ({"type": "Issue", "id": issue["id"], "number": 1}, 422),
        ({"type": "DraftIssue", "id": issue["id"]}, 422),
        ({"id": issue["id"]}, 422),
    ):
        assert board.api.post(path, body).status_code == status, body
    ground.owner.put(f"//repos/{hidden.name}/collaborators/wendy", {"permission": "pull"})
    assert ground.writer.post(path, {"type": "Issue", "id": secret["id"]}).status_code == 201
    assert ground.owner.delete(f"//repos/{hidden.name}/collaborators/wendy").status_code == 204
    assert ground.writer.post(path, {"type": "Issue", "id": secret["id"]}).status_code == 404
    # She sees that something is there, and not what.
    (seen,) = ground.writer.read(path)
    assert seen["content"] is None
    assert seen["content_type"] == "Issue"
    assert seen["fields"][0]["value"]["raw"] == ""
    assert board.titles() == ["Secret"]


def test_a_pull_request_is_named_by_its_own_id(board: Board, ground: Ground, tmp_path: Any) -> None:
    clone: Clone = ground.seeded(tmp_path)
    clone.branch("work", {"a.txt": "a\n"}, "work")
    pull = ground.owner.post("/pulls", {"title": "P", "head": "work", "base": "main"}).json()
    path = f"{board.path}/items"
    added = board.api.post(path, {"type": "PullRequest", "id": pull["id"]})
    assert added.status_code == 201
    assert added.json()["content"]["head"]["ref"] == "work"
    done = option(board.fields()["Status"], "Done")
    assert ground.owner.put(f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"]}).status_code == 200
    assert board.values(added.json())["Status"]["id"] == done
    assert [item["id"] for item in board.read("/items", q="is:merged")] == [added.json()["id"]]


def test_an_item_shows_its_pull_requests_and_their_reviewers(
    board: Board, ground: Ground, tmp_path: Any
) -> None:
    clone: Clone = ground.seeded(tmp_path)
    item = board.put_on("Wish")
    number = item["content"]["number"]
    for name, body in (("closes", f"Fixes #{number}"), ("mentions", f"see #{number}")):
        clone.branch(name, {f"{name}.txt": "a\n"}, name)
        pull = {"title": name, "head": name, "base": "main", "body": body}
        assert ground.owner.post("/pulls", pull).status_code == 201
    linked = board.values(item)["Linked pull requests"]
    assert [pull["title"] for pull in linked] == ["closes"]
    added = board.api.post(f"{board.path}/items", {"type": "PullRequest", "id": linked[0]["id"]}).json()
    asked = {"reviewers": ["wendy"]}
    path = f"/pulls/{linked[0]['number']}/requested_reviewers"
    assert ground.owner.post(path, asked).status_code == 201
    (review,) = board.values(added)["Reviewers"]
    assert (review["status"], review["reviewer"]["login"]) == ("pending", "wendy")


def test_an_item_shows_parent_and_parts_of_its_issue(board: Board) -> None:
    whole, part = board.put_on("Whole"), board.put_on("Part")
    path = f"/issues/{whole['content']['number']}/sub_issues"
    board.api.post(path, {"sub_issue_id": part["content"]["id"]})
    assert board.values(part)["Parent issue"]["id"] == whole["content"]["id"]
    assert board.values(whole)["Sub-issues progress"] == {
        "total": 1,
        "completed": 0,
        "percent_completed": 0,
    }


def test_an_item_shows_what_its_issue_says(board: Board) -> None:
    board.api.post("/labels", {"name": "help", "color": "ff0000"})
    item = board.put_on("<i>Card", labels=["help"], assignees=["wendy"])
    shown = board.values(item)
    assert shown["Title"]["raw"] == "<i>Card"
    assert shown["Title"]["html"] == "&lt;i&gt;Card"
    assert shown["Title"]["issue_id"] == item["content"]["id"]
    assert [label["name"] for label in shown["Labels"]] == ["help"]
    assert [person["login"] for person in shown["Assignees"]] == ["wendy"]
    assert shown["Repository"]["full_name"] == board.ground.name
    assert shown["Status"] is None
    assert [field["name"] for field in board.read(f"/items/{item['id']}")["fields"]] == ["Title"]


def test_an_item_is_taken_off_and_its_issue_stays(board: Board) -> None:
    item = board.put_on()
    one = f"{board.path}/items/{item['id']}"
    assert board.api.delete(one).status_code == 204
    assert board.api.get(one).status_code == 404
    assert board.api.delete(one).status_code == 404
    assert board.api.get(f"/issues/{item['content']['number']}").status_code == 200
    again = board.api.post(f"{board.path}/items", {"type": "Issue", "id": item["content"]["id"]}).json()
    assert again["id"] != item["id"]


def test_pages_of_items_are_walked_by_cursor(board: Board) -> None:
    items = [board.put_on(f"Card {number}") for number in range(7)]
    answer = board.api.get(f"{board.path}/items", params={"per_page": 3})
    assert "last" not in answer.links
    seen = [item["id"] for item in answer.json()]
    assert board.api.delete(f"{board.path}/items/{seen[-1]}").status_code == 204
    while "next" in answer.links:
        answer = board.api.get(answer.links["next"]["url"])
        seen += [item["id"] for item in answer.json()]
    assert seen == [item["id"] for item in items]
    back = board.api.get(answer.links["prev"]["url"])
    assert [item["id"] for item in back.json()] == seen[3:6]
    assert board.api.get(f"{board.path}/items", params={"after": "nonsense"}).status_code == 422


# Values


def test_several_fields_are_set_in_one_call_or_none_is(board: Board) -> None:
    item, status = board.put_on(), board.fields()["Status"]
    notes = board.new_field(name="Notes", data_type="text")
    points = board.new_field(name="Points", data_type="number")
    due = board.new_field(name="Due", data_type="date")
    todo = option(status, "Todo")
    answer = board.set(item, (status, todo), (notes, "word"), (points, 3), (due, "2026-02-28"))
    assert answer.status_code == 200, answer.text
    shown = board.values(item)
    assert shown["Status"]["name"] == {"raw": "Todo", "html": "Todo"}
    assert (shown["Notes"]["raw"], shown["Points"], shown["Due"]) == ("word", 3.0, "2026-02-28")
    assert board.set(item, (notes, "other"), (points, "three")).status_code == 422
    assert board.values(item)["Notes"]["raw"] == "word"
    assert board.set(item, (status, None), (notes, None)).status_code == 200
    shown = board.values(item)
    assert (shown["Status"], shown["Notes"], shown["Points"]) == (None, None, 3.0)


def test_wrong_values(board: Board) -> None:
    item, fields = board.put_on(), board.fields()
    status, due = fields["Status"], board.new_field(name="When", data_type="date")
    other = board.new_field(
        name="Size", data_type="single_select", single_select_options=[{"name": "S", "color": "GREEN"}]
    )
    for field, value in (
        (status, "Todo"),
        (status, option(other, "S")),
        (status, 1),
        (status, ["Todo"]),
        (due, "soon"),
        (due, "2026-02-30"),
        (fields["Labels"], "help"),
        (fields["Title"], "new"),
        ({"id": 1}, "x"),
    ):
        assert board.set(item, (field, value)).status_code == 422, (field, value)
    one = f"{board.path}/items/{item['id']}"
    for body in ({}, {"fields": "x"}, {"fields": [{"id": status["id"]}]}, {"fields": [{"value": 1}]}):
        assert board.api.patch(one, body).status_code == 422, body
    assert board.values(item)["Status"] is None


def test_a_field_of_another_board_is_none_of_this(board: Board, ground: Ground) -> None:
    other = new_board(ground)
    item, foreign = board.put_on(), other.fields()["Status"]
    assert board.set(item, (foreign, option(foreign, "Todo"))).status_code == 422
    assert other.api.get(f"{other.path}/items/{item['id']}").status_code == 404


def test_values_are_no_change_of_the_issue_and_one_of_the_board(board: Board) -> None:
    item, status = board.put_on(), board.fields()["Status"]
    path = f"/issues/{item['content']['number']}"
    before = board.api.get(path)
    board.set(item, (status, option(status, "Todo")))
    assert board.api.get(path, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304
    answer = board.api.get(f"{board.path}/items", headers={"If-None-Match": '"x"'})
    assert (
        board.api.get(f"{board.path}/items", headers={"If-None-Match": answer.headers["ETag"]}).status_code
        == 304
    )


def test_closing_moves_to_done_by_itself(board: Board) -> None:
    item, status = board.put_on(), board.fields()["Status"]
    path = f"/issues/{item['content']['number']}"
    board.set(item, (status, option(status, "In Progress")))
    board.api.patch(path, {"state": "closed"})
    assert board.values(item)["Status"]["name"]["raw"] == "Done"
    board.set(item, (status, option(status, "Todo")))
    board.api.patch(path, {"state": "closed", "state_reason": "not_planned"})
    assert board.values(item)["Status"]["name"]["raw"] == "Todo"  # it was closed before
    board.api.patch(path, {"state": "open"})
    assert board.values(item)["Status"]["name"]["raw"] == "Todo"


# Fields


def test_fields_are_added(board: Board) -> None:
    made = board.new_field(
        name="Size",
        data_type="single_select",
        single_select_options=[
            {"name": "Small", "color": "GREEN", "description": "an hour"},
            {
                "name": {"raw": "Large", "html": "Large"},
                "color": "RED",
                "description": {"raw": "", "html": ""},
            },
        ],
    )
    assert [each["name"]["raw"] for each in made["options"]] == ["Small", "Large"]
    assert made["options"][0]["description"]["raw"] == "an hour"
    assert len({each["id"] for each in made["options"]}) == 2
    sprint = board.new_field(
        name="Sprint",
        data_type="iteration",
        iteration_configuration={
            "start_date": "2026-01-05",
            "duration": 14,
            "iterations": [{"title": "First", "start_date": "2026-01-05", "duration": 14}],
        },
    )
    first = sprint["configuration"]["iterations"][0]
    assert sprint["configuration"]["start_day"] == 1
    assert first["title"]["raw"] == "First"
    item = board.put_on()
    assert board.set(item, (sprint, first["id"])).status_code == 200
    assert board.values(item)["Sprint"]["start_date"] == "2026-01-05"


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "status", "data_type": "text"},
        {"name": "Type", "data_type": "text"},
        {"name": " ", "data_type": "text"},
        {"data_type": "text"},
        {"name": "X"},
        {"name": "X", "data_type": "labels"},
        {"name": "X", "data_type": "single_select"},
        {
            "name": "X",
            "data_type": "single_select",
            "single_select_options": [{"name": "a", "color": "TEAL"}],
        },
        {"name": "X", "data_type": "single_select", "single_select_options": [{"name": "a"}, {"name": "A"}]},
        {
            "name": "X",
            "data_type": "single_select",
            "single_select_options": [{"name": str(n)} for n in range(51)],
        },
        {"name": "X", "data_type": "iteration"},
        {
            "name": "X",
            "data_type": "iteration",
            "iteration_configuration": {"start_date": "soon", "duration": 1},
        },
    ],
)
def test_wrong_fields(board: Board, wanted: dict[str, Any]) -> None:
    assert board.api.post(f"{board.path}/fields", wanted).status_code == 422
    assert len(board.fields()) == 11


def test_fifty_fields_are_the_most(board: Board) -> None:
    for number in range(39):
        board.new_field(name=f"Field {number}", data_type="text")
    answer = board.api.post(f"{board.path}/fields", {"name": "One more", "data_type": "text"})
    assert answer.status_code == 422


def test_fields_asked_for_by_list(board: Board) -> None:
    item, fields = board.put_on(), board.fields()
    one = f"{board.path}/items/{item['id']}"
    ids = [fields[name]["id"] for name in ("Status", "Labels")]
    asked = "&".join(f"fields[]={each}" for each in ids)
    assert [each["id"] for each in board.api.read(f"{one}?{asked}")["fields"]] == ids
    assert board.api.get(one, params={"fields": "1"}).status_code == 422


# Queries


def test_items_are_found_by_what_they_have(board: Board) -> None:
    board.api.post("/labels", {"name": "needs help", "color": "ff0000"})
    first = board.put_on("Alpha", labels=["needs help"], assignees=["wendy"])
    second = board.put_on("Beta")
    status, points = board.fields()["Status"], board.new_field(name="Story points", data_type="number")
    board.set(first, (status, option(status, "In Progress")), (points, 3))
    board.api.patch(f"/issues/{second['content']['number']}", {"state": "closed"})
    for query, titles in (
        ("is:open", ["Alpha"]),
        ("is:closed", ["Beta"]),
        ("is:issue", ["Alpha", "Beta"]),
        ("is:pr", []),
        ("alph", ["Alpha"]),
        ("-alph", ["Beta"]),
        ('label:"needs help"', ["Alpha"]),
        ('-label:"needs help"', ["Beta"]),
        ("no:label", ["Beta"]),
        ("assignee:WENDY", ["Alpha"]),
        ('status:"In Progress"', ["Alpha"]),
        ("status:Done,Todo", ["Beta"]),
        ("story-points:3", ["Alpha"]),
        ("no:story-points", ["Beta"]),
        (f"repo:{board.ground.name} author:olivia is:open", ["Alpha"]),
    ):
        assert board.titles(q=query) == titles, query
    for query in ("colour:red", "is:lost", "no:colour"):
        assert board.api.get(f"{board.path}/items", params={"q": query}).status_code == 422, query


NASTY: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "\0",
    "x" * 300,
    "²",
    [],
    [None],
    {},
    {"a": 1},
    [{"id": {}}],
]
KEYS = ("type", "id", "owner", "repo", "number", "name", "data_type", "fields", "single_select_options")


def test_nothing_that_a_client_sends_is_an_error_of_the_server(board: Board) -> None:
    item, size = board.put_on(), {"name": "Size", "data_type": "single_select"}
    when = {"name": "When", "data_type": "iteration"}
    field = board.fields()["Status"]["id"]
    one = f"{board.path}/items/{item['id']}"
    for value in NASTY:
        bodies: list[Any] = [dict.fromkeys(KEYS, value), value]
        bodies += [{"type": "Issue", "id": value}, {"type": "PullRequest", "id": value}]
        bodies += [{"type": "Issue", "owner": value, "repo": value, "number": value}]
        bodies += [{**size, "single_select_options": each} for each in (value, [value], [{"name": value}])]
        bodies += [{**size, "single_select_options": [{"name": "a", "color": value, "description": value}]}]
        bodies += [{**when, "iteration_configuration": value}]
        bodies += [
            {**when, "iteration_configuration": {"start_date": value, "duration": value, "iterations": value}}
        ]
        bodies += [{"fields": [{"id": field, "value": value}]}, {"fields": [{"id": value, "value": value}]}]
        for body in bodies:
            for method, path in (("POST", "/items"), ("POST", "/fields")):
                answer = board.api.ask(method, board.path + path, body)
                assert answer.status_code < 500, (path, body, answer.text)
            answer = board.api.patch(one, body)
            assert answer.status_code < 500, (body, answer.text)
        for key in ("q", "fields", "after", "before", "per_page"):
            for path in ("", "/items", "/fields"):
                answer = board.api.get(board.path + path, params={key: str(value)})
                assert answer.status_code < 500, (path, key, value, answer.text)
        answer = board.api.get("//search/issues", params={"q": f"label:{value} {value}", "sort": str(value)})
        assert answer.status_code < 500, (value, answer.text)
    for tail in ("9" * 30, "x", "-1", "%00", "1/items/" + "9" * 18, "1/items/²"):
        assert board.api.get(f"//users/Olivia/projectsV2/{tail}").status_code in {400, 404}, tail

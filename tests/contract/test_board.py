"""The contract of boards in memory and on the embedded forge, and what GitHub's need: few requests, one warning."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.projects import GitHubBoard
from cdock.core.errors import Unavailable
from cdock.core.issues import Issue
from cdock.core.planning.drafts import Card
from cdock.ports import Board
from cdock.testing import MemoryBoard, MemoryHub
from tests.contract.board_contract import BoardContract, BoardHub
from tests.forge_server import ForgeServer

LIMIT = 30.0
MUTATIONS = {"CreateBoard", "MarkBoard", "AddField", "AddCards", "WriteCards"}
QUERIES = {"PlanBoards", "PlanBoard", "PlanIssues"}
SHOWN = """
query($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    projectsV2(first: 50) {
      nodes {
        id title closed shortDescription
        fields(first: 50) {
          nodes {
            __typename
            ... on ProjectV2FieldCommon { id name }
            ... on ProjectV2SingleSelectField { options { id name } }
          }
        }
        items(first: 100) {
          nodes {
            id
            status: fieldValueByName(name: "Status") { ... on ProjectV2ItemFieldSingleSelectValue { name } }
            own: fieldValueByName(name: "cdock") { ... on ProjectV2ItemFieldSingleSelectValue { name } }
            stage: fieldValueByName(name: "Stage") { ... on ProjectV2ItemFieldNumberValue { number } }
            content { ... on Issue { number } }
          }
        }
      }
    }
  }
}
"""


class MemoryBoardHub:
    """See `BoardHub`."""

    def __init__(self) -> None:
        self._hub = MemoryHub()
        self._board = MemoryBoard()

    def board(self) -> Board:
        return self._board

    def issue(self, title: str) -> Issue:
        return self._hub.issues[self._hub.open_issue(title)]

    def columns(self, plan: Issue) -> dict[int, str]:
        return {number: card.status for number, card in self._board.boards[plan.number].items()}

    def stages(self, plan: Issue) -> dict[int, int]:
        return {number: card.stage for number, card in self._board.boards[plan.number].items()}

    def move(self, plan: Issue, issue: Issue, column: str) -> None:
        self._board.boards[plan.number][issue.number].status = column

    def restage(self, plan: Issue, issue: Issue, stage: int) -> None:
        self._board.boards[plan.number][issue.number].stage = stage

    def close(self, plan: Issue) -> None:
        self._board.closed.add(plan.number)

    def boards(self) -> int:
        return len(self._board.boards)


class TestMemoryBoard(BoardContract):
    @pytest.fixture
    def hub(self) -> BoardHub:
        return MemoryBoardHub()


class GitHubBoardHub:
    """See `BoardHub`. The repository is our own, and so are its boards."""

    serial = itertools.count(1)

    def __init__(self, server: ForgeServer, token: str) -> None:
        self.server = server
        self.token = token
        self.name = f"demo-{next(self.serial)}"
        self.opened: list[GitHubBoard] = []
        self._call("POST", "user/repos", {"name": self.name})

    def board(self, token: str = "") -> GitHubBoard:
        where = parse_repository(f"{self.server.url}/robot/{self.name}.git")
        self.opened.append(GitHubBoard(where, token=token or self.token, timeout=LIMIT))
        return self.opened[-1]

    def issue(self, title: str) -> Issue:
        row = self._call("POST", f"repos/robot/{self.name}/issues", {"title": title})
        return Issue(
            number=row["number"],
            id=row["id"],
            title=title,
            body="",
            author="robot",
            url=row["html_url"],
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def columns(self, plan: Issue) -> dict[int, str]:
        return self.values(plan, "status", "name")

    def stages(self, plan: Issue) -> dict[int, int]:
        return self.values(plan, "stage", "number")

    def values(self, plan: Issue, field: str, key: str) -> dict[int, Any]:
        rows = self._of(plan)["items"]["nodes"]
        return {row["content"]["number"]: row[field] and row[field][key] for row in rows}

    def move(self, plan: Issue, issue: Issue, column: str) -> None:
        field = self.field(plan, "Status")
        option = next(one["id"] for one in field["options"] if one["name"] == column)
        self._set(plan, issue, field["id"], {"singleSelectOptionId": option})

    def restage(self, plan: Issue, issue: Issue, stage: int) -> None:
        self._set(plan, issue, self.field(plan, "Stage")["id"], {"number": stage})

    def _set(self, plan: Issue, issue: Issue, field: str, value: dict[str, Any]) -> None:
        board = self._of(plan)
        item = next(row["id"] for row in board["items"]["nodes"] if row["content"]["number"] == issue.number)
        given = {"projectId": board["id"], "itemId": item, "fieldId": field, "value": value}
        self.change("updateProjectV2ItemFieldValue", "UpdateProjectV2ItemFieldValueInput", given)

    def close(self, plan: Issue) -> None:
        self.change(
            "updateProjectV2", "UpdateProjectV2Input", {"projectId": self._of(plan)["id"], "closed": True}
        )

    def boards(self) -> int:
        return len(self.shown())

    def field(self, plan: Issue, name: str) -> Any:
        return next(field for field in self._of(plan)["fields"]["nodes"] if field["name"] == name)

    def _of(self, plan: Issue) -> Any:
        (board,) = (row for row in self.shown() if f"({plan.id})" in row["shortDescription"])
        return board

    def shown(self) -> list[Any]:
        asked = self.ask(SHOWN, owner="robot", name=self.name)
        rows: list[Any] = asked["repository"]["projectsV2"]["nodes"]
        return rows

    def change(self, field: str, kind: str, given: dict[str, Any]) -> None:
        self.ask(
            f"mutation($given: {kind}!) {{ {field}(input: $given) {{ clientMutationId }} }}", given=given
        )

    def ask(self, document: str, **variables: Any) -> Any:
        answer = self._request("POST", "graphql", {"query": document, "variables": variables})
        assert "errors" not in answer, answer
        return answer["data"]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self._request(method, f"v3/{path}", body)

    def _request(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "a person"}
        url = f"{self.server.url}/api/{path}"
        answer = requests.request(method, url, headers=headers, json=body, timeout=LIMIT)
        assert answer.ok, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json()

    def operations(self, since: int) -> list[str]:
        """The names of the GraphQL documents that cdock sent after an entry of the journal."""
        return [
            name
            for entry in self.server.journal(since)
            for name in entry["operations"][:1]
            if name in MUTATIONS or name in QUERIES
        ]

    def mark(self) -> int:
        """The last entry of the journal."""
        return max((entry["seq"] for entry in self.server.journal()), default=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    forge = ForgeServer(tmp_path_factory.mktemp("forge"))
    forge.start("--test-controls")
    try:
        forge.admin("user", "robot")
        yield forge
    finally:
        forge.stop()


@pytest.fixture
def github(server: ForgeServer) -> Iterator[GitHubBoardHub]:
    hub = GitHubBoardHub(server, server.admin("token", "robot", "--scopes", "repo,project")["token"])
    yield hub
    server.clear_faults()
    for board in hub.opened:
        board.close()


class TestGitHubBoard(BoardContract):
    @pytest.fixture
    def hub(self, github: GitHubBoardHub) -> BoardHub:
        return github


def test_only_what_differs_is_written(github: GitHubBoardHub) -> None:
    plan, board, since = github.issue("A plan"), github.board(), github.mark()
    cards = [Card(github.issue(f"Task {n}"), "Todo", 1) for n in range(8)]
    board.show(plan, cards)
    new = github.operations(since)
    assert [name for name in new if name in MUTATIONS] == [
        "CreateBoard", "MarkBoard", "AddField", "AddField", "AddCards", "WriteCards", "WriteCards",
    ]  # fmt: skip
    since = github.mark()
    board.show(plan, cards)
    assert github.operations(since) == [], "nothing changed, so nothing is asked"
    github.board().show(plan, cards)
    assert github.operations(since) == ["PlanBoards", "PlanBoard"], (
        "another process looks, and writes nothing"
    )
    since = github.mark()
    board.show(plan, [replace(cards[0], status="In Review"), *cards[1:]])
    assert github.operations(since) == ["PlanBoard", "WriteCards"]
    first = cards[0].issue.number
    assert github.values(plan, "own", "name")[first] == "In Review"
    assert github.columns(plan)[first] == "In Progress", "a new board has no better column"


def test_a_column_that_people_add_is_used_and_none_is_rewritten(github: GitHubBoardHub) -> None:
    plan, board = github.issue("A plan"), github.board()
    card = Card(github.issue("Task"), "Todo", 1)
    board.show(plan, [card])
    status = github.field(plan, "Status")
    options = [{**one, "color": "GRAY", "description": ""} for one in status["options"]]
    options.append({"name": "In Review", "color": "PINK", "description": "mine"})
    github.change(
        "updateProjectV2Field",
        "UpdateProjectV2FieldInput",
        {"fieldId": status["id"], "singleSelectOptions": options},
    )
    before = github.field(plan, "Status")["options"]
    github.board().show(plan, [replace(card, status="In Review")])
    assert github.columns(plan) == {card.issue.number: "In Review"}
    assert github.field(plan, "Status")["options"] == before


@pytest.mark.parametrize(
    "scopes", [("--scopes", "repo"), ("--fine", "issues=write,contents=write,metadata=read")]
)
def test_a_token_that_may_not_is_told_once_and_nothing_else_happens(
    github: GitHubBoardHub, scopes: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    plan, card = github.issue("A plan"), Card(github.issue("Task"), "Todo", 1)
    board = github.board(github.server.admin("token", "robot", *scopes)["token"])
    with caplog.at_level(logging.WARNING):
        assert board.show(plan, [card]) == ""
        since = github.mark()
        assert board.show(plan, [replace(card, status="Done")]) == ""
    assert github.operations(since) == []
    told = [vars(record)["feature"] for record in caplog.records if "feature" in vars(record)]
    assert told == ["use boards"]
    assert github.boards() == 0


@pytest.mark.parametrize("operation", ["CreateBoard", "MarkBoard", "AddField", "AddCards", "WriteCards"])
@pytest.mark.parametrize("kind", ["status", "commit_then_502"])
def test_whichever_write_goes_wrong_there_is_one_board(
    github: GitHubBoardHub, operation: str, kind: str
) -> None:
    plan, cards = github.issue("A plan"), [Card(github.issue(f"Task {n}"), "Todo", n) for n in (1, 2)]
    args = {"args": {"status": 502}} if kind == "status" else {}
    github.server.faults([{"kind": kind, "match": {"operation": operation}, "times": 1, **args}])
    with pytest.raises(Unavailable):
        github.board().show(plan, cards)
    assert github.board().show(plan, cards)
    assert github.boards() == 1
    assert github.columns(plan) == {card.issue.number: "Todo" for card in cards}
    assert github.stages(plan) == {card.issue.number: card.stage for card in cards}


def test_a_board_that_was_deleted_is_made_again(github: GitHubBoardHub) -> None:
    plan, board = github.issue("A plan"), github.board()
    card = Card(github.issue("Task"), "Todo", 1)
    board.show(plan, [card])
    github.change("deleteProjectV2", "DeleteProjectV2Input", {"projectId": github.shown()[0]["id"]})
    assert board.show(plan, [replace(card, status="Done")])
    assert github.columns(plan) == {card.issue.number: "Done"}


def test_an_issue_that_is_gone_keeps_no_other_from_its_card(github: GitHubBoardHub) -> None:
    plan = github.issue("A plan")
    there, gone = Card(github.issue("Task"), "Todo", 1), Card(github.issue("Other"), "Todo", 1)
    missing = replace(gone, issue=replace(gone.issue, number=9_999, id=9_999))
    assert github.board().show(plan, [missing, there])
    assert github.columns(plan) == {there.issue.number: "Todo"}


def test_a_hundred_cards_take_few_writes(github: GitHubBoardHub) -> None:
    plan = github.issue("A plan")
    cards = [Card(github.issue(f"Task {n}"), "Todo", 1 + n % 5) for n in range(100)]
    since = github.mark()
    github.board().show(plan, cards)
    writes = Counter(name for name in github.operations(since) if name in MUTATIONS)
    assert writes["AddCards"] == 5
    assert sum(writes.values()) <= 30
    assert github.stages(plan) == {card.issue.number: card.stage for card in cards}

"""The contract of boards in memory and on the embedded forge, and what GitHub's need: few requests, one warning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.projects import GitHubBoard
from cdock.core.model import Issue
from cdock.ports import Board
from cdock.testing import MemoryBoard, MemoryHub
from tests.contract.board_contract import BoardContract, BoardHub
from tests.forge_server import ForgeServer

LIMIT = 30.0
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
            entry["operation"]
            for entry in self.server.journal(since)
            if entry["path"] == "/api/graphql" and entry.get("operation")
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

"""GraphQL goes through the same doors: journal, faults, limits."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer

LIMIT = 30.0
ADD = "mutation($s: ID!, $b: String!) { addComment(input: {subjectId: $s, body: $b}) { clientMutationId } }"
LOOK = """query Look($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) { name issue(number: 1) { title } label(name: "none") { name } }
}"""


class Asking:
    """GraphQL as the writer."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.owner, self.name = ground.name.split("/")

    def send(self, query: str, **variables: Any) -> requests.Response:
        return requests.post(
            f"{self.ground.forge.url}/api/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.ground.people.writer}"},
            timeout=LIMIT,
        )

    def look(self) -> Any:
        return self.send(LOOK, owner=self.owner, name=self.name).json()


@pytest.fixture
def asking(ground: Ground) -> Asking:
    ground.owner.issue("before")
    return Asking(ground)


def test_costs_and_content(controlled: ForgeServer, ground: Ground, asking: Asking) -> None:
    asking.look()
    entry = controlled.journal()[-1]
    assert (entry["path"], entry["operations"]) == ("/graphql", ["Look", "repository"])
    assert (entry["points"], entry["content"], entry["login"]) == (1, False, "wendy")
    subject = ground.owner.read("/issues/1")["node_id"]
    assert "errors" not in asking.send(ADD, s=subject, b="x").json()
    assert (controlled.journal()[-1]["points"], controlled.journal()[-1]["content"]) == (1, True)
    assert asking.send(ADD, s="I_nothing", b="x").json()["errors"]
    assert controlled.journal()[-1]["content"] is False


def test_one_node_fails_beside_the_rest(controlled: ForgeServer, asking: Asking) -> None:
    controlled.faults(
        [
            {"kind": "graphql_partial", "match": {"operation": "Look"}, "times": 1},
            {"kind": "graphql_partial", "args": {"path": "repository", "type": "FORBIDDEN"}, "times": 1},
        ]
    )
    answer = asking.look()
    assert answer["data"]["repository"] == {"name": asking.name, "issue": None, "label": None}
    assert [error["path"] for error in answer["errors"]] == [["repository", "issue"]]
    answer = asking.look()
    assert answer["data"] == {"repository": None}
    assert [(error["path"], error["type"]) for error in answer["errors"]] == [(["repository"], "FORBIDDEN")]
    assert asking.look()["data"]["repository"]["issue"] == {"title": "before"}


def test_done_and_called_a_failure(controlled: ForgeServer, ground: Ground, asking: Asking) -> None:
    subject = ground.owner.read("/issues/1")["node_id"]
    controlled.faults([{"kind": "commit_then_502", "match": {"operation": "addComment"}, "times": 1}])
    assert asking.send(ADD, s=subject, b="twin").status_code == 502
    assert asking.send(ADD, s=subject, b="twin").status_code == 200
    assert [comment["body"] for comment in ground.owner.read("/issues/1/comments")] == ["twin", "twin"]


def test_a_look_is_old_for_a_while(controlled: ForgeServer, ground: Ground, asking: Asking) -> None:
    controlled.clock(freeze=True)
    controlled.faults([{"kind": "stale_read", "args": {"seconds": 5}, "match": {"interface": "graphql"}}])
    asking.look()
    controlled.clock(advance=60)
    ground.owner.patch("/issues/1", {"title": "after"})
    assert asking.look()["data"]["repository"]["issue"]["title"] == "before"
    controlled.clock(advance=5)
    assert asking.look()["data"]["repository"]["issue"]["title"] == "after"


def test_content_is_limited(controlled: ForgeServer, ground: Ground, asking: Asking) -> None:
    subject = ground.owner.read("/issues/1")["node_id"]
    controlled.clock(freeze=True)
    controlled.limits("github")
    for _ in range(40):
        assert asking.send(ADD, s=subject, b="x").status_code == 200
        assert ground.writer.post("/issues/1/comments", {"body": "x"}).status_code == 201
    answer = asking.send(ADD, s=subject, b="x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "60")
    assert asking.look()["data"]
    controlled.limits("off")

"""The boards of a repository on the embedded forge, as a person who may see them finds them."""

from __future__ import annotations

from typing import Any

import requests

LIMIT = 60.0
_BOARDS = """
query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { projectsV2(first: 50) {
  nodes { title items(first: 100) { nodes {
    status: fieldValueByName(name: "Status") { ... on ProjectV2ItemFieldSingleSelectValue { name } }
    stage: fieldValueByName(name: "Stage") { ... on ProjectV2ItemFieldNumberValue { number } }
    content { ... on Issue { number } } } } } } } }
"""


def boards(forge: str, repository: str, *, token: str) -> dict[str, dict[int, tuple[str, int]]]:
    """Each board by its title: status and stage of every card, by its issue."""
    owner, _, name = repository.partition("/")
    answer = requests.post(
        f"{forge}/api/graphql",
        json={"query": _BOARDS, "variables": {"owner": owner, "name": name}},
        headers={"Authorization": f"Bearer {token}", "User-Agent": "a person"},
        timeout=LIMIT,
    )
    assert answer.ok, f"{answer.status_code} {answer.text}"
    found: list[dict[str, Any]] = answer.json()["data"]["repository"]["projectsV2"]["nodes"]
    titles = [board["title"] for board in found]
    assert len(titles) == len(set(titles)), f"a board stands there twice: {titles}"
    return {
        board["title"]: {
            card["content"]["number"]: (card["status"]["name"], card["stage"]["number"])
            for card in board["items"]["nodes"]
        }
        for board in found
    }

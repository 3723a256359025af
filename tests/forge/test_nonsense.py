"""Nothing that a client sends is an error of the server's."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cdock.forge.rest import routing
from cdock.forge.rest.endpoint import RestApi
from tests.forge.ground import Ground

NASTY: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    " ",
    "\0",
    "x" * 300,
    "²",
    "-x",
    "a..b",
    "../..",
    [],
    [None],
    {},
    {"a": 1},
]
KEYS = [
    "title",
    "body",
    "labels",
    "assignees",
    "milestone",
    "state",
    "state_reason",
    "name",
    "color",
    "content",
    "head",
    "base",
    "draft",
    "ref",
    "sha",
    "force",
    "message",
    "tree",
    "parents",
    "branch",
    "description",
    "due_on",
    "permission",
    "merge_method",
    "context",
    "encoding",
    "lock_reason",
    "author",
    "base_tree",
]


def _paths() -> list[tuple[str, str]]:
    # Importing the interface is what registers the routes.
    assert RestApi.__module__
    known = {(route.method, route.template) for route in routing._routes if route.in_repo}
    return sorted((method, path) for method, path in known if (method, path) != ("DELETE", ""))


def _filled(template: str, value: str) -> str:
    return re.sub(r"\{\w+(:\w+)?\}", lambda part: "1" if part[1] == ":int" else value, template)


@pytest.mark.parametrize(("method", "template"), _paths())
def test_nasty_paths_and_bodies(ground: Ground, method: str, template: str) -> None:
    ground.owner.issue("one")
    ground.writer.put("/contents/README.md", {"message": "first", "content": ""})
    for value in ("x", "%00", "%2e%2e%2f", "%ff", "-x", "main...main", "a%0Ab", "%F0%9F%90%99", "0" * 40):
        answer = ground.owner.ask(method, _filled(template, value))
        assert answer.status_code < 500, (value, answer.text)
    if method == "GET":
        return
    for nasty in NASTY:
        answer = ground.owner.ask(method, _filled(template, "main"), dict.fromkeys(KEYS, nasty))
        assert answer.status_code < 500, (nasty, answer.text)
        if template == "" and answer.status_code == 200:
            name = answer.json()["name"]
            ground.owner.repo = f"Olivia/{name}"


@pytest.mark.parametrize(
    "query",
    [
        "page=²&per_page=-1",
        "page=99999999999999999999",
        "after=W10&before=e30",
        "after=W1tdLDFd",
        "after=WyJ4Iiw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OV0",
        "milestone=99999999999999999999999",
        "milestone=²",
        "since=0001-01-01T00:00:00%2B14:00",
        "since=%00&labels=%00",
        "path=%00&author=-x&sha=%00",
        "head=%00:%00&base=-x&ref=..",
        "%ff=%ff",
    ],
)
@pytest.mark.parametrize(
    "path", ["/issues", "/pulls", "/commits", "/issues/comments", "/labels", "/contents/x"]
)
def test_nasty_queries(ground: Ground, path: str, query: str) -> None:
    ground.writer.put("/contents/README.md", {"message": "first", "content": ""})
    answer = ground.owner.get(f"{path}?{query}")
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "content", ['{"title": "\\ud800"}', '{"title": "x", "body": "\\udfff"}', "{" * 100_000, "[" * 100_000]
)
def test_nasty_json(ground: Ground, content: str) -> None:
    answer = ground.owner.ask("POST", "/issues", data=content)
    assert answer.status_code == 400


def test_every_character_is_kept(ground: Ground) -> None:
    text = "".join(chr(code) for code in [*range(1, 0x300), 0x2028, 0xFEFF, 0x1F419, 0x10FFFF])
    number = ground.owner.issue(body=text)
    assert ground.owner.read(f"/issues/{number}")["body"] == text
    assert json.loads(ground.owner.get(f"/issues/{number}").content)["body"] == text

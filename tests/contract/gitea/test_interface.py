"""The checker sees what is not in Gitea's interface, and the comparison sees what a server publishes differently."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.contract.gitea.compare import differences, published_in
from tests.contract.gitea.interface import Interface, contract, load_interface

HOME = "/repos/acme/demo"


@pytest.mark.parametrize(
    ("method", "url", "body", "rule"),
    [
        ("GET", f"{HOME}/branches", None, "unknown-operation"),
        ("GET", f"{HOME}/issues?per_page=100", None, "unknown-query-key"),
        ("GET", f"{HOME}/issues?sort=updated", None, "unknown-query-key"),
        ("GET", f"{HOME}/issues?state=any", None, "parameter-value"),
        ("GET", f"{HOME}/issues?since=yesterday", None, "parameter-value"),
        ("GET", f"{HOME}/issues/seven", None, "parameter-value"),
        ("POST", f"{HOME}/issues", {"title": "X", "labels": ["bug"]}, "body"),
        ("POST", f"{HOME}/issues", {"body": "X"}, "body"),
        ("POST", f"{HOME}/labels", {"name": "X", "color": "#fff", "default": True}, "unknown-body-key"),
        ("PATCH", f"{HOME}/issues/7", {"state": "closed", "state_reason": "completed"}, "unknown-body-key"),
        ("POST", f"{HOME}/issues/7/comments", None, "missing-body"),
    ],
)
def test_what_gitea_does_not_know_is_a_violation(method: str, url: str, body: Any, rule: str) -> None:
    raw = None if body is None else json.dumps(body).encode()
    assert [found.rule for found in contract().request(method, url, raw)] == [rule]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", f"{HOME}/issues?state=all&type=issues&since=2026-03-01T12:00:00Z&page=1&limit=50"),
        ("GET", f"{HOME}/pulls/main/cdock/add-login.0b9b54d"),
        ("GET", "/orgs/acme/labels?page=1&limit=50"),
    ],
)
def test_what_gitea_knows_is_none(method: str, url: str) -> None:
    assert contract().request(method, url) == []


@pytest.mark.parametrize(
    ("status", "content", "rule"),
    [
        (200, {"login": "maria", "type": "User"}, "unknown-answer-key"),
        (200, {"login": 7}, "answer"),
        (202, {"message": "later"}, "unpublished-status"),
    ],
)
def test_an_answer_gitea_does_not_give_is_a_violation(status: int, content: Any, rule: str) -> None:
    found = contract().response("GET", "/user", status, json.dumps(content).encode())
    assert [each.rule for each in found] == [rule]


def described() -> dict[str, Any]:
    """A description in Gitea's manner of the two operations that are compared here."""
    text = """{
      "info": {"title": "Gitea API", "version": "{{AppVer | JSEscape}}"},
      "paths": {"/repos/{owner}/{repo}/labels": {
        "get": {
          "parameters": [
            {"in": "path", "name": "owner", "type": "string"}, {"in": "path", "name": "repo", "type": "string"},
            {"in": "query", "name": "page", "type": "integer"}, {"in": "query", "name": "limit", "type": "integer"}
          ],
          "responses": {"200": {"$ref": "#/responses/LabelList"}, "404": {"$ref": "#/responses/notFound"}}
        }
      }},
      "responses": {"LabelList": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Label"}}}},
      "definitions": {"Label": {"type": "object", "properties": {
        "id": {"type": "integer"}, "name": {"type": "string"}, "color": {"type": "string"},
        "description": {"type": "string"}, "exclusive": {"type": "boolean"}, "is_archived": {"type": "boolean"},
        "url": {"type": "string"}
      }}}
    }"""
    return published_in(text)


def ours() -> Interface:
    """That part of the interface."""
    whole = load_interface()
    operations = [o for o in whole.operations if (o.method, o.path.rpartition("/")[2]) == ("GET", "labels")]
    kept = [o for o in operations if o.path == "/repos/{owner}/{repo}/labels"]
    return Interface(tuple(kept), {"Label": whole.types["Label"]})


def test_a_description_that_says_the_same_has_no_differences() -> None:
    assert list(differences(ours(), described())) == []


def test_every_difference_is_named() -> None:
    changed = copy.deepcopy(described())
    operation = changed["paths"]["/repos/{owner}/{repo}/labels"]["get"]
    operation["parameters"] = [each for each in operation["parameters"] if each["name"] != "page"]
    del operation["responses"]["404"]
    changed["definitions"]["Label"]["properties"]["id"] = {"type": "string"}
    changed["definitions"]["Label"]["required"] = ["name"]
    del changed["definitions"]["Label"]["properties"]["color"]
    changed["responses"]["LabelList"]["schema"] = {"$ref": "#/definitions/Label"}
    found = "\n".join(differences(ours(), changed))
    for words in (
        "no query key page", "no status 404", "200 is Label, not [Label]", "id: is string", "no field color",
        "must have name",
    ):  # fmt: skip
        assert words in found
    changed["paths"], changed["definitions"] = {}, {}
    assert len(list(differences(ours(), changed))) == 2

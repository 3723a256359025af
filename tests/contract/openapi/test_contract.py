"""The checker itself: what GitHub publishes passes, and each kind of departure is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from . import samples
from .contract import RULES, WAIVERS, Contract, Violation, waivers_in
from .refresh import CUT, OPERATIONS, VanishedError, cut, operations_in
from .samples import ISSUES, REPO

LABEL = json.loads(json.dumps(samples.label("bug")).replace("{base}", "http://127.0.0.1:1"))


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def found(violations: list[Violation]) -> set[tuple[str, str]]:
    return {(violation.rule, violation.where) for violation in violations}


# Requests


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", f"{ISSUES}?labels=agent-ready,bug&state=all&per_page=100&since=2026-11-21T10:00:00Z", None),
        ("GET", f"http://127.0.0.1:8000/api/v3{ISSUES}/7", None),
        ("GET", "http://api.github.localhost/user", None),
        ("GET", "http://127.0.0.1:8000/api/v3/", None),
        ("GET", "/repositories/4000001/issues?after=Y3Vyc29y&per_page=30", None),
        (
            "POST",
            ISSUES,
            {"title": "T", "body": "B\r\n", "labels": ["bug", {"name": "x"}], "milestone": None},
        ),
        ("PATCH", f"{ISSUES}/7", {"state": "closed", "state_reason": "not_planned"}),
        ("PATCH", f"{ISSUES}/7", {"state_reason": None}),
        ("DELETE", f"{ISSUES}/7/labels/a%2Fb", None),
        ("GET", "/repos/alice/demo/git/ref/heads/cdock/a.b", None),
        ("GET", "/repos/alice/demo/commits/feature/x/status", None),
        ("GET", "/repos/alice/demo/compare/main...alice:feature/x", None),
        ("GET", "/repos/alice/demo/compare/main...feature", None),
        ("PUT", "/repos/alice/demo/pulls/3/merge", {"merge_method": "squash", "sha": "0" * 40}),
    ],
)
def test_what_github_publishes_passes(
    contract: Contract, method: str, url: str, body: dict[str, Any] | None
) -> None:
    assert contract.request(method, url, raw(body) if body else None) == []


@pytest.mark.parametrize(
    ("method", "url", "body", "rule", "where"),
    [
        ("GET", f"{ISSUES}?label=bug", None, "unknown-query-key", "label"),
        ("GET", f"{ISSUES}?state=opened", None, "parameter-value", "state"),
        ("GET", f"{ISSUES}?per_page=many", None, "parameter-value", "per_page"),
        ("GET", f"{ISSUES}?since=yesterday", None, "parameter-value", "since"),
        ("GET", f"{ISSUES}?state=open&state=closed", None, "repeated-query-key", "state"),
        ("GET", f"{ISSUES}/first", None, "parameter-value", "issue_number"),
        ("GET", "/search/issues?sort=created", None, "missing-query-key", "q"),
        ("GET", f"{ISSUES}/7/label", None, "unknown-operation", f"{ISSUES}/7/label"),
        ("PUT", ISSUES, None, "unknown-operation", ISSUES),
        (
            "GET",
            f"{REPO}/branches/main/protection",
            None,
            "unknown-operation",
            f"{REPO}/branches/main/protection",
        ),
        ("GET", f"{REPO}/commits/abc/pulls", None, "unknown-operation", f"{REPO}/commits/abc/pulls"),
        ("POST", ISSUES, {"title": "T", "label": ["bug"]}, "unknown-body-key", "/label"),
        (
            "POST",
            ISSUES,
            {"title": "T", "labels": [{"name": "x", "colour": "f00"}]},
            "unknown-body-key",
            "/labels/*/colour",
        ),
        ("POST", ISSUES, {"body": "no title"}, "body", "/"),
        ("POST", ISSUES, {"title": "T", "assignees": "alice"}, "body", "/assignees"),
        ("POST", ISSUES, None, "missing-body", "/"),
        ("PATCH", f"{ISSUES}/7", {"state": "done"}, "body", "/state"),
        ("PATCH", f"{ISSUES}/7", {"state_reason": "wontfix"}, "body", "/state_reason"),
        ("PATCH", "/repos/alice/demo/pulls/3", {"draft": True}, "unknown-body-key", "/draft"),
        ("GET", f"{ISSUES}/7", {"state": "open"}, "unexpected-body", "/"),
        ("POST", f"{ISSUES}/7/reactions", {"content": "thumbsup"}, "body", "/content"),
    ],
)
def test_a_departing_request_is_named(
    contract: Contract, method: str, url: str, body: dict[str, Any] | None, rule: str, where: str
) -> None:
    assert found(contract.request(method, url, raw(body) if body else None)) == {(rule, where)}


def test_a_body_that_is_no_json_is_named(contract: Contract) -> None:
    assert found(contract.request("POST", ISSUES, b"title=T")) == {("body", "/")}


# Answers


def test_published_answers_pass(contract: Contract) -> None:
    url = "/repos/alice/demo/labels"
    assert contract.response("POST", url, 201, raw(LABEL)) == []
    assert (
        contract.response("GET", url, 200, raw([LABEL]), media_type="application/json; charset=utf-8") == []
    )
    assert contract.response("GET", url, 200, raw([LABEL]), media_type="application/vnd.github+json") == []
    assert contract.response("DELETE", f"{url}/bug", 204) == []
    assert contract.response("GET", url, 304) == []


def test_error_bodies_pass_with_and_without_a_published_status(contract: Contract) -> None:
    docs = "https://docs.github.com/rest"
    refused = {
        "message": "Validation Failed",
        "errors": [{"resource": "Label", "field": "name", "code": "already_exists", "value": None}],
        "documentation_url": docs,
        "status": "422",
    }
    assert contract.response("POST", "/repos/alice/demo/labels", 422, raw(refused)) == []
    unknown = {"message": "Bad credentials", "documentation_url": docs, "status": "401"}
    assert contract.response("POST", "/repos/alice/demo/labels", 401, raw(unknown)) == []


@pytest.mark.parametrize(
    ("status", "body", "rule", "where"),
    [
        (200, LABEL, "unpublished-status", "200"),
        (500, {"message": "broken"}, "unpublished-status", "500"),
        (201, {key: LABEL[key] for key in LABEL if key != "color"}, "answer", "/"),
        (201, {**LABEL, "default": "no"}, "answer", "/default"),
        (201, {**LABEL, "name": None}, "answer", "/name"),
        (201, {**LABEL, "url": "/repos/alice/demo/labels/bug"}, "answer", "/url"),
        (201, {**LABEL, "colour": "red"}, "unknown-answer-key", "/colour"),
        (422, {"message": "no"}, "answer", "/"),
        (404, {"message": "no", "error": "none"}, "unknown-error-key", "/error"),
    ],
)
def test_a_departing_answer_is_named(
    contract: Contract, status: int, body: dict[str, Any], rule: str, where: str
) -> None:
    assert found(contract.response("POST", "/repos/alice/demo/labels", status, raw(body))) == {(rule, where)}


def test_an_answer_needs_the_published_kind_of_body(contract: Contract) -> None:
    url = "/repos/alice/demo/labels"
    assert found(contract.response("POST", url, 201, b"")) == {("answer", "/")}
    assert found(contract.response("POST", url, 201, b"<html>", media_type="text/html")) == {
        ("media-type", "text/html")
    }
    assert found(contract.response("DELETE", f"{url}/bug", 204, b"{}")) == {("answer", "/")}


def test_an_error_published_without_a_schema_has_the_usual_error_body(contract: Contract) -> None:
    url = "/repos/alice/demo/collaborators/carol"
    assert contract.response("GET", url, 404, raw({"message": "Not Found", "status": "404"})) == []
    assert found(contract.response("GET", url, 404, b"")) == {("answer", "/")}


def test_a_diff_is_a_diff_with_and_without_version(contract: Contract) -> None:
    for kind in ("application/vnd.github.diff", "application/vnd.github.v3.diff; charset=utf-8"):
        assert (
            contract.response("GET", "/repos/alice/demo/compare/a...b", 200, b"diff", media_type=kind) == []
        )


def test_a_key_marked_read_only_is_required_in_answers(contract: Contract) -> None:
    """The library's plain validator forgives it, and with it a third of the required keys of some schemas."""
    spec = json.loads(CUT.read_text())
    spec["components"]["schemas"]["label"]["properties"]["color"]["readOnly"] = True
    without = {key: LABEL[key] for key in LABEL if key != "color"}
    answer = Contract(spec).response("POST", "/repos/alice/demo/labels", 201, raw(without))
    assert found(answer) == {("answer", "/")}


# Waivers, and the kept copy


def test_a_waiver_covers_its_operation_rule_and_place_only() -> None:
    spec = json.loads(CUT.read_text())
    text = """
        [[waiver]]
        operation = "GET /repos/*/issues"
        rule = "unknown-query-key"
        where = "label"
        reason = "for this test"
        date = 2026-11-21
    """
    lenient = Contract(spec, waivers=waivers_in(text))
    assert lenient.request("GET", f"{ISSUES}?label=bug") == []
    assert [waiver.where for waiver in lenient.used] == ["label"]
    assert found(lenient.request("GET", f"{ISSUES}?lable=bug")) == {("unknown-query-key", "lable")}
    assert found(lenient.request("GET", f"{ISSUES}/comments?label=bug")) == {("unknown-query-key", "label")}


def test_every_waiver_names_a_rule_and_an_operation_that_exist(contract: Contract) -> None:
    for waiver in waivers_in(WAIVERS.read_text()):
        probe = [
            Violation(name, waiver.rule, waiver.where, "")
            for name in contract.routes.names
            if waiver.rule in RULES
        ]
        assert any(waiver.covers(violation) for violation in probe), waiver
        assert waiver.reason


def test_the_kept_copy_describes_exactly_the_operation_list(contract: Contract) -> None:
    listed = {f"{method.upper()} {path}" for method, path in operations_in(OPERATIONS.read_text())}
    assert contract.routes.names == listed


def test_refreshing_fails_on_a_vanished_operation() -> None:
    spec = json.loads(CUT.read_text())
    with pytest.raises(VanishedError, match="GET /gone"):
        cut(spec, [("get", "/user"), ("get", "/gone")], origin="this test")


def test_refreshing_drops_prose_but_no_property_that_is_called_like_prose() -> None:
    spec = json.loads(CUT.read_text())
    label = spec["components"]["schemas"]["label"]
    label["properties"]["color"]["description"] = "six hex digits"
    label["example"] = {"name": "bug"}
    kept = cut(spec, [("post", "/repos/{owner}/{repo}/labels")], origin="this test")["components"]["schemas"][
        "label"
    ]
    assert kept["properties"]["color"] == {"type": "string"}
    assert "description" in kept["properties"]
    assert "example" not in kept

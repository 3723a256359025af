"""Servers that are wrong on purpose: were the checks blind to one of these, a green run would mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from .canned import Answers, canned_server
from .contract import Contract
from .proxy import checked_proxy
from .recorder import Recorder
from .samples import ISSUES, REPO, issue, label

LIMIT = 10.0

RIGHT: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", ISSUES): (200, [issue()]),
    ("POST", ISSUES): (201, issue()),
    ("PATCH", f"{ISSUES}/7"): (200, issue()),
    ("POST", f"{REPO}/labels"): (201, label("bug")),
    ("DELETE", f"{REPO}/labels/bug"): (204, None),
}


def use(url: str, session: requests.Session) -> None:
    """What a blameless client does."""
    session.get(f"{url}{ISSUES}", params={"labels": "agent-ready", "state": "all"}, timeout=LIMIT)
    session.post(f"{url}{ISSUES}", json={"title": "Add OAuth login"}, timeout=LIMIT)
    session.patch(f"{url}{ISSUES}/7", json={"state": "open"}, timeout=LIMIT)
    session.post(f"{url}{REPO}/labels", json={"name": "bug", "color": "d73a4a"}, timeout=LIMIT)
    session.delete(f"{url}{REPO}/labels/bug", timeout=LIMIT)


def through_proxy(answers: Answers, contract: Contract) -> Recorder:
    with (
        canned_server(answers) as server,
        checked_proxy(server, contract) as proxy,
        requests.Session() as session,
    ):
        use(proxy.url, session)
    return proxy


def in_session(answers: Answers, contract: Contract) -> Recorder:
    recorder = Recorder(contract)
    with canned_server(answers) as server, requests.Session() as session:
        recorder.watch(session)
        use(server, session)
    return recorder


ways = pytest.mark.parametrize("watched", [through_proxy, in_session])
Watched = Callable[[Answers, Contract], Recorder]


@ways
def test_a_right_server_and_a_right_client_pass(watched: Watched, contract: Contract) -> None:
    recorder = watched(RIGHT, contract)
    assert recorder.violations == []
    assert [exchange.status for exchange in recorder.exchanges] == [200, 201, 200, 201, 204]


@ways
@pytest.mark.parametrize(
    ("operation", "answer", "violation"),
    [
        (("POST", ISSUES), (200, issue()), ("unpublished-status", "200")),
        (("POST", ISSUES), (201, None), ("answer", "/")),
        (("DELETE", f"{REPO}/labels/bug"), (200, []), ("unpublished-status", "200")),
        (("GET", ISSUES), (200, {"issues": [issue()]}), ("answer", "/")),
        (("GET", ISSUES), (200, [{**issue(), "id": "7"}]), ("answer", "/*/id")),
        (("GET", ISSUES), (200, [{**issue(), "pull_request": None}]), ("answer", "/*/pull_request")),
        (("GET", ISSUES), (200, [{**issue(), "updated_at": "today"}]), ("answer", "/*/updated_at")),
        (
            ("PATCH", f"{ISSUES}/7"),
            (200, {**issue(), "state_reason": "wontfix"}),
            ("answer", "/state_reason"),
        ),
        (("PATCH", f"{ISSUES}/7"), (200, {**issue(), "status": "open"}), ("unknown-answer-key", "/status")),
        (("PATCH", f"{ISSUES}/7"), (409, {"message": "no"}), ("unpublished-status", "409")),
    ],
)
def test_a_wrong_answer_is_seen(
    watched: Watched,
    contract: Contract,
    operation: tuple[str, str],
    answer: tuple[int, Any],
    violation: tuple[str, str],
) -> None:
    recorder = watched({**RIGHT, operation: answer}, contract)
    assert {(found.rule, found.where) for found in recorder.violations} == {violation}


@pytest.mark.parametrize(
    "key", sorted(issue().keys() - {"state_reason", "body", "assignees", "author_association"})
)
def test_each_required_key_of_an_issue_is_missed(contract: Contract, key: str) -> None:
    incomplete = {name: value for name, value in issue().items() if name != key}
    recorder = in_session({**RIGHT, ("PATCH", f"{ISSUES}/7"): (200, incomplete)}, contract)
    assert [found.message for found in recorder.violations] == [f"{key!r} is a required property"]


def test_the_schema_cannot_miss_what_github_calls_optional(contract: Contract) -> None:
    """`state_reason` is one such key: that it is *there*, and right, only a test of behaviour can show."""
    without = {name: value for name, value in issue().items() if name != "state_reason"}
    assert in_session({**RIGHT, ("PATCH", f"{ISSUES}/7"): (200, without)}, contract).violations == []


def test_a_wrong_request_is_seen_whoever_sends_it(contract: Contract) -> None:
    with canned_server(RIGHT) as server, checked_proxy(server, contract) as proxy:
        requests.get(f"{proxy.url}{ISSUES}", params={"label": "agent-ready"}, timeout=LIMIT)
        requests.post(f"{proxy.url}{ISSUES}", json={"title": "T", "status": "open"}, timeout=LIMIT)
        requests.post(f"{proxy.url}{ISSUES}/7/close", timeout=LIMIT)
    assert [(found.rule, found.where) for found in proxy.violations] == [
        ("unknown-query-key", "label"),
        ("unknown-body-key", "/status"),
        ("unknown-operation", f"{ISSUES}/7/close"),
    ]


def test_a_server_that_is_gone_is_seen(contract: Contract) -> None:
    with canned_server(RIGHT) as server:
        pass
    with checked_proxy(server, contract) as proxy:
        answer = requests.get(f"{proxy.url}{ISSUES}", timeout=LIMIT)
    assert answer.status_code == 502
    assert "got no answer from" in answer.text
    assert [(found.rule, found.where) for found in proxy.violations] == [("unpublished-status", "502")]

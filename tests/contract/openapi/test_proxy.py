"""The checking proxy changes nothing on the way: targets, Host, headers and bodies arrive as they were sent."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests
from github import Auth, Github

from .canned import canned_server
from .contract import Contract
from .proxy import Proxy, checked_proxy
from .recorder import is_rest, recorded_pygithub
from .samples import ISSUES, REPO, issue, label, user

LIMIT = 10.0
ABSOLUTE = f"http://api.github.localhost{ISSUES}/7"
ANSWERS = {
    ("GET", f"{ISSUES}/7"): (200, issue()),
    ("GET", f"/api/v3{ISSUES}/7"): (200, issue()),
    ("GET", ABSOLUTE): (200, issue()),
    ("GET", f"{ISSUES}/7/comments"): (200, []),
    ("POST", f"{REPO}/labels"): (201, label("bug")),
    ("DELETE", f"{REPO}/labels/bug"): (204, None),
    ("POST", f"/api/v3{ISSUES}/7/labels"): (200, [label("bug")]),
    ("GET", "/api/v3/user"): (200, user("alice")),
}


@pytest.fixture
def proxy(contract: Contract) -> Iterator[Proxy]:
    with canned_server(ANSWERS) as server, checked_proxy(server, contract) as running:
        yield running


def test_links_in_answers_lead_back_through_the_proxy(proxy: Proxy) -> None:
    seen = requests.get(f"{proxy.url}{ISSUES}/7", timeout=LIMIT).json()
    assert seen["comments_url"].startswith(f"{proxy.url}/")
    assert requests.get(seen["comments_url"], timeout=LIMIT).json() == []
    assert [urlsplit(exchange.url).path for exchange in proxy.exchanges] == [
        f"{ISSUES}/7",
        f"{ISSUES}/7/comments",
    ]


def test_an_absolute_target_arrives_as_it_was_sent(proxy: Proxy) -> None:
    """So asks gh, which takes the proxy for its way to http://api.github.localhost."""
    seen = requests.get(ABSOLUTE, proxies={"http": proxy.url}, timeout=LIMIT)
    assert seen.json()["url"] == ABSOLUTE
    assert proxy.violations == []
    assert proxy.operations == {"GET /repos/{owner}/{repo}/issues/{issue_number}"}


def test_a_body_in_chunks_is_read_and_judged(proxy: Proxy) -> None:
    address = urlsplit(proxy.url)
    with closing(
        http.client.HTTPConnection(address.hostname or "", address.port, timeout=LIMIT)
    ) as connection:
        pieces = iter([b'{"name": "bug", ', b'"colour": "d73a4a"}'])
        connection.request(
            "POST", f"{REPO}/labels", body=pieces, encode_chunked=True, headers={"Accept": "*/*"}
        )
        assert json.loads(connection.getresponse().read())["name"] == "bug"
        connection.request("DELETE", f"{REPO}/labels/bug")
        assert connection.getresponse().status == 204, "the connection is still in step"
    assert proxy.exchanges[0].sent == b'{"name": "bug", "colour": "d73a4a"}'
    assert [(found.rule, found.where) for found in proxy.violations] == [("unknown-body-key", "/colour")]


def test_one_violation_seen_often_is_listed_once(proxy: Proxy) -> None:
    for _ in range(3):
        requests.get(f"{proxy.url}{ISSUES}/7?state=open", timeout=LIMIT)
    assert len(proxy.exchanges) == 3
    assert len(proxy.violations) == 1


def test_pygithub_is_recorded_without_a_proxy(contract: Contract) -> None:
    """It sends a bare array of labels, which GitHub takes and does not publish."""
    with canned_server(ANSWERS) as server, recorded_pygithub(contract) as recorder:
        forge = Github(
            base_url=f"{server}/api/v3", auth=Auth.Token("t"), retry=None, seconds_between_writes=0, lazy=True
        )
        seen = forge.get_repo("alice/demo").get_issue(7)
        assert seen.title == "Add OAuth login"
        seen.add_to_labels("bug")
        forge.close()
    assert [exchange.method for exchange in recorder.exchanges] == ["GET", "POST"]
    assert json.loads(recorder.exchanges[1].sent) == ["bug"]
    assert recorder.violations == []


@pytest.mark.parametrize(
    ("url", "accept", "rest"),
    [
        ("/user", "*/*", True),
        ("http://127.0.0.1:1/api/v3/repos/a/b", "application/vnd.github+json", True),
        ("/graphql", "*/*", False),
        ("http://127.0.0.1:1/api/graphql", "application/json", False),
        ("/alice/demo.git/info/refs?service=git-upload-pack", "*/*", False),
        ("/alice/demo/issues/7", "text/html,application/xhtml+xml", False),
        ("/_login?code=x", "*/*", False),
    ],
)
def test_only_rest_is_judged(url: str, accept: str, rest: bool) -> None:
    assert is_rest(url, accept=accept) is rest

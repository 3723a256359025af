"""Tokens, moves, things gone or not quite done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer

LIMIT = 30.0


def test_tokens(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(freeze="2031-01-01T12:00:00Z")
    controlled.faults(
        [
            {"kind": "auth", "times": 1},
            {"kind": "auth", "args": {"variant": "expired"}, "times": 1},
            {"kind": "auth", "args": {"variant": "forbidden", "permissions": "contents=write"}, "times": 1},
            {"kind": "auth", "args": {"variant": "forbidden"}, "times": 1},
            {"kind": "auth", "args": {"variant": "expiring", "seconds": 60}, "times": 1},
        ]
    )
    bad, expired, forbidden, again, expiring = (ground.owner.get("/issues") for _ in range(5))
    ends = "github-authentication-token-expiration"
    assert (bad.status_code, bad.json()["message"], ends in bad.headers) == (401, "Bad credentials", False)
    assert (expired.status_code, expired.headers[ends]) == (401, "2031-01-01 11:00:00 UTC")
    assert forbidden.status_code == 403
    assert forbidden.json()["message"] == "Resource not accessible by personal access token"
    assert forbidden.headers["X-Accepted-GitHub-Permissions"] == "contents=write"
    assert int(forbidden.headers["X-RateLimit-Remaining"]) > 0
    assert again.headers["X-Accepted-GitHub-Permissions"] == "issues=read; pull_requests=read"
    assert (expiring.status_code, expiring.headers[ends]) == (200, "2031-01-01 12:01:00 UTC")


def test_moved(controlled: ForgeServer, ground: Ground) -> None:
    closed = ground.owner.issue("closed")
    ground.owner.patch(f"/issues/{closed}", {"state": "closed"})
    ground.owner.issue("open")
    controlled.faults([{"kind": "moved", "match": {"path": f"/repos/{ground.name}*"}}])
    answer = ground.owner.get("/issues?state=closed", allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith("/issues?state=closed")
    assert [issue["title"] for issue in ground.owner.get("/issues?state=closed").json()] == ["closed"]
    controlled.clear_faults()
    controlled.faults([{"kind": "moved", "args": {"to": "acme/elsewhere"}}])
    answer = ground.owner.get("/issues", allow_redirects=False)
    assert answer.headers["Location"] == f"{ground.owner.base}/repos/acme/elsewhere/issues"


def test_gone(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults(
        [{"kind": "gone", "times": 1}, {"kind": "gone", "args": {"reason": "disabled"}, "times": 1}]
    )
    answers = [ground.owner.get("/issues/1") for _ in range(2)]
    assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [
        (410, "This issue was deleted"),
        (410, "Issues are disabled for this repo"),
    ]


def test_labels_are_dropped_in_silence(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "drop_labels", "times": 1}])
    assert ground.owner.post("/issues", {"title": "nothing to drop"}).status_code == 201
    answer = ground.owner.post("/issues", {"title": "t", "labels": ["bug"], "assignees": ["wendy"]})
    assert answer.status_code == 201
    assert (answer.json()["title"], answer.json()["labels"], answer.json()["assignees"]) == ("t", [], [])
    assert controlled.journal()[-1]["body"]["labels"] == ["bug"]
    assert ground.owner.post("/issues", {"title": "t", "labels": ["bug"]}).json()["labels"] != []


def test_mergeable_takes_a_while(controlled: ForgeServer, ground: Ground, tmp_path: Path) -> None:
    ground.seeded(tmp_path / "clone").branch("topic", {"new": "file"}, "topic")
    number = ground.writer.post("/pulls", {"title": "t", "head": "topic", "base": "main"}).json()["number"]
    controlled.faults([{"kind": "mergeable_delay", "args": {"reads": 2}}])
    seen = []
    tag = ""
    for _ in range(3):
        answer = ground.owner.get(f"/pulls/{number}", headers={"If-None-Match": tag} if tag else {})
        seen.append((answer.status_code, answer.json()["mergeable"] if answer.content else None))
        tag = answer.headers["ETag"]
    assert seen == [(200, None), (304, None), (200, True)]
    assert ground.writer.read(f"/pulls/{number}")["mergeable_state"] == "clean"


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "auth", "args": {"variant": "odd"}},
        {"kind": "ref_race"},
        {"kind": "wrong", "args": {"behaviour": "odd"}},
        {"kind": "stale_read", "args": {"seconds": "5"}},
    ],
)
def test_arguments_are_checked_when_a_rule_is_made(controlled: ForgeServer, rule: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="422"):
        controlled.faults([rule])


def test_a_rule_for_one_interface_leaves_others_alone(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "status", "match": {"interface": "page"}}])
    assert requests.get(f"{controlled.url}/{ground.name}", timeout=LIMIT).status_code == 502
    assert ground.owner.get("").status_code == 200

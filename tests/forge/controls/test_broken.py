"""Errors, silence and broken connections: what happened, what the client saw, what the journal says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.forge.ground import Api, Ground
from tests.forge_server import ForgeServer

LIMIT = 30.0
CREATE = {"method": "POST", "path": "/repos/*/issues"}


def titles(ground: Ground) -> list[str]:
    return [issue["title"] for issue in ground.owner.read("/issues")]


def last(forge: ForgeServer) -> dict[str, Any]:
    return forge.journal()[-1]


def eventually(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_an_error_before_anything_is_done(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "status", "args": {"status": 503}, "match": CREATE, "times": 2}])
    for _ in range(2):
        answer = ground.owner.post("/issues", {"title": "lost"})
        assert (answer.status_code, answer.json()["status"]) == (503, "503")
        assert answer.headers["X-RateLimit-Remaining"]
    entry = last(controlled)
    assert (entry["status"], entry["inner"], entry["fault"]) == (503, None, "status")
    assert (entry["points"], entry["content"]) == (0, False)
    assert ground.owner.post("/issues", {"title": "kept"}).status_code == 201
    assert titles(ground) == ["kept"]
    assert [(rule["seen"], rule["applied"]) for rule in controlled.control("GET", "faults")] == [(3, 2)]


def test_an_error_as_a_page(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "status", "args": {"status": 503, "html": True, "message": "Unicorn!"}}])
    answer = ground.owner.get("/issues")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>Unicorn!</h1>" in answer.text


def test_done_and_called_a_failure(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "commit_then_502", "match": CREATE, "times": 1}])
    assert ground.owner.post("/issues", {"title": "twin"}).status_code == 502
    entry = last(controlled)
    assert (entry["status"], entry["inner"], entry["fault"]) == (502, 201, "commit_then_502")
    assert (entry["points"], entry["content"]) == (1, True)
    assert ground.owner.post("/issues", {"title": "twin"}).status_code == 201
    assert titles(ground) == ["twin", "twin"]


@pytest.mark.parametrize(("kind", "done"), [("reset", False), ("commit_then_reset", True)])
def test_a_broken_connection(controlled: ForgeServer, ground: Ground, kind: str, done: bool) -> None:
    controlled.faults([{"kind": kind, "match": CREATE, "times": 1}])
    with pytest.raises(requests.ConnectionError) as broken:
        ground.owner.post("/issues", {"title": "x"})
    assert "reset" in str(broken.value).lower()
    entry = last(controlled)
    assert (entry["status"], entry["inner"], entry["fault"]) == (None, 201 if done else None, kind)
    assert titles(ground) == ["x"] * done


@pytest.mark.parametrize(("kind", "done"), [("hang", False), ("commit_then_hang", True)])
def test_silence_until_the_client_leaves(
    controlled: ForgeServer, ground: Ground, kind: str, done: bool
) -> None:
    controlled.faults([{"kind": kind, "match": CREATE, "times": 1}])
    with pytest.raises(requests.ReadTimeout):
        ground.owner.session.post(ground.owner.url("/issues"), json={"title": "x"}, timeout=0.3)
    eventually(lambda: bool(last(controlled)["fault"]))
    entry = last(controlled)
    assert (entry["status"], entry["inner"], entry["fault"]) == (None, 201 if done else None, kind)
    assert titles(ground) == ["x"] * done


def test_silence_ends_by_itself_and_with_its_rule(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "hang", "args": {"seconds": 0.1}, "times": 1}])
    with pytest.raises(requests.ConnectionError):
        ground.owner.get("/issues")
    controlled.faults([{"kind": "hang"}])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ground.owner.get, "/issues")
        eventually(lambda: bool(controlled.control("GET", "faults")[-1]["applied"]))
        assert not waiting.done()
        controlled.clear_faults()
        assert isinstance(waiting.exception(LIMIT), requests.ConnectionError)


def test_late(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "slow", "args": {"seconds": 0.3}, "times": 1}])
    began = time.monotonic()
    assert ground.owner.get("/issues").status_code == 200
    assert time.monotonic() - began >= 0.3
    assert last(controlled)["took"] >= 0.3


def test_cut_off(controlled: ForgeServer, ground: Ground) -> None:
    ground.owner.issue()
    controlled.faults(
        [
            {"kind": "truncate", "args": {"bytes": 20}, "times": 1},
            {"kind": "truncate", "args": {"announce": "whole"}, "times": 1},
        ]
    )
    answer = ground.owner.get("/issues")
    assert (answer.status_code, len(answer.content), answer.headers["Content-Length"]) == (200, 20, "20")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ground.owner.get("/issues")


def test_nth_and_order(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults(
        [
            {"kind": "status", "args": {"status": 500}, "match": {"path": "*/labels", "nth": 2}},
            {"kind": "status", "args": {"status": 501}, "match": {"path_regex": ".*/labels"}, "times": 1},
        ]
    )
    assert [ground.owner.get("/labels").status_code for _ in range(4)] == [501, 500, 200, 200]


def test_whom_it_hits(controlled: ForgeServer, ground: Ground, tmp_path: Path) -> None:
    controlled.faults([{"kind": "status", "match": {"user": "WENDY"}}])
    assert ground.writer.get("").status_code == 502
    assert ground.owner.get("").status_code == 200
    # Git is asked for by name: an outage of the API alone is the usual case.
    ground.seeded(tmp_path / "clone")
    controlled.clear_faults()
    controlled.faults([{"kind": "status", "match": {"interface": "any"}}])
    assert ground.owner.get("").status_code == 502
    assert "error: 502" in ground.clone(tmp_path / "other").run("fetch", "origin").stderr


def test_luck_that_can_be_repeated(controlled: ForgeServer, ground: Ground) -> None:
    def run(seed: int) -> list[int]:
        controlled.clear_faults()
        controlled.faults([{"kind": "status", "probability": 0.5, "seed": seed}])
        return [ground.owner.get("").status_code for _ in range(20)]

    first = run(7)
    assert set(first) == {200, 502}
    assert run(7) == first
    assert run(8) != first


def test_limits_that_are_only_said(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults(
        [
            {"kind": "secondary", "match": {"nth": 1}},
            {"kind": "secondary", "args": {"status": 429, "retry_after": None}, "match": {"nth": 1}},
            {"kind": "primary", "args": {"reset": 30}, "match": {"nth": 1}},
        ]
    )
    controlled.clock(freeze=True)
    answer = ground.owner.get("/issues")
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "60")
    assert answer.json()["message"].startswith("You have exceeded a secondary rate limit. Please wait a few")
    assert int(answer.headers["X-RateLimit-Remaining"]) > 0
    answer = ground.owner.get("/issues")
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, False)
    answer = ground.owner.get("/issues")
    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert int(answer.headers["X-RateLimit-Reset"]) == int(controlled.clock().timestamp()) + 30
    assert answer.json()["message"].startswith("API rate limit exceeded for user ID ")
    assert ground.owner.get("/issues").status_code == 200


def test_graphql_says_a_spent_budget_with_success(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "primary", "match": {"operation": "viewer"}}])
    answer = requests.post(
        f"{controlled.url}/graphql",
        json={"query": "{ viewer { login } }"},
        headers={"Authorization": f"Bearer {ground.people.writer}"},
        timeout=LIMIT,
    )
    assert answer.status_code == 200
    assert [error["type"] for error in answer.json()["errors"]] == ["RATE_LIMITED"]
    assert answer.headers["X-RateLimit-Resource"] == "graphql"


def test_many_at_once_in_a_bad_hour(controlled: ForgeServer, ground: Ground) -> None:
    """Whatever breaks for one, others are served, and every request is in the journal with what became of it."""
    before, log = controlled.journal()[-1]["seq"], len(controlled.log)
    controlled.faults(
        [
            {"kind": kind, "match": CREATE, "probability": 0.2, "seed": index}
            for index, kind in enumerate(
                ("status", "commit_then_502", "reset", "commit_then_reset", "truncate", "secondary")
            )
        ]
    )

    def create(index: int) -> int:
        api = Api(controlled, ground.people.writer, ground.name)
        try:
            return api.post("/issues", {"title": str(index)}).status_code
        except requests.ConnectionError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(create, range(200)))
    entries = controlled.journal(before)
    assert Counter(entry["status"] or 0 for entry in entries) == answers
    assert set(answers) == {0, 201, 403, 502}
    done = {entry["body"]["title"] for entry in entries if entry["inner"] == 201}
    controlled.clear_faults()
    listed = {issue["title"] for issue in ground.owner.read("/issues", per_page=100)}
    assert listed <= done
    assert len(done) == ground.owner.read("//search/issues", q=f"repo:{ground.name}")["total_count"]
    assert "Traceback" not in controlled.log[log:]

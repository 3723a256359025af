"""The journal says what was asked, by whom, what was answered and what it cost."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import requests

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer

LIMIT = 30.0


def seen(forge: ForgeServer, since: int = 0) -> list[tuple[str, str, int | None]]:
    return [(entry["method"], entry["path"], entry["status"]) for entry in forge.journal(since)]


def mark(forge: ForgeServer) -> int:
    """The number of the last entry."""
    return max((entry["seq"] for entry in forge.journal()), default=0)


def last(forge: ForgeServer) -> dict[str, Any]:
    return forge.journal()[-1]


def test_an_entry_says_it_all(controlled: ForgeServer, ground: Ground) -> None:
    before = mark(controlled)
    assert ground.writer.post("/issues?a=b", {"title": "Länge"}).status_code == 201
    (entry,) = controlled.journal(before)
    assert entry["seq"] == before + 1
    assert (entry["method"], entry["path"], entry["query"]) == ("POST", f"/repos/{ground.name}/issues", "a=b")
    assert (entry["interface"], entry["login"]) == ("rest", "wendy")
    assert entry["token"] > 0
    assert entry["body"] == {"title": "Länge"}
    assert entry["size"] == len(json.dumps({"title": "Länge"}).encode())
    assert (entry["status"], entry["inner"], entry["etag_hit"]) == (201, 201, False)
    assert (entry["points"], entry["content"]) == (1, True)
    assert (entry["fault"], entry["limit"], entry["unimplemented"]) == (None, None, None)
    assert entry["took"] > 0
    lines = (controlled.data_dir / "journal.jsonl").read_text().splitlines()
    assert json.loads(lines[-1]) == entry
    assert ground.people.writer not in lines[-1]


def test_what_costs_nothing(controlled: ForgeServer, ground: Ground) -> None:
    tag = ground.owner.get("/issues").headers["ETag"]
    assert (last(controlled)["points"], last(controlled)["etag_hit"]) == (1, False)
    ground.owner.get("/issues", headers={"If-None-Match": tag})
    entry = last(controlled)
    assert (entry["status"], entry["points"], entry["etag_hit"]) == (304, 0, True)
    ground.owner.get("//rate_limit")
    assert last(controlled)["points"] == 0
    ground.nobody.get("", headers={"If-None-Match": "*"})
    entry = last(controlled)
    assert (entry["status"], entry["points"], entry["login"], entry["token"]) == (304, 1, None, None)


def test_what_counts_as_content(controlled: ForgeServer, ground: Ground) -> None:
    def content(method: str, path: str, body: Any = None) -> bool:
        assert ground.owner.ask(method, path, body).status_code < 400
        return bool(last(controlled)["content"])

    assert content("POST", "/issues", {"title": "x"})
    assert content("PATCH", "/issues/1", {"title": "y"})
    assert content("POST", "/issues/1/comments", {"body": "z"})
    assert content("POST", "/issues/1/labels", ["bug"])
    assert content("DELETE", "/issues/1/labels/bug")
    assert not content("GET", "/issues/1")
    assert not content("POST", "/labels", {"name": "new", "color": "ff0000"})
    assert not content("PATCH", "", {"description": "d"})
    assert ground.stranger.patch("/issues/1", {"title": "not mine"}).status_code == 403
    assert not last(controlled)["content"]


def test_git_is_there_with_its_service(controlled: ForgeServer, ground: Ground, tmp_path: Path) -> None:
    before = mark(controlled)
    clone = ground.seeded(tmp_path / "one")
    entries = [entry for entry in controlled.journal(before) if entry["interface"] == "git"]
    assert [(e["method"], e["service"], e["push"], e["pushes"]) for e in entries if e["status"] == 200] == [
        ("GET", "git-receive-pack", False, 0),
        ("POST", "git-receive-pack", True, 1),
    ]
    assert entries[0]["status"] == 401
    assert entries[-1]["login"] == "wendy"
    clone.branch("more", {"a": "b"}, "more")
    assert last(controlled)["pushes"] == 2
    controlled.clock(advance=61)
    clone.branch("most", {"a": "c"}, "most")
    assert last(controlled)["pushes"] == 1


def test_graphql_names_its_operation(controlled: ForgeServer, ground: Ground) -> None:
    document = (
        'mutation Add($s: ID!) { one: addComment(input: {subjectId: $s, body: "x"}) { clientMutationId } }'
    )
    requests.post(
        f"{controlled.url}/graphql",
        json={"query": document},
        headers={"Authorization": f"Bearer {ground.people.writer}"},
        timeout=LIMIT,
    )
    entry = last(controlled)
    assert (entry["interface"], entry["path"], entry["operations"]) == (
        "graphql",
        "/graphql",
        ["Add", "addComment"],
    )


def test_what_is_missing_is_named(controlled: ForgeServer, ground: Ground) -> None:
    ground.owner.get("/no-such-thing")
    assert last(controlled)["unimplemented"] == f"GET /api/v3/repos/{ground.name}/no-such-thing"


def test_a_failure_of_ours_is_told(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "slow", "args": {"seconds": None}, "times": 1}])
    assert ground.owner.get("").status_code == 500
    assert (last(controlled)["status"], last(controlled)["fault"]) == (500, "slow")


def test_pages_are_there_without_forms_texts(controlled: ForgeServer, ground: Ground) -> None:
    requests.post(f"{controlled.url}/{ground.name}/issues", data={"csrf": "secret"}, timeout=LIMIT)
    entry = last(controlled)
    assert (entry["interface"], entry["status"], entry["body"], entry["size"]) == ("page", 401, None, 11)


def test_it_is_read_as_a_list_or_as_lines(controlled: ForgeServer, ground: Ground) -> None:
    token = json.loads((controlled.data_dir / "forge.json").read_text())["control_token"]
    address = f"{controlled.url}/_forge/journal"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/x-ndjson"}
    lines = requests.get(address, headers=headers, timeout=LIMIT).text.splitlines()
    assert [json.loads(line) for line in lines] == controlled.journal()
    assert controlled.journal(mark(controlled)) == []


def test_half_a_request_is_none(controlled: ForgeServer, ground: Ground) -> None:
    before = mark(controlled)
    head = f"POST /repos/{ground.name}/issues HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", controlled.port), timeout=LIMIT) as connection:
        connection.sendall(head.encode() + b'{"title": "x"}')
    assert ground.owner.read("/issues") == []
    assert [path for _, path, _ in seen(controlled, before)] == [f"/repos/{ground.name}/issues"]

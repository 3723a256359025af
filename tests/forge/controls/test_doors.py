"""Who may use the controls, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer

LIMIT = 30.0


def test_without_the_switch_there_is_nothing(forge: ForgeServer) -> None:
    for path in ("faults", "journal", "clock", "snapshot"):
        for method in ("GET", "POST"):
            answer = requests.request(method, f"{forge.url}/_forge/{path}", timeout=LIMIT)
            assert answer.status_code in {404, 405}
    assert "control_token" not in json.loads((forge.data_dir / "forge.json").read_text())
    assert not (forge.data_dir / "journal.jsonl").exists()


def test_the_token_is_needed_and_kept(controlled: ForgeServer, ground: Ground) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {ground.people.owner}"}):
        for path in ("faults", "journal", "clock", "limits"):
            answer = requests.get(f"{controlled.url}/_forge/{path}", headers=headers, timeout=LIMIT)
            assert answer.status_code == 401
    assert (controlled.data_dir / "forge.json").stat().st_mode & 0o777 == 0o600
    assert (controlled.data_dir / "journal.jsonl").stat().st_mode & 0o777 == 0o600
    assert "control_token" not in controlled.admin("status")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("nonsense", "a rule must be an object"),
        ({"kind": "nonsense"}, "kind must be one of "),
        ({"kind": "hang", "args": {"second": 1}}, "args of hang cannot have second"),
        ({"kind": "hang", "match": {"verb": "GET"}}, "match cannot have verb"),
        ({"kind": "hang", "match": {"path_regex": "("}}, "path_regex"),
        ({"kind": "hang", "match": {"interface": "soap"}}, "interface must be one of"),
        ({"kind": "hang", "times": "often"}, "times of a rule is 'often'"),
        ({"kind": "hang", "time": 1}, "a rule cannot have time"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(controlled: ForgeServer, rule: Any, said: str) -> None:
    controlled.clear_faults()
    with pytest.raises(RuntimeError, match="422") as refused:
        controlled.faults([{"kind": "reset"}, rule])
    assert said in str(refused.value)
    assert controlled.control("GET", "faults") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"stop": True}),
        ("clock", {"freeze": "yesterday"}),
        ("clock", {"advance": "1h"}),
        ("limits", {"mode": "gitlab"}),
        ("restore", {"name": "never-made"}),
        ("snapshot", {"name": "../x"}),
    ],
)
def test_nonsense_is_refused(controlled: ForgeServer, path: str, body: Any) -> None:
    with pytest.raises(RuntimeError, match="422"):
        controlled.control("POST", path, body)


def test_snapshot_and_restore(controlled: ForgeServer, ground: Ground, tmp_path: Any) -> None:
    clone = ground.seeded(tmp_path / "clone")
    kept = ground.owner.issue("kept")
    controlled.snapshot("before")
    lost = ground.owner.issue("lost")
    clone.branch("lost", {"x": "y"}, "lost")
    controlled.restore("before")
    assert ground.owner.read(f"/issues/{kept}")["title"] == "kept"
    assert ground.owner.get(f"/issues/{lost}").status_code == 404
    assert [branch["name"] for branch in ground.owner.read("/branches")] == ["main"]
    assert ground.owner.issue("again") == lost
    clone.git("push", "-q", "origin", "lost")
    controlled.restore("before")
    assert ground.owner.get(f"/issues/{lost}").status_code == 404

"""The whole loop on a forge that fails in every way we know of: nothing is doubled, nothing is missing."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cdock.adapters.git.clone import find_clone
from cdock.adapters.github import faults
from cdock.adapters.github.rest import GitHubForge
from cdock.core.errors import CdockError
from cdock.reconciler.house import House
from cdock.reconciler.loop import tick
from cdock.settings import load_settings
from cdock.wiring import Site, build, credential, repository
from tests.acceptance.workshop import BOT, PERSON, Workshop, scripted

SEED = 20261121
TASKS = 5
TIMEOUT = 3.0
LIMIT = 240.0
WORK = [{"run": "date > $(git branch --show-current | tr / -).txt"}, {"commit": "Do it"}, {"say": "done"}]


def rules() -> list[dict[str, Any]]:
    """Each kind of fault, bounded, and the same in every run of one seed."""
    every: list[tuple[str, dict[str, Any], dict[str, Any], float, int]] = [
        ("commit_then_502", {}, {"method": "POST", "path": "/repos/*"}, 0.3, 6),
        ("commit_then_reset", {}, {"method": "POST", "path": "/repos/*"}, 0.3, 4),
        ("commit_then_hang", {"seconds": TIMEOUT + 1}, {"method": "POST", "path": "/repos/*"}, 0.3, 2),
        ("commit_then_502", {}, {"method": "PATCH"}, 0.3, 3),
        ("commit_then_502", {}, {"method": "DELETE"}, 0.3, 2),
        ("status", {"status": 502}, {"method": "POST"}, 0.2, 4),
        ("status", {"status": 503, "html": True}, {}, 0.05, 3),
        ("hang", {"seconds": TIMEOUT + 1}, {"method": "GET"}, 0.05, 2),
        ("reset", {}, {"method": "GET"}, 0.05, 4),
        ("truncate", {}, {"method": "GET"}, 0.05, 3),
        ("secondary", {"retry_after": 1}, {}, 0.05, 3),
        ("secondary", {"retry_after": None, "status": 429}, {}, 0.05, 1),
        ("primary", {"reset": 2}, {}, 0.05, 2),
        ("auth", {"variant": "bad", "seconds": 2}, {}, 0.02, 2),
        ("fresh_404", {"seconds": 2}, {}, 0.5, 20),
        ("stale_304", {"seconds": 2}, {}, 0.2, 10),
        ("stale_read", {"seconds": 2}, {}, 0.3, 60),
        ("git_503", {}, {}, 0.1, 6),
        ("git_reset_midpack", {}, {}, 0.1, 4),
    ]
    return [
        {
            "kind": kind,
            "args": args,
            "match": {**match, "user": BOT},
            "probability": chance,
            "times": times,
            "seed": SEED + n,
        }
        for n, (kind, args, match, chance, times) in enumerate(every)
    ]


@pytest.fixture
def house(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> House:
    """A poller with all that is real; the forge is spoken to as GitHub is, which a loopback host usually is not."""
    monkeypatch.setattr(faults, "LEAST_PAUSE", timedelta(seconds=2))
    script = {"ask": {"attempts": [[{"ask": "Which port?"}]], "answered": WORK}, "*": {"attempts": [WORK]}}
    files = scripted({}, more='max_parallel = 4\n[claims]\nnamespace = "refs/cdock/claims"\n')
    files["script.json"] = files["script.json"].replace('{"*": {}}', json.dumps(script))
    workshop.start_repository(files)
    site = Site(clone=find_clone(workshop.clone), settings=load_settings(workshop.clone), env=workshop.env)
    house = build(site)
    house.forge = GitHubForge(repository(site), token=credential(site), timeout=TIMEOUT, settle=4.0)
    house.forge.ensure_repository_labels(house.policy.labels)
    return house


def turn(house: House, what: str, holds: Callable[[], object]) -> None:
    """Tick until something is true."""
    end = time.monotonic() + LIMIT
    for count in itertools.count():
        try:
            tick(house)
        except CdockError:
            assert house.memory.snapshot is None, "only the first look may fail"
        time.sleep(0.1)
        if count % 10 == 0 and holds():
            return
        assert time.monotonic() < end, f"{what} did not happen within {LIMIT:g} s"


@pytest.mark.timeout(900)
def test_a_forge_that_fails_in_every_way_doubles_and_loses_nothing(workshop: Workshop, house: House) -> None:
    numbers = [workshop.open_issue(f"Task {n}") for n in range(TASKS)]
    asking = workshop.open_issue("Ask")
    forge = workshop.forge
    forge.faults(rules())

    def help_issues() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = workshop.api("GET", "/issues?labels=agent-help&state=all")
        return rows

    turn(house, "a question", help_issues)
    (asked,) = help_issues()
    # Something else happens in between: the repository gets another name.
    workshop.api("POST", f"/issues/{asked['number']}/comments", {"body": "Port 80"})
    workshop.api("PATCH", "", {"name": "renamed"})
    workshop.repository = f"{PERSON}/renamed"
    turn(house, "all in review", lambda: in_review(workshop) == TASKS + 1)
    for pull in workshop.api("GET", "/pulls?state=open"):
        workshop.api("PUT", f"/pulls/{pull['number']}/merge", {})
    turn(house, "all claims released", lambda: workshop.claims() == "")
    met = Counter(entry["fault"] for entry in forge.journal() if entry["fault"])
    forge.clear_faults()

    kinds = {rule["kind"] for rule in rules()}
    assert len(met) >= len(kinds) - 3, f"the faults hardly happened: {met}"
    assert sum(met.values()) > 40, met
    issues = [
        row for row in workshop.api("GET", "/issues?state=all&per_page=100") if "pull_request" not in row
    ]
    assert len(issues) == TASKS + 2, "one help issue, and no other"
    pulls = workshop.pulls()
    assert sorted(pull["body"].split("Closes #")[1].split()[0] for pull in pulls) == sorted(
        str(number) for number in [*numbers, asking]
    )
    assert all(pull["merged_at"] for pull in pulls)
    assert len(workshop.git("ls-remote", "origin", "refs/heads/cdock/*").splitlines()) == TASKS + 1
    for number in [*numbers, asking]:
        assert workshop.api("GET", f"/issues/{number}")["state"] == "closed"
        (status,) = workshop.comments(number)
        assert status["user"]["login"] == BOT
        assert "Done" in status["body"]
        assert "done" in workshop.labels(number)
    (asked,) = help_issues()
    assert asked["state"] == "closed"
    assert [c["user"]["login"] for c in workshop.comments(asked["number"])] == [PERSON]


def in_review(workshop: Workshop) -> int:
    rows = workshop.api("GET", "/issues?labels=in-review&state=all&per_page=100")
    return sum("pull_request" not in row for row in rows)

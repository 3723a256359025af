"""GitHub's limits as the embedded forge enforces them, in its own time: who keeps the budget never meets them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdock.adapters.github.client import Client
from cdock.adapters.github.gate import FREE, Budget, Gate
from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.tokens import Token
from cdock.core.errors import Limited
from tests.forge_server import ForgeServer
from tests.scripted_http import LIMIT

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPLAY = 200


class Time:
    """The forge's time and ours, moved together."""

    def __init__(self, forge: ForgeServer) -> None:
        self._forge = forge
        self.passed = 0.0

    def clock(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._forge.clock(advance=seconds)
            self.passed += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def wait(self, limited: Limited) -> None:
        self.sleep((limited.until - self.now()).total_seconds() + 0.001)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[ForgeServer]:
    """A forge that stands still in time and enforces GitHub's limits."""
    forge = ForgeServer(tmp_path / "forge").start("--test-controls")
    try:
        forge.admin("user", "maria")
        forge.admin("repo", "maria/demo")
        forge.clock(freeze=True)
        forge.limits("github")
        yield forge
    finally:
        forge.stop()


def client_of(forge: ForgeServer, gate: Gate) -> Client:
    host = parse_repository(f"{forge.url}/maria/demo").host
    token = forge.admin("token", "maria")["token"]
    return Client(host, credential=Token(token), gate=gate, timeout=LIMIT)


def comment(client: Client) -> None:
    client.write("POST", "/repos/maria/demo/issues/1/comments", {"body": "words"})


def flood(client: Client) -> None:
    for _ in range(REPLAY):
        comment(client)


def refused(forge: ForgeServer) -> list[int]:
    return [entry["status"] for entry in forge.journal() if entry["status"] in (403, 429)]


def test_a_replay_within_the_budget_meets_no_limit_and_loses_little_time(forge: ForgeServer) -> None:
    time = Time(forge)
    budget = Budget()
    gate = Gate(budget, clock=time.clock, sleep=time.sleep, now=time.now)
    client = client_of(forge, gate)
    client.write("POST", "/repos/maria/demo/issues", {"title": "Talk"})
    for _ in range(REPLAY):
        try:
            comment(client)
        except Limited as limited:
            time.wait(limited)
            comment(client)
    client.close()
    assert refused(forge) == []
    assert REPLAY * 60 / budget.per_minute / time.passed >= 0.95


def test_without_a_budget_the_limit_is_met_and_nothing_is_sent_until_it_is_over(forge: ForgeServer) -> None:
    time = Time(forge)
    client = client_of(forge, Gate(FREE, clock=time.clock, sleep=time.sleep, now=time.now))
    client.write("POST", "/repos/maria/demo/issues", {"title": "Talk"})
    with pytest.raises(Limited) as caught:
        flood(client)
    before = len(forge.journal())
    assert 60 < before < 100
    for _ in range(5):
        with pytest.raises(Limited):
            comment(client)
    assert len(forge.journal()) == before
    assert len(refused(forge)) == 1
    time.wait(caught.value)
    comment(client)
    client.close()

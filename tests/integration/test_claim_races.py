"""Claims under eight processes at once, over smart HTTP: what the forge did must fit what everybody believes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests import git_repos
from tests.claim_racers import Attempt, Ground, Race, Referee, Report, branch_of
from tests.forge_server import ForgeServer

RACERS = 8
CONTESTED = 400
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    running = ForgeServer(tmp_path_factory.mktemp("forge"))
    running.start("--test-controls")
    yield running
    running.stop()


@pytest.fixture
def ground(tmp_path: Path, server: ForgeServer) -> Ground:
    """A new repository with one commit."""
    name = f"maria/race-{next(_numbers)}"
    server.admin("repo", name)
    token = str(server.admin("token", "maria")["token"])
    url = f"{server.url}/{name}.git"
    first = git_repos.bare(tmp_path / "first.git")
    git_repos.git(first, "push", "-q", url.replace("http://", f"http://maria:{token}@"), "main")
    return Ground(url=url, token=token, root=tmp_path / "racers", start=str(first))


@pytest.fixture
def referee(tmp_path: Path, server: ForgeServer, ground: Ground) -> Referee:
    (repository,) = server.data_dir.rglob(ground.url.rpartition("/")[2])
    return Referee(repository, tmp_path / "notes")


@pytest.fixture
def race(ground: Ground, referee: Referee) -> Iterator[Race]:
    with Race(ground, racers=RACERS) as running:
        yield running


def everybody(*attempts: Attempt) -> list[list[Attempt]]:
    """The same for each racer."""
    return [list(attempts)] * RACERS


def outcome(reports: list[Report]) -> dict[str, int]:
    """How many attempts came to what."""
    return dict(Counter(report.result for report in reports))


def held(race: Race, issues: range) -> dict[int, str]:
    """Claims of these issues that the first racer has made, without anybody in its way."""
    reports = race.run([[Attempt(n) for n in issues]], together=len(issues))
    assert outcome(reports) == {"moved": len(issues)}
    return {report.issue: report.oid for report in reports}


def test_every_process_tries_to_claim_every_issue(race: Race, referee: Referee) -> None:
    reports = race.run(everybody(*(Attempt(n) for n in range(1, CONTESTED + 1))), together=50)
    assert referee.judge(reports) == []
    assert outcome(reports) == {"moved": CONTESTED, "lost": CONTESTED * (RACERS - 1)}
    assert len({report.racer for report in reports if report.result == "moved"}) > 1, (
        "a race, not a procession"
    )


def test_one_by_one_too(race: Race, referee: Referee) -> None:
    reports = race.run(everybody(*(Attempt(n) for n in range(1, 7))), single=True)
    assert referee.judge(reports) == []
    assert outcome(reports) == {"moved": 6, "lost": 42}


def test_takeover_against_renewal(race: Race, referee: Referee) -> None:
    there = held(race, range(1, 25))
    before = [Report("racer-0", n, "", "moved", oid) for n, oid in there.items()]
    reports = race.run(everybody(*(Attempt(n, oid) for n, oid in there.items())), together=10)
    assert referee.judge([*before, *reports]) == []
    assert outcome(reports) == {"moved": 24, "lost": 24 * (RACERS - 1)}


def test_publishing_against_takeover(race: Race, referee: Referee) -> None:
    there = held(race, range(1, 25))
    before = [Report("racer-0", n, "", "moved", oid) for n, oid in there.items()]
    holder = [Attempt(n, oid, work=True) for n, oid in there.items()]
    others = [Attempt(n, oid) for n, oid in there.items()]
    reports = race.run([holder] + [others] * (RACERS - 1), together=5)
    assert referee.judge([*before, *reports]) == []
    assert outcome(reports) == {"moved": 24, "lost": 24 * (RACERS - 1)}
    published = {r.issue: r.commit for r in reports if r.result == "moved" and r.racer == "racer-0"}
    for issue in there:
        at = git_repos.git(referee.repository, "rev-parse", "--verify", "-q", branch_of(issue), check=False)
        assert at == published.get(issue, "")


def test_everybody_publishes_the_same_branches(race: Race, referee: Referee) -> None:
    """Holders that believe the lease is theirs, with work that differs: one each wins, whole."""
    there = held(race, range(1, 9))
    before = [Report("racer-0", n, "", "moved", oid) for n, oid in there.items()]
    reports = race.run(everybody(*(Attempt(n, oid, work=True) for n, oid in there.items())), together=4)
    assert referee.judge([*before, *reports]) == []
    assert outcome(reports) == {"moved": 8, "lost": 8 * (RACERS - 1)}
    for report in reports:
        if report.result == "moved":
            at = git_repos.git(referee.repository, "rev-parse", branch_of(report.issue))
            assert at == report.commit


def test_release_against_takeover(race: Race, referee: Referee) -> None:
    there = held(race, range(1, 9))
    before = [Report("racer-0", n, "", "moved", oid) for n, oid in there.items()]
    holder = [Attempt(n, oid, release=True) for n, oid in there.items()]
    others = [Attempt(n, oid) for n, oid in there.items()]
    reports = race.run([holder] + [others] * (RACERS - 1), single=True)
    assert referee.judge([*before, *reports]) == []
    assert outcome(reports) == {"moved": 8, "lost": 8 * (RACERS - 1)}


def test_the_referee_finds_what_must_not_be(race: Race, referee: Referee) -> None:
    (first,) = held(race, range(1, 2)).values()
    before = Report("racer-0", 1, "", "moved", first)
    honest = [before, *race.run(everybody(Attempt(1, first, work=True)))]
    assert referee.judge(honest) == []
    won = next(report for report in honest[1:] if report.result == "moved")
    lost = next(report for report in honest if report.result == "lost")
    others = [report for report in honest if report is not won]
    assert any("racers replaced" in f for f in referee.judge([*honest, replace(won, racer="twin")]))
    assert any("nobody reported it" in f for f in referee.judge(others))
    assert any("which never happened" in f for f in referee.judge([*honest, replace(won, oid=first)]))
    assert any(
        "believe that they created" in f for f in referee.judge([*honest, replace(before, racer="twin")])
    )
    assert any("wrote its branch" in f for f in referee.judge([*others, replace(lost, commit=won.commit)]))
    git_repos.git(referee.repository, "update-ref", f"refs/heads/{branch_of(1)}", "main")
    assert any("moved without its claim" in f for f in referee.judge(honest))
    git_repos.git(referee.repository, "update-ref", "refs/cdock/claims/1", first)
    assert any("came to the same commit twice" in f for f in referee.judge(honest))

"""Claims while pollers are killed, git is killed, and the forge fails: no outcome may be believed that is not true."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.core.errors import ClaimLost, Refused, Unavailable
from cdock.core.task import Move
from tests import git_repos
from tests.claim_racers import NOTHING, Attempt, Ground, Race, Racer, Referee, Report, branch_of
from tests.contract.claims_contract import claim_of, publish
from tests.forge_server import ForgeServer

RACERS = 8
SEED = int(os.environ.get("CDOCK_TEST_SEED", "7"))
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    running = ForgeServer(tmp_path_factory.mktemp("forge"))
    running.start("--test-controls")
    yield running
    running.stop()


@pytest.fixture
def ground(tmp_path: Path, server: ForgeServer) -> Iterator[Ground]:
    """A new repository with one commit, on a forge that works."""
    name = f"maria/faults-{next(_numbers)}"
    server.admin("repo", name)
    token = str(server.admin("token", "maria")["token"])
    url = f"{server.url}/{name}.git"
    first = git_repos.bare(tmp_path / "first.git")
    git_repos.git(first, "push", "-q", url.replace("http://", f"http://maria:{token}@"), "main")
    yield Ground(url=url, token=token, root=tmp_path / "racers", start=str(first))
    server.clear_faults()


@pytest.fixture
def referee(tmp_path: Path, server: ForgeServer, ground: Ground) -> Referee:
    (repository,) = server.data_dir.rglob(ground.url.rpartition("/")[2])
    return Referee(repository, tmp_path / "notes")


@pytest.fixture
def race(ground: Ground, referee: Referee) -> Iterator[Race]:
    with Race(ground, racers=RACERS, seed=SEED) as running:
        yield running


@pytest.fixture
def chance() -> random.Random:
    print(f"CDOCK_TEST_SEED={SEED}")
    return random.Random(SEED)  # noqa: S311 (repeatable on purpose)


def alone(ground: Ground, name: str = "alone") -> GitClaims:
    place = Place(ground.root / name)
    place.prepare()
    return GitClaims(place, url=ground.url, token=ground.token)


def everybody(*attempts: Attempt) -> list[list[Attempt]]:
    return [list(attempts)] * RACERS


def results(reports: list[Report]) -> Counter[str]:
    return Counter(report.result for report in reports)


def pushes(**match: object) -> dict[str, object]:
    return {"service": "git-receive-pack", "path": "*/git-receive-pack", **match}


def test_a_forge_in_trouble_makes_nobody_believe_what_is_not_true(
    race: Race, referee: Referee, server: ForgeServer
) -> None:
    rules = server.faults(
        [
            {
                "kind": "commit_then_reset",
                "match": pushes(interface="git"),
                "probability": 0.25,
                "seed": SEED,
            },
            {"kind": "git_reset_midpack", "match": pushes(), "probability": 0.15, "seed": SEED},
            {"kind": "git_503", "probability": 0.1, "seed": SEED},
        ]
    )
    attempts = [Attempt(n, work=n % 2 == 0) for n in range(1, 17)]
    reports = race.run(everybody(*attempts), together=4)
    happened = {rule["id"]: rule["applied"] for rule in server.control("GET", "faults")}
    server.clear_faults()
    assert all(happened[rule["id"]] for rule in rules), happened
    assert referee.judge(reports) == []
    assert not [report for report in reports if report.result not in ("moved", "lost", "Unavailable")]
    assert results(reports)["moved"] > 4


def test_a_forge_that_dies_is_not_taken_for_a_lost_race(
    race: Race, referee: Referee, server: ForgeServer, chance: random.Random
) -> None:
    def power_cut() -> None:
        time.sleep(chance.uniform(0.5, 1.5))  # any moment will do
        server.kill()
        server.start("--test-controls")

    reports = race.run(
        everybody(*(Attempt(n, work=True) for n in range(1, 33))), together=4, meanwhile=power_cut
    )
    # What was killed with the forge may have been within a move; whatever is there now is a whole one.
    assert [fault for fault in referee.judge(reports) if "racers" in fault or "lost" in fault] == []
    assert not [report for report in reports if report.result not in ("moved", "lost", "Unavailable")]
    again = race.run(everybody(*(Attempt(n) for n in range(101, 109))), together=4)
    assert results(again) == {"moved": 8, "lost": 56}


def test_killed_pollers_leave_whole_moves_and_a_place_to_go_on_in(
    race: Race, ground: Ground, referee: Referee, chance: random.Random
) -> None:
    doomed = race.racers[: RACERS // 2]

    def kill() -> None:
        for racer in doomed:
            time.sleep(chance.uniform(0.0, 0.4))  # any moment will do
            racer.kill()

    attempts = [Attempt(n, work=True) for n in range(1, 21)]
    reports = race.run(everybody(*attempts), together=2, meanwhile=kill)
    dead = {racer.name for racer in doomed}
    assert {report.racer for report in reports} == {racer.name for racer in race.racers} - dead
    assert referee.judge(reports, silent=dead) == []
    assert set(results(reports)) <= {"moved", "lost"}

    # Somebody starts them again, on the same files; they find all claims, and can take them over.
    for name in sorted(dead):
        back = alone(ground, name)
        seen = {claim.issue: claim.oid for claim in back.list()}
        assert set(seen) == set(range(1, 21))
        moved = back.publish([Move(replace(claim_of(n), oid=oid)) for n, oid in seen.items()])
        assert all(isinstance(result, str) for result in moved.values())


def test_git_commands_that_are_killed_are_no_lost_races(
    race: Race, referee: Referee, chance: random.Random
) -> None:
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < 12:
            running = [pid for racer in race.racers for pid in racer.commands]
            if running:
                victim = chance.choice(running)
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)
            time.sleep(0.03)  # not all at once

    reports = race.run(everybody(*(Attempt(n, work=True) for n in range(1, 33))), together=4, meanwhile=kill)
    assert len(killed) == 12
    assert referee.judge(reports) == []
    assert results(reports)["moved"] + results(reports)["lost"] > 20 * RACERS * 0.8, results(reports)


def test_an_unreadable_claim_keeps_everybody_out(race: Race, ground: Ground, referee: Referee) -> None:
    tree = git_repos.git(referee.repository, "mktree")
    strange = git_repos.commit_tree(referee.repository, tree, message='{"v": 99}')
    git_repos.git(referee.repository, "update-ref", "refs/cdock/claims/13", strange)
    reports = race.run(everybody(Attempt(12), Attempt(13), Attempt(14)), together=3)
    assert results(reports) == {"moved": 2, "lost": 22}
    assert {report.issue for report in reports if report.result == "moved"} == {12, 14}
    assert git_repos.git(referee.repository, "rev-parse", "refs/cdock/claims/13") == strange
    assert [claim.issue for claim in alone(ground).list()] == [12, 14]


class TestBetweenLookingAndPushing:
    """Somebody else moves a ref after git has seen it, so that only the forge can tell."""

    @pytest.fixture
    def claims(self, ground: Ground) -> GitClaims:
        return alone(ground)

    @pytest.fixture
    def commit(self, ground: Ground) -> str:
        store = Place(ground.root / "alone").store
        git_repos.git(store, "fetch", "-q", ground.start, "+main:refs/heads/start")
        start = git_repos.git(store, "rev-parse", "refs/heads/start")
        return git_repos.write(store, {"work.txt": "ours\n"}, branch="own", onto=start)

    def test_the_claim_is_taken(
        self, claims: GitClaims, commit: str, referee: Referee, server: ForgeServer
    ) -> None:
        oid = claims.swap(1, expected="", claim=claim_of(1))
        other = claims.swap(2, expected="", claim=claim_of(2))
        server.faults([{"kind": "ref_race", "args": {"ref": "refs/cdock/claims/1"}, "match": pushes(nth=1)}])
        moves = [
            Move(replace(claim_of(1), oid=oid), branch=branch_of(1), commit=commit),
            Move(replace(claim_of(2), oid=other)),
        ]
        done = claims.publish(moves)
        assert isinstance(done[1], ClaimLost)
        assert isinstance(done[2], str)
        assert git_repos.git(referee.repository, "rev-parse", "refs/cdock/claims/2") == done[2]
        assert not git_repos.git(referee.repository, "for-each-ref", f"refs/heads/{branch_of(1)}")

    def test_the_claim_is_deleted(self, claims: GitClaims, referee: Referee, server: ForgeServer) -> None:
        oid = claims.swap(1, expected="", claim=claim_of(1))
        gone = {"ref": "refs/cdock/claims/1", "to": "delete"}
        server.faults([{"kind": "ref_race", "args": gone, "match": pushes(nth=1)}])
        with pytest.raises(ClaimLost, match="deleted"):
            claims.swap(1, expected=oid, claim=claim_of(1))
        assert not git_repos.git(referee.repository, "for-each-ref", "refs/cdock")

    def test_the_branch_is_pushed_to(
        self, claims: GitClaims, commit: str, referee: Referee, server: ForgeServer
    ) -> None:
        oid = claims.swap(1, expected="", claim=claim_of(1))
        second = publish(claims, expected=oid, claim=claim_of(1), branch=branch_of(1), commit=commit)
        store = Place(referee.notes.parent / "racers/alone").store
        more = git_repos.write(store, {"more.txt": "more\n"}, branch="own")
        ref = f"refs/heads/{branch_of(1)}"
        server.faults([{"kind": "ref_race", "args": {"ref": ref}, "match": pushes(nth=1)}])
        with pytest.raises(Refused, match="does not contain"):
            publish(claims, expected=second, claim=claim_of(1), branch=branch_of(1), commit=more)
        assert git_repos.git(referee.repository, "rev-parse", f"{ref}^") == commit, (
            "the person's commit on ours"
        )
        assert git_repos.git(referee.repository, "rev-parse", "refs/cdock/claims/1") == second

    def test_the_answer_is_lost(self, claims: GitClaims, referee: Referee, server: ForgeServer) -> None:
        server.faults([{"kind": "commit_then_reset", "match": pushes(interface="git"), "times": 1}])
        oid = claims.swap(1, expected="", claim=claim_of(1))
        assert git_repos.git(referee.repository, "rev-parse", "refs/cdock/claims/1") == oid
        assert [t.old for t in referee.transitions] == [NOTHING]

    def test_a_refusal_that_cannot_be_looked_into_calls_no_person(
        self, claims: GitClaims, referee: Referee, server: ForgeServer
    ) -> None:
        update = referee.repository / "hooks" / "update"
        update.write_text("#!/bin/sh\nexit 1\n")
        update.chmod(0o755)
        claims.list()
        server.faults([{"kind": "git_503", "match": {"service": "git-upload-pack"}}])
        with pytest.raises(Unavailable):
            claims.swap(1, expected="", claim=claim_of(1))
        server.clear_faults()
        with pytest.raises(Refused):
            claims.swap(1, expected="", claim=claim_of(1))

    def test_nothing_gets_through_any_more(
        self, claims: GitClaims, referee: Referee, server: ForgeServer
    ) -> None:
        oid = claims.swap(1, expected="", claim=claim_of(1))
        server.faults([{"kind": "commit_then_reset", "match": pushes(interface="git"), "times": 1}])
        server.faults([{"kind": "git_503"}])
        with pytest.raises(Unavailable):
            claims.swap(1, expected=oid, claim=claim_of(1, seq=1))
        server.clear_faults()
        now = git_repos.git(referee.repository, "rev-parse", "refs/cdock/claims/1")
        assert [claim.oid for claim in claims.list()] == [now]


def test_a_racer_that_is_killed_reports_nothing(ground: Ground, referee: Referee) -> None:
    racer = Racer("racer-0", ground)
    racer.prepare([Attempt(1)], together=1, single=True)
    racer.ready()
    racer.kill()
    assert racer.reports() == []
    racer.close()
    assert referee.transitions == []

"""What claims cost over plain pushes, and whether two pollers ever both get one: ten thousand under eight processes."""

import base64
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.core.task import Move
from tests import git_repos
from tests.bench.measure import Figure, against, interleaved, timed
from tests.claim_racers import Attempt, Ground, Race, Referee
from tests.contract.claims_contract import claim_of
from tests.forge_server import ForgeServer

RACERS = 8
TOGETHER = 100
WAVE = 200
"""Claims that a racer tries for at once. Each push reads all refs there are, and compares each of its own with them."""
TURNS = 9


def claims(
    rounds: int, *, contested: int = 1000, together: int = TOGETHER, turns: int = TURNS
) -> Iterator[Figure]:
    """`rounds` times `contested` issues that every process tries to claim; F is plain `git push` of as many refs."""
    with tempfile.TemporaryDirectory() as scratch, ForgeServer(Path(scratch) / "forge") as server:
        yield from _against_pushes(_ground(server, Path(scratch), "alone"), together=together, turns=turns)
        # A repository of its own: the referee asks who made every claim in it.
        ground = _ground(server, Path(scratch), "contested")
        (repository,) = server.data_dir.rglob("contested.git")
        referee = Referee(repository, Path(scratch) / "notes")
        yield from _contested(ground, referee, number=rounds * contested)


def _ground(server: ForgeServer, scratch: Path, name: str) -> Ground:
    server.admin("repo", f"maria/{name}")
    token = str(server.admin("token", "maria")["token"])
    return Ground(
        url=f"{server.url}/maria/{name}.git", token=token, root=scratch / f"racers-{name}", timeout=600.0
    )


def _against_pushes(ground: Ground, *, together: int, turns: int) -> Iterator[Figure]:
    place = Place(ground.root / "alone")
    ours = GitClaims(place, url=ground.url, token=ground.token)
    ours.list()
    tree = git_repos.git(place.claims, "mktree")
    # In `git push`, as in a claim, nothing may have been sent before; the commits are made beforehand.
    commits = (git_repos.commit_tree(place.claims, tree, message=str(number)) for number in count())
    numbers = count(10_000_000)

    def push(refs: int) -> float:
        fresh = [f"{next(commits)}:refs/plain/{next(numbers)}/x" for _ in range(refs)]
        return timed(lambda: _plain_push(place.claims, ground, fresh))()

    def claim(refs: int) -> float:
        moves = [Move(claim_of(next(numbers))) for _ in range(refs)]
        return timed(lambda: ours.publish(moves))()

    for refs in (1, together):
        taken = interleaved({"F": lambda: push(refs), "claim": lambda: claim(refs)}, rounds=turns)  # noqa: B023
        yield against(f"{refs} new claims by one call", taken["claim"], taken["F"])
    same = [next(numbers) for _ in range(together)]
    at = dict(ours.publish([Move(claim_of(number)) for number in same]))

    def beat() -> None:
        at.update(ours.publish([Move(replace(claim_of(n), oid=str(at[n]))) for n in same]))

    taken = interleaved({"F": lambda: push(together), "beat": timed(beat)}, rounds=turns)
    yield against(f"{together} heartbeats by one call", taken["beat"], taken["F"])
    listed = interleaved(
        {"F": timed(lambda: _read(place.claims, ground)), "list": timed(ours.list)}, rounds=turns
    )
    number = len(ours.list())
    yield against(f"reading {number} claims when none moved; F: `git ls-remote`", listed["list"], listed["F"])


def _contested(ground: Ground, referee: Referee, *, number: int) -> Iterator[Figure]:
    with Race(ground, racers=RACERS) as race:
        began = time.monotonic()
        reports = race.run([[Attempt(n) for n in range(1, number + 1)]] * RACERS, together=WAVE)
        took = time.monotonic() - began
    faults = referee.judge(reports)
    results = Counter(report.result for report in reports)
    pushes = len({transition.push for transition in referee.transitions})
    winners = Counter(report.issue for report in reports if report.result == "moved")
    doubles = sum(count > 1 for count in winners.values())
    yield Figure(f"{number} issues, {RACERS} processes: doubles", str(doubles), "0", doubles == 0)
    yield Figure(
        "what the forge did, against what all believe",
        f"{len(faults)} faults",
        "0",
        not faults,
        "; ".join(faults[:3]),
    )
    decided = results["moved"] == number and results["lost"] == number * (RACERS - 1)
    yield Figure(
        "each won once and lost by all others", str(results["moved"]), str(number), decided, str(results)
    )
    yield Figure(
        "contested claims decided",
        f"{number / took:.0f}/s",
        how=f"{took:.0f} s, {pushes} pushes moved something",
    )


def _plain_push(directory: Path, ground: Ground, refs: list[str]) -> None:
    git_repos.git(directory, "-c", _header(ground), "push", "-q", "--atomic", ground.url, *refs)


def _read(directory: Path, ground: Ground) -> None:
    git_repos.git(directory, "-c", _header(ground), "ls-remote", ground.url, "refs/cdock/claims/*")


def _header(ground: Ground) -> str:
    basic = base64.b64encode(f"x-access-token:{ground.token}".encode()).decode()
    parts = urlsplit(ground.url)
    return f"http.{parts.scheme}://{parts.netloc}/.extraHeader=Authorization: Basic {basic}"

"""What the forge is asked: counted between the poller and the embedded forge, weighed by GitHub's published limits."""

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.core.ids import task_id
from cdock.core.task import Claim, Move, Task
from cdock.reconciler.house import House
from cdock.reconciler.observe import observe
from cdock.testing import MemoryHub, MemoryMachine, MemoryRunner
from tests.acceptance.workshop import BOT, PERSON, Workshop, scripted
from tests.bench.counting import Counted, Request, counting
from tests.bench.ground import Poller
from tests.bench.measure import Figure, exponent

A_MINUTE = 900
"""What GitHub's secondary limit allows, answers that nothing changed included."""
PAUSE = 1.5
"""Seconds between the commits of an attempt: time for a poll, as in a longer one."""


def poll(rounds: int, *, sizes: Sequence[int] = (1, 10, 100, 1_000)) -> Iterator[Figure]:
    """Goals: 0 points, 2 requests of the API, however many issues are held; GitHub's own limit a minute."""
    asked: dict[int, float] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            shop = Workshop(Path(scratch))
            try:
                with counting(shop.forge.url) as counted:
                    ticks = _idle(shop, counted, held=size, rounds=rounds)
            finally:
                shop.close()
        first, *others = ticks
        requests = max(sum(r.api for r in tick) for tick in others)
        points = max(sum(r.points for r in tick) for tick in others)
        asked[size] = requests
        yield Figure(
            f"{size} held: requests of a poll", str(requests), "≤ 2", requests <= 2, _kinds(others[-1])
        )
        yield Figure(f"{size} held: points of a poll", str(points), "0", points == 0)
        minute = requests * 60 / House.poll_every
        yield Figure(
            f"{size} held: requests a minute", f"{minute:.0f}", f"≤ {A_MINUTE}", minute <= A_MINUTE,
            f"a poll every {House.poll_every:g} s, and none after writes of our own",
        )  # fmt: skip
        git = max(sum(not r.api for r in tick) for tick in others)
        start = sum(r.points for r in first)
        yield Figure(f"{size} held: git's requests, not limited", str(git), how=f"first poll {start} points")
    if len(asked) > 1:
        slope = exponent(asked)
        yield Figure("requests of a poll, growth", f"n^{slope:.2f}", "≤ n^0.1", slope <= 0.1)


def _idle(shop: Workshop, counted: Counted, *, held: int, rounds: int) -> list[tuple[Request, ...]]:
    """What each of several polls in a row asks while nothing happens; the first knows nothing yet."""
    shop.start_repository({"README.md": "hello\n"})
    remote = parse_repository(f"{counted.url}/{shop.repository}")
    state = shop.folder / "state"
    secret = shop.tokens[BOT]
    claims = GitClaims(Place(state), url=remote.clone_url, token=secret)
    numbers = [shop.open_issue(f"Measure {n}") for n in range(held)]
    moved = claims.publish([Move(_claim(number)) for number in numbers])
    assert all(isinstance(oid, str) for oid in moved.values()), moved
    forge = GitHubForge(remote, token=secret)
    poller = Poller(
        state,
        origin=Path("nowhere"),
        runner=MemoryRunner(MemoryMachine(MemoryHub())),
        argv="[]",
        forge=forge,
        claims=claims,
    )
    counted.take()
    ticks = []
    for _ in range(rounds + 1):
        poller.house.memory.read_at = -math.inf
        world = observe(poller.house)
        assert len(world.claims) == len(world.issues) == held
        ticks.append(counted.take())
    forge.close()
    return ticks


def _claim(issue: int) -> Claim:
    uuid = uuid4()
    task = Task(
        id=task_id("measure", uuid), uuid=uuid, issue=issue, title="Measure", created_at=datetime.now(UTC)
    )
    return Claim(issue=issue, oid="", holder="bench", process="bench", seq=0, ttl=900, task=task)


def issue(rounds: int, *, pause: float = PAUSE) -> Iterator[Figure]:
    """Goals: 20 points, 2 creations. The real command, the scripted agent, three commits on the way."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            shop = Workshop(Path(scratch))
            try:
                with counting(shop.forge.url) as counted:
                    start, asked = _walk(shop, counted, pause=pause)
            finally:
                shop.close()
        cost = sum(r.points for r in start)
        yield Figure("points, a poller starts", str(cost), how=_costing(start))
        creations = sum(r.creates for r in asked)
        points = sum(r.points for r in asked)
        yield Figure("points, label to merge", str(points), "≤ 20", points <= 20, _costing(asked))
        yield Figure("content-creating calls", str(creations), "≤ 2", creations <= 2, _list(asked, "creates"))
        yield Figure("other writes of the API", str(sum(r.edits for r in asked)), how=_list(asked, "edits"))
        yield Figure("requests of the API", str(sum(r.api for r in asked)), how=_kinds(asked))
        pushes, fetches = sum(r.pushes for r in asked), sum(r.service == "git-upload-pack" for r in asked)
        yield Figure("pushes; other requests of git", f"{pushes}; {fetches}", how="a claim's move is a push")


def _walk(
    shop: Workshop, counted: Counted, *, pause: float
) -> tuple[tuple[Request, ...], tuple[Request, ...]]:
    """What is asked until a new poller is quiet, and then from an issue's label to the end of its task."""
    steps: list[dict[str, object]] = []
    for number in (1, 2, 3):
        steps += [
            {"say": f"part {number}"},
            {"write": {"path": f"part{number}.txt", "text": "yes\n"}},
            {"commit": f"Part {number}"},
            {"wait": pause},
        ]
    shop.start_repository(scripted({"attempts": [steps]}))
    shop.git("remote", "set-url", "origin", f"{counted.url}/{shop.repository}.git")
    labels = shop.cdock("init", "--yes")
    assert labels.returncode == 0, labels.stderr
    counted.take()
    poller = shop.poller()
    start: list[Request] = []

    def quiet() -> bool:
        start.extend(counted.take())
        return any(r.status == 304 and r.path.endswith("/issues") for r in start)

    shop.until("a quiet poll", quiet)
    number = shop.open_issue("Measure")
    shop.until("review", lambda: "in-review" in shop.labels(number))
    (pull,) = shop.pulls()
    shop.api("PUT", f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"]}, who=PERSON)
    shop.until("the end", lambda: "done" in shop.labels(number) and not shop.claims())
    shop.end(poller)
    return tuple(start), counted.take()


def _kinds(asked: Sequence[Request]) -> str:
    found = Counter(_kind(r) for r in asked if r.api)
    return ", ".join(f"{count} × {kind}" for kind, count in found.most_common(8))


def _costing(asked: Sequence[Request]) -> str:
    return _kinds([r for r in asked if r.points])


def _list(asked: Sequence[Request], which: str) -> str:
    return _kinds([r for r in asked if getattr(r, which)])


def _kind(request: Request) -> str:
    """The request with its numbers and names left out."""
    parts = request.path.removeprefix("/api/v3").split("/")
    plain = ["N" if part.isdigit() else part for part in parts[4 if parts[1:2] == ["repos"] else 1 :]]
    if plain[-2:-1] == ["labels"]:
        plain[-1] = "NAME"
    return f"{request.method} {'/'.join(plain) or 'repository'} {request.status}"

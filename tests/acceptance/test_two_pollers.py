"""Two pollers on two clones, killed at random: every issue is worked on once, whoever did it."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.workshop import BOT, Workshop, scripted

ISSUES = 50
KILLS = 12
SEED = 20261121
LIMIT = 300.0
SCRIPT = {
    "attempts": [
        [
            {"run": "date > $(git branch --show-current | tr / -).txt"},
            {"commit": "Do it"},
            {"wait": 0.5},
            {"say": "done"},
        ]
    ]
}


class Pollers:
    """Two clones with a poller each."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        second = workshop.folder / "second"
        workshop.git("clone", "-q", workshop.url, str(second), cwd=workshop.folder)
        self.clones = (workshop.clone, second)
        self.alive: list[subprocess.Popen[bytes] | None] = [None, None]

    def start(self, which: int) -> None:
        self.workshop.clone = self.clones[which]
        self.alive[which] = self.workshop.poller()

    def send(self, what: signal.Signals) -> None:
        for process in self.alive:
            assert process is not None
            process.send_signal(what)

    def kill(self, which: int) -> None:
        process = self.alive[which]
        assert process is not None
        assert process.poll() is None, self.workshop.said
        self.workshop.kill(process)
        self.alive[which] = None


@pytest.mark.timeout(900)
def test_fifty_issues_two_pollers_and_random_kills(workshop: Workshop) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    more = 'max_parallel = 4\nlease = "15s"\n'
    workshop.start_repository(scripted(SCRIPT, more=more))
    pollers = Pollers(workshop)
    numbers = [workshop.open_issue(f"Task {n}", ready=False) for n in range(ISSUES)]
    for which in (0, 1):
        pollers.start(which)
    # They stand still meanwhile, so that both see all the labels at once, however long labelling takes.
    pollers.send(signal.SIGSTOP)
    for number in numbers:
        workshop.api("POST", f"/issues/{number}/labels", {"labels": ["agent-ready"]})
    pollers.send(signal.SIGCONT)

    for _ in range(KILLS):
        time.sleep(chance.uniform(0.3, 2.5))
        which = chance.randrange(2)
        pollers.kill(which)
        time.sleep(chance.uniform(0.0, 1.0))
        pollers.start(which)
    pollers.kill(0)
    # The one that is left takes over what the other one held.
    workshop.until("50 pull requests", lambda: open_pulls(workshop) >= ISSUES, limit=LIMIT)
    pollers.start(0)
    workshop.until("all in review", lambda: in_review(workshop) == ISSUES, limit=LIMIT)
    assert_once(workshop, numbers)
    for pull in every(workshop, "/pulls?state=open"):
        workshop.api("PUT", f"/pulls/{pull['number']}/merge", {})
    workshop.until("all claims released", lambda: workshop.claims() == "", limit=LIMIT)
    workshop.until("both clones are empty", lambda: not leftovers(pollers.clones), limit=LIMIT)
    assert_once(workshop, numbers)


def every(workshop: Workshop, path: str) -> list[dict[str, object]]:
    """All rows of a list of at most 100."""
    rows: list[dict[str, object]] = workshop.api("GET", f"{path}&per_page=100")
    assert len(rows) < 100
    return rows


def open_pulls(workshop: Workshop) -> int:
    return len(every(workshop, "/pulls?state=open"))


def in_review(workshop: Workshop) -> int:
    return sum("pull_request" not in row for row in every(workshop, "/issues?labels=in-review&state=open"))


def leftovers(clones: tuple[Path, ...]) -> list[str]:
    """What is left of finished tasks."""
    folders = [clone / ".cdock/worktrees" for clone in clones]
    folders += clones[0].parent.glob("cdock-home/local/*/runs")
    return [str(path) for folder in folders if folder.is_dir() for path in folder.glob("[a-z]*")]


def assert_once(workshop: Workshop, numbers: list[int]) -> None:
    """Each issue has one branch, one pull request and one status comment."""
    closes = Counter(
        line.removeprefix("Closes #")
        for pull in every(workshop, "/pulls?state=all")
        for line in str(pull["body"]).splitlines()
        if line.startswith("Closes #")
    )
    assert closes == Counter({str(number): 1 for number in numbers})
    heads = workshop.git("ls-remote", "origin", "refs/heads/cdock/*").splitlines()
    assert len(heads) == len(numbers)
    for number in numbers:
        comments = workshop.comments(number)
        assert [c["user"]["login"] for c in comments] == [BOT], number
        assert comments[0]["body"].startswith("<!-- cdock:status")
        ids = [name for name in workshop.labels(number) if name.startswith("cdock.")]
        assert len(ids) == 1, number

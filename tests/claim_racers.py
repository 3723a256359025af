"""Pollers as processes of their own that fight for claims, and a referee who believes only what the forge did.

The forge's git tells the referee of every ref it moves, by a hook that runs inside the move itself. So nothing that
pollers believe or report is taken for granted: it is compared.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.core.errors import CdockError, ClaimLost
from cdock.core.ids import TaskId
from cdock.core.task import Claim, Move
from tests import git_repos
from tests.contract.claims_contract import claim_of

NOTHING = "0" * 40
CLAIMS = "refs/cdock/claims/"
LIMIT = 1800.0
"""Seconds a racer may live, all rounds included."""
SETTLE = 20.0
"""Seconds the hook of a move may take."""
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Attempt:
    """What one racer is to try with one claim. With `work` it publishes a commit of its own; `release` deletes."""

    issue: int
    expected: str = ""
    work: bool = False
    release: bool = False


@dataclass(frozen=True)
class Report:
    """What a racer believes became of it: `moved`, `lost`, or the name of another error."""

    racer: str
    issue: int
    expected: str
    result: str
    oid: str = ""
    commit: str = ""
    said: str = ""


@dataclass(frozen=True)
class Ground:
    """The repository the racers fight on, and where each has its files."""

    url: str
    token: str
    root: Path
    start: str = ""
    """An address from which the default branch can be fetched without a token."""
    timeout: float = 120.0


def branch_of(issue: int) -> str:
    """The branch that all racers would push for an issue."""
    return f"cdock/race.{issue:07x}"


class Racer:
    """One process. It prepares, waits for the start, and reports."""

    def __init__(self, name: str, ground: Ground) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.claim_racers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        # So that no reading from it can wait without end.
        self._watch = threading.Timer(LIMIT, self._process.kill)
        self._watch.daemon = True
        self._watch.start()
        self._say({"name": name, **asdict(ground), "root": str(ground.root)})

    @property
    def commands(self) -> list[int]:
        """The process ids of the git commands it runs just now, and of what they have started."""
        found: list[int] = []
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            with suppress(OSError):  # it has ended meanwhile
                children = [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
                found += children
                waiting += children
        return found

    def prepare(self, attempts: Sequence[Attempt], *, together: int, single: bool) -> None:
        """Hand over what to try: `together` claims with one call, or one by one with `Claims.swap`."""
        self._say({"attempts": [asdict(a) for a in attempts], "together": together, "single": single})

    def ready(self) -> None:
        """Wait until it has prepared."""
        assert self._hear() == "ready", f"{self.name} did not get ready"

    def go(self) -> None:
        """Start it."""
        self._say("go")

    def reports(self) -> list[Report]:
        """What it reported; nothing after a kill."""
        line = self._hear()
        return [Report(**found) for found in json.loads(line)] if line else []

    def kill(self) -> None:
        """End it without warning. The git it has started lives on, as after a real kill -9."""
        self._process.kill()

    def close(self) -> None:
        """End it, and let go of its pipes."""
        self._watch.cancel()
        self._process.kill()
        self._process.communicate()

    def _say(self, words: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{json.dumps(words)}\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


class Race:
    """Racers that stay alive over several rounds."""

    def __init__(self, ground: Ground, *, racers: int = 8, seed: int = 0) -> None:
        self.racers = [Racer(f"racer-{number}", ground) for number in range(racers)]
        self._chance = random.Random(seed)  # noqa: S311 (repeatable on purpose)

    def run(
        self,
        attempts: Sequence[Sequence[Attempt]],
        *,
        together: int = 25,
        single: bool = False,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Report]:
        """All racers at once, each with its own attempts in an order of its own; all reports."""
        taking_part = list(zip(self.racers, attempts, strict=False))
        for racer, own in taking_part:
            racer.prepare(self._chance.sample(own, len(own)), together=together, single=single)
        for racer, _ in taking_part:
            racer.ready()
        for racer, _ in taking_part:
            racer.go()
        if meanwhile:
            meanwhile()
        return [report for racer, _ in taking_part for report in racer.reports()]

    def __enter__(self) -> "Race":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for racer in self.racers:
            racer.close()


@dataclass(frozen=True)
class Transition:
    """A ref that the forge moved; all of one `push` were moved together."""

    push: str
    ref: str
    old: str
    new: str


@dataclass
class Referee:
    """Sits in a bare repository and notes every move of a ref."""

    repository: Path
    notes: Path
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notes.mkdir(parents=True, exist_ok=True)
        hook = self.repository / "hooks" / "reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(
            f'#!/bin/sh\n[ "$1" = committed ] || exit 0\nexec cat >"$(mktemp {self.notes}/XXXXXXXXXXXX)"\n'
        )
        hook.chmod(0o755)

    @property
    def transitions(self) -> list[Transition]:
        """All that was noted, in no order."""
        return [
            Transition(note.name, ref, old, new)
            for note in self.notes.iterdir()
            for old, new, ref in (line.split() for line in note.read_text().splitlines())
            if old != new and ref.startswith(("refs/cdock/claims/", "refs/heads/cdock/"))
        ]

    def _settled(self) -> list[Transition]:
        """All that was noted, once every ref is where a note says: git shows a move before its hook has noted it."""
        end = time.monotonic() + SETTLE
        while True:
            transitions = self.transitions
            noted = {(t.ref, t.new) for t in transitions}
            shown = git_repos.git(
                self.repository,
                "for-each-ref",
                "--format=%(refname) %(objectname)",
                CLAIMS,
                "refs/heads/cdock/",
            )
            there = {tuple(line.split()) for line in shown.splitlines()}
            if there <= noted or time.monotonic() > end:
                return transitions
            time.sleep(0.1)

    def judge(self, reports: Iterable[Report], *, silent: Collection[str] = ()) -> list[str]:
        """Everything that must not be.

        Each claim went from commit to commit in one unbroken line; no two racers believe that they replaced the same
        commit; what a racer reports as moved was moved; what it moved it reports as moved, or as not known, and never
        as lost, unless it is `silent` because it was killed; no branch moved without its claim in the same push.
        """
        reports, transitions = list(reports), self._settled()
        faults = _broken_lines(self.repository, transitions)
        made = {(t.ref, t.old, t.new): t for t in transitions if t.ref.startswith(CLAIMS)}
        moved = [report for report in reports if report.result == "moved"]
        for (issue, expected), count in Counter((r.issue, r.expected) for r in moved).items():
            if count > 1 and expected:
                faults.append(f"{count} racers replaced {expected[:7]} of #{issue}")
        for issue, count in Counter(r.issue for r in moved if not r.expected).items():
            created = sum(t.ref == f"{CLAIMS}{issue}" and t.old == NOTHING for t in transitions)
            if count > created:
                faults.append(
                    f"{count} racers believe that they created #{issue}, which happened {created} times"
                )
        believed = set()
        for report in moved:
            move = (f"{CLAIMS}{report.issue}", report.expected or NOTHING, report.oid or NOTHING)
            believed.add(move)
            if move not in made and report.oid:
                faults.append(f"{report.racer} says that it moved #{report.issue}, which never happened")
        results = {(r.racer, r.issue, r.expected): r.result for r in reports}
        for ref, old, new in set(made) - believed:
            issue, holder = int(ref.removeprefix(CLAIMS)), self._holder(new)
            result = results.get((holder, issue, old.replace(NOTHING, "")), "moved")
            if holder not in silent and result in ("moved", "lost"):
                faults.append(f"{holder} moved {ref} from {old[:7]}, and nobody reported it")
        return faults + _lone_branches(transitions, reports)

    def _holder(self, oid: str) -> str:
        """Whose claim a commit holds."""
        shown = git_repos.git(self.repository, "cat-file", "commit", oid, check=False)
        return str(json.loads(shown.partition("\n\n")[2])["owner"]) if shown else ""


def _broken_lines(repository: Path, transitions: Iterable[Transition]) -> list[str]:
    """Claims whose moves do not make one line that ends where the claim is now."""
    faults = []
    by_ref: dict[str, list[Transition]] = defaultdict(list)
    for transition in transitions:
        by_ref[transition.ref].append(transition)
    shown = git_repos.git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    there = dict(line.split() for line in shown.splitlines())
    for ref, moves in by_ref.items():
        news = Counter(move.new for move in moves if move.new != NOTHING)
        olds = Counter(move.old for move in moves if move.old != NOTHING)
        ends = [oid for oid in news if not olds[oid]]
        if [oid for oid, count in news.items() if count > 1] and ref.startswith(CLAIMS):
            faults.append(f"{ref} came to the same commit twice")
        if any(count > 1 for count in olds.values()):
            faults.append(f"{ref} left the same commit twice")
        if any(not news[oid] for oid in olds):
            faults.append(f"{ref} left a commit it was never at")
        if ends != ([there[ref]] if ref in there else []):
            faults.append(f"{ref} is at {there.get(ref)}, its moves end at {ends}")
        if ref.startswith(CLAIMS):
            created = sum(move.old == NOTHING for move in moves)
            deleted = sum(move.new == NOTHING for move in moves)
            if created - deleted != (ref in there):
                faults.append(f"{ref} was created {created} times and deleted {deleted} times")
    return faults


def _lone_branches(transitions: Sequence[Transition], reports: Iterable[Report]) -> list[str]:
    """Branches that moved without their claim, or by a racer that says it lost."""
    faults = []
    pushed = {(t.push, t.ref): t for t in transitions}
    losers = {report.commit: report for report in reports if report.result == "lost" and report.commit}
    for transition in transitions:
        if not transition.ref.startswith("refs/heads/"):
            continue
        issue = int(transition.ref.rpartition(".")[2], 16)
        claim = pushed.get((transition.push, f"{CLAIMS}{issue}"))
        if claim is None:
            faults.append(f"{transition.ref} moved without its claim")
        if transition.new in losers:
            faults.append(f"{losers[transition.new].racer} lost #{issue} and wrote its branch all the same")
    return faults


def _main() -> None:
    """The racer's side of the pipe."""
    given = json.loads(sys.stdin.readline())
    name = given.pop("name")
    ground = Ground(**{**given, "root": Path(given["root"])})
    place = Place(ground.root / name)
    place.prepare()
    claims = GitClaims(place, url=ground.url, token=ground.token, timeout=ground.timeout)
    while line := sys.stdin.readline():
        job = json.loads(line)
        attempts = [Attempt(**attempt) for attempt in job["attempts"]]
        commits = {a.issue: _commit(place, ground, name, a.issue) for a in attempts if a.work}
        print("ready", flush=True)
        sys.stdin.readline()
        together = 1 if job["single"] else job["together"]
        reports = [
            report
            for first in range(0, len(attempts), together)
            for report in _attempted(
                claims, name, attempts[first : first + together], commits, single=job["single"]
            )
        ]
        print(json.dumps([asdict(report) for report in reports]), flush=True)


def _commit(place: Place, ground: Ground, name: str, issue: int) -> str:
    """A commit that no other racer has, in the store, after the default branch."""
    start = git_repos.git(place.store, "rev-parse", "--verify", "-q", "refs/heads/start", check=False)
    if not start:
        git_repos.git(place.store, "fetch", "-q", ground.start, "+main:refs/heads/start")
        start = git_repos.git(place.store, "rev-parse", "refs/heads/start")
    return git_repos.write(
        place.store, {"work.txt": f"{name} on #{issue}\n"}, branch=f"own-{issue}", onto=start
    )


def _claim(name: str, attempt: Attempt) -> Claim:
    claim = claim_of(attempt.issue, holder=name)
    return replace(
        claim, oid=attempt.expected, task=replace(claim.task, id=TaskId("race", f"{attempt.issue:07x}"))
    )


def _attempted(
    claims: GitClaims, name: str, attempts: Sequence[Attempt], commits: dict[int, str], *, single: bool
) -> list[Report]:
    results: dict[int, str | CdockError] = {}
    if single or any(attempt.release for attempt in attempts):
        for attempt in attempts:
            claim = None if attempt.release else _claim(name, attempt)
            try:
                results[attempt.issue] = claims.swap(attempt.issue, expected=attempt.expected, claim=claim)
            except CdockError as error:
                results[attempt.issue] = error
    else:
        moves = [
            Move(
                _claim(name, attempt),
                branch=branch_of(attempt.issue) if attempt.work else "",
                commit=commits.get(attempt.issue, ""),
            )
            for attempt in attempts
        ]
        try:
            results = dict(claims.publish(moves))
        except CdockError as error:
            results = {attempt.issue: error for attempt in attempts}
    return [_report(name, a, results[a.issue], commits.get(a.issue, "")) for a in attempts]


def _report(name: str, attempt: Attempt, result: str | CdockError, commit: str) -> Report:
    known: dict[str, Any] = {"racer": name, "issue": attempt.issue, "expected": attempt.expected}
    if isinstance(result, str):
        return Report(**known, result="moved", oid=result, commit=commit)
    kind = "lost" if isinstance(result, ClaimLost) else type(result).__name__
    return Report(**known, result=kind, commit=commit, said=str(result))


if __name__ == "__main__":
    _main()

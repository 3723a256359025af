"""Claims under races, outages and lost answers; what git is told, and what it tells."""

import logging
import os
import socket
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.adapters.git.pushing import positions
from cdock.core.errors import CdockError, ClaimLost, Misconfigured, NotPermitted, Refused, Unavailable
from cdock.core.ids import TaskId
from cdock.core.task import Claim, Move
from tests import git_repos
from tests.contract.claims_contract import BRANCH, claim_of, publish
from tests.forge_server import ForgeServer

CANARY = "ghp_canary0123456789"
RACERS = 8


@pytest.fixture
def forge(tmp_path: Path) -> Path:
    return git_repos.bare(tmp_path / "forge.git")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    with ForgeServer(tmp_path_factory.mktemp("forge")) as running:
        yield running


def pollers(root: Path, url: str, *, token: str = "", number: int = RACERS) -> list[GitClaims]:
    return [GitClaims(Place(root / f"poller-{n}"), url=url, token=token) for n in range(number)]


def race(moves: list[Callable[[], str]]) -> list[str | type[CdockError]]:
    """What each move came to: the new commit, or the error's class. All start at once."""
    start = Barrier(len(moves), timeout=60)

    def run(move: Callable[[], str]) -> str | type[CdockError]:
        start.wait()
        try:
            return move()
        except CdockError as error:
            return type(error)

    with ThreadPoolExecutor(len(moves)) as pool:
        return list(pool.map(run, moves))


def swap(claims: GitClaims, expected: str, claim: Claim) -> Callable[[], str]:
    return lambda: claims.swap(claim.issue, expected=expected, claim=claim)


def winner(results: list[str | type[CdockError]]) -> str:
    """The commit of the only winner; everybody else lost, and knows it."""
    won = [result for result in results if isinstance(result, str)]
    assert len(won) == 1, results
    assert results.count(ClaimLost) == len(results) - 1, results
    return won[0]


def test_eight_racers_have_one_winner(tmp_path: Path, forge: Path) -> None:
    racers = pollers(tmp_path, f"file://{forge}")
    for issue in range(1, 6):
        moves = [swap(r, "", claim_of(issue, holder=f"racer-{n}")) for n, r in enumerate(racers)]
        oid = winner(race(moves))
        assert git_repos.git(forge, "rev-parse", f"refs/cdock/claims/{issue}") == oid
    assert [claim.issue for claim in racers[0].list()] == [1, 2, 3, 4, 5]


def test_eight_racers_over_http(tmp_path: Path, server: ForgeServer) -> None:
    server.admin("repo", "maria/race")
    token = str(server.admin("token", "maria")["token"])
    racers = pollers(tmp_path, f"{server.url}/maria/race.git", token=token)
    moves = [swap(r, "", claim_of(holder=f"racer-{n}")) for n, r in enumerate(racers)]
    oid = winner(race(moves))
    assert [claim.oid for claim in racers[3].list()] == [oid]


def test_takeover_against_renewal(tmp_path: Path, forge: Path) -> None:
    holder, *others = pollers(tmp_path, f"file://{forge}")
    for issue in range(1, 6):
        old = holder.swap(issue, expected="", claim=claim_of(issue, holder="holder"))
        moves = [swap(holder, old, claim_of(issue, holder="holder", seq=1))]
        moves += [swap(o, old, claim_of(issue, holder=f"other-{n}")) for n, o in enumerate(others)]
        oid = winner(race(moves))
        assert git_repos.git(forge, "rev-parse", f"refs/cdock/claims/{issue}") == oid


def test_publish_against_takeover_writes_both_or_nothing(tmp_path: Path, forge: Path) -> None:
    place = Place(tmp_path / "holder")
    place.prepare()
    holder = GitClaims(place, url=f"file://{forge}")
    others = pollers(tmp_path, f"file://{forge}", number=3)
    for issue in range(1, 4):
        claim, branch = claim_of(issue, holder="holder"), f"cdock/race-{issue}"
        # A task of its own: what was pushed of another one says nothing about this branch.
        claim = replace(claim, task=replace(claim.task, id=TaskId(f"race-{issue}", claim.task.id.short)))
        commit = accepted(place, forge)
        old = holder.swap(issue, expected="", claim=claim)
        moves = [lambda: publish(holder, expected=old, claim=claim, branch=branch, commit=commit)]  # noqa: B023
        moves += [swap(o, old, claim_of(issue, holder="other")) for o in others]
        results = race(moves)
        winner(results)
        pushed = git_repos.git(forge, "rev-parse", "--verify", "-q", f"refs/heads/{branch}", check=False)
        assert pushed == (commit if isinstance(results[0], str) else "")


def accepted(place: Place, forge: Path, *, name: str = "accepted") -> str:
    """A commit in the store that the forge does not have."""
    git_repos.git(place.store, "fetch", "-q", str(forge), "+main:refs/heads/start")
    start = git_repos.git(place.store, "rev-parse", "refs/heads/start")
    return git_repos.write(place.store, {"work.txt": f"{name}\n"}, branch=name, onto=start)


def hook(forge: Path, name: str, text: str) -> None:
    """Install a server-side hook."""
    path = forge / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_lost_answer_is_no_lost_claim(tmp_path: Path, forge: Path) -> None:
    hook(forge, "post-receive", f"echo $$ > {tmp_path}/hanging; sleep 60")
    (claims,) = pollers(tmp_path, f"file://{forge}", number=1)
    short = GitClaims(Place(tmp_path / "short"), url=f"file://{forge}", timeout=2.0)
    oid = short.swap(42, expected="", claim=claim_of())
    assert (tmp_path / "hanging").exists(), "the answer was not held back"
    assert [claim.oid for claim in claims.list()] == [oid]
    pid = int((tmp_path / "hanging").read_text())
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_a_push_that_fails_at_first_is_repeated(tmp_path: Path, forge: Path) -> None:
    hook(forge, "pre-receive", f"echo x >> {tmp_path}/tries; [ $(wc -l < {tmp_path}/tries) -gt 2 ]")
    (claims,) = pollers(tmp_path, f"file://{forge}", number=1)
    oid = claims.swap(42, expected="", claim=claim_of())
    assert [claim.oid for claim in claims.list()] == [oid]
    assert (tmp_path / "tries").read_text().count("x") == 3


def counted_pushes(forge: Path) -> Callable[[], int]:
    """How many pushes the forge was sent since this was asked last."""
    tries = forge / "pushes"
    hook(forge, "pre-receive", f"echo x >> {tries}")

    def since() -> int:
        count = len(tries.read_text().splitlines()) if tries.exists() else 0
        tries.unlink(missing_ok=True)
        return count

    return since


def test_a_thousand_claims_are_one_push(tmp_path: Path, forge: Path) -> None:
    here, there = pollers(tmp_path, f"file://{forge}", number=2)
    pushes = counted_pushes(forge)
    made = here.publish([Move(claim_of(number)) for number in range(1, 1001)])
    assert pushes() == 1
    assert {claim.issue: claim.oid for claim in there.list()} == made
    taken = dict(there.publish([Move(replace(claim_of(n), oid=str(made[n]))) for n in (1, 500, 1000)]))
    assert pushes() == 1
    moved = dict(here.publish([Move(replace(claim_of(n, seq=1), oid=str(oid))) for n, oid in made.items()]))
    assert pushes() == 1, "a push of those that were not lost"
    assert {n for n, result in moved.items() if isinstance(result, ClaimLost)} == {1, 500, 1000}
    assert {claim.issue: claim.oid for claim in here.list()} == moved | taken


def test_claims_that_fit_in_no_command_line_go_in_several_pushes(
    tmp_path: Path, forge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdock.adapters.git.pushing.ARGUMENTS", 500)
    here, there = pollers(tmp_path, f"file://{forge}", number=2)
    pushes = counted_pushes(forge)
    made = here.publish([Move(claim_of(number)) for number in range(1, 8)])
    assert 1 < pushes() <= 7
    assert {claim.issue: claim.oid for claim in there.list()} == made


def work(place: Place, forge: Path, claims: GitClaims, issues: range) -> list[Move]:
    """A claim that was made, with a new branch to be pushed, for each issue."""
    tasks = {n: replace(claim_of(n).task, id=TaskId("work", f"{n:07x}")) for n in issues}
    made = claims.publish([Move(replace(claim_of(n), task=task)) for n, task in tasks.items()])
    return [
        Move(
            replace(claim_of(n), task=task, oid=str(made[n])),
            branch=task.id.branch(),
            commit=accepted(place, forge, name=f"work-{n}"),
        )
        for n, task in tasks.items()
    ]


def test_half_of_a_move_that_was_seen_calls_no_person(
    tmp_path: Path, forge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forge moves the refs of a push one by one: the winner's branch may be seen before its claim."""
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"file://{forge}")
    (move,) = work(place, forge, claims, range(1, 2))
    theirs = git_repos.write(forge, {"theirs.txt": "theirs\n"}, branch=move.branch, onto="main")
    (there,) = pollers(tmp_path, f"file://{forge}", number=1)
    looked: list[dict[str, str]] = []

    def look(*args: Any, **kwargs: Any) -> dict[str, str]:
        looked.append(positions(*args, **kwargs))
        if len(looked) == 1:
            there.swap(1, expected=move.claim.oid, claim=claim_of(1, holder="there"))
        return looked[-1]

    monkeypatch.setattr("cdock.adapters.git.pushing.positions", look)
    done = claims.publish([move])
    assert looked[0] == {"refs/cdock/claims/1": move.claim.oid, f"refs/heads/{move.branch}": theirs}
    assert isinstance(done[1], ClaimLost)


def test_a_branch_that_the_forge_refuses_stays_alone(tmp_path: Path, forge: Path) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"file://{forge}")
    moves = work(place, forge, claims, range(1, 21))
    beats = [Move(replace(claim_of(n), oid=claims.swap(n, expected="", claim=claim_of(n)))) for n in (98, 99)]
    bad = moves[12]
    pushes = counted_pushes(forge)
    hook(forge, "update", f'[ "$1" != refs/heads/{bad.branch} ] || {{ echo "a secret in it" >&2; exit 1; }}')
    done = dict(claims.publish([*moves, *beats]))
    assert pushes() <= 2 + 1 + 2 * 5 + 8
    assert isinstance(refusal := done.pop(bad.claim.issue), Refused)
    assert "a secret in it" in refusal.message
    assert all(isinstance(result, str) for result in done.values()), done
    there = {claim.issue: claim.oid for claim in claims.list()}
    assert there == done | {bad.claim.issue: bad.claim.oid}
    for move in moves:
        at = git_repos.git(forge, "rev-parse", "--verify", "-q", f"refs/heads/{move.branch}", check=False)
        assert at == ("" if move is bad else move.commit)


def test_a_forge_that_refuses_all_is_not_asked_without_end(tmp_path: Path, forge: Path) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"file://{forge}")
    moves = work(place, forge, claims, range(1, 31))
    pushes = counted_pushes(forge)
    hook(forge, "update", "exit 1")
    done = claims.publish(moves)
    assert pushes() <= 40
    assert all(isinstance(result, Refused | Unavailable) for result in done.values())
    assert {claim.issue: claim.oid for claim in claims.list()} == {m.claim.issue: m.claim.oid for m in moves}


def test_an_answer_lost_after_many_moves_loses_none(tmp_path: Path, forge: Path) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    moves = work(place, forge, GitClaims(place, url=f"file://{forge}"), range(1, 6))
    hook(forge, "post-receive", f"touch {tmp_path}/hanging; exec sleep 60")
    short = GitClaims(place, url=f"file://{forge}", timeout=3.0)
    done = short.publish(moves)
    assert (tmp_path / "hanging").exists(), "the answer was not held back"
    assert {claim.issue: claim.oid for claim in short.list()} == done
    assert {move.claim.oid for move in moves}.isdisjoint(str(result) for result in done.values())


def test_what_is_published_is_known_although_it_could_not_be_noted(
    tmp_path: Path, forge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"file://{forge}")
    (move,) = work(place, forge, claims, range(1, 2))
    (place.mirror / "config").rename(place.mirror / "gone")
    (place.mirror / "HEAD").rename(place.mirror / "none")
    done = claims.publish([move])
    (place.mirror / "gone").rename(place.mirror / "config")
    (place.mirror / "none").rename(place.mirror / "HEAD")
    assert [claim.oid for claim in claims.list()] == [done[1]]
    again = claims.publish([replace(move, claim=replace(move.claim, oid=str(done[1])))])
    assert isinstance(again[1], str)
    task = move.claim.task.id.name
    assert git_repos.git(place.mirror, "rev-parse", f"refs/cdock/pushed/{task}") == move.commit


def test_a_forge_that_keeps_refusing_is_no_lost_race(tmp_path: Path, forge: Path) -> None:
    hook(forge, "pre-receive", "echo no claims here >&2; exit 1")
    (claims,) = pollers(tmp_path, f"file://{forge}", number=1)
    with pytest.raises(Refused, match="no claims here"):
        claims.swap(42, expected="", claim=claim_of())
    assert claims.list() == ()


def test_releasing_what_is_gone_is_no_error(tmp_path: Path, forge: Path) -> None:
    here, there = pollers(tmp_path, f"file://{forge}", number=2)
    oid = here.swap(42, expected="", claim=claim_of())
    there.swap(42, expected=oid, claim=None)
    assert here.swap(42, expected=oid, claim=None) == ""


def test_unreadable_claims_are_left_alone(
    tmp_path: Path, forge: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = git_repos.git(forge, "mktree")
    strange = git_repos.commit_tree(forge, tree, message="{not a claim")
    git_repos.git(forge, "update-ref", "refs/cdock/claims/13", strange)
    here, there = pollers(tmp_path, f"file://{forge}", number=2)
    oid = here.swap(42, expected="", claim=claim_of())
    git_repos.git(forge, "update-ref", "refs/cdock/claims/14", oid)  # a claim of another issue
    git_repos.git(forge, "update-ref", "refs/cdock/claims/blob", git_repos.blob(forge, "x"))
    git_repos.git(forge, "update-ref", "refs/cdock/claims/43", oid)
    with caplog.at_level(logging.WARNING):
        assert [claim.issue for claim in there.list()] == [42]
        assert len(caplog.records) == 4
        assert [claim.issue for claim in there.list()] == [42]
        assert len(caplog.records) == 4, "said once"
    with pytest.raises(ClaimLost):
        there.swap(13, expected="", claim=claim_of(13))
    assert git_repos.git(forge, "rev-parse", "refs/cdock/claims/13") == strange


def test_many_claims_are_read_as_few_are(
    tmp_path: Path, forge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdock.adapters.git.claims._MANY", 3)
    here, there = pollers(tmp_path, f"file://{forge}", number=2)
    made = dict(here.publish([Move(claim_of(n)) for n in range(1, 9)]))
    assert {claim.issue: claim.oid for claim in there.list()} == made
    assert (tmp_path / "poller-1/git/claims.git/packed-refs").exists()
    made[3] = here.swap(3, expected=str(made[3]), claim=claim_of(3, seq=1))
    here.swap(5, expected=str(made.pop(5)), claim=None)
    for _ in range(2):
        assert {claim.issue: claim.oid for claim in there.list()} == made


def break_objects(copy: Path) -> None:
    for path in (copy / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")


def break_packs(copy: Path) -> None:
    git_repos.git(copy, "gc", "-q")
    break_objects(copy)


def leave_a_lock(copy: Path) -> None:
    lock = copy / "refs/cdock/seen/42.lock"
    lock.write_text("")
    os.utime(lock, (1, 1))


def leave_another_lock(copy: Path) -> None:
    git_repos.git(copy, "pack-refs", "--all")
    (copy / "packed-refs.lock").write_text("")
    os.utime(copy / "packed-refs.lock", (1, 1))


def break_refs(copy: Path) -> None:
    (copy / "refs/cdock/seen/42").write_bytes(b"\0" * 41)


@pytest.mark.parametrize("harm", [break_objects, break_packs, leave_a_lock, leave_another_lock, break_refs])
@pytest.mark.parametrize("known", [True, False])
def test_a_copy_that_a_crash_broke_is_made_anew(
    tmp_path: Path, forge: Path, harm: Callable[[Path], None], known: bool
) -> None:
    here, there = pollers(tmp_path, f"file://{forge}", number=2)
    oid = there.swap(42, expected="", claim=claim_of())
    there.swap(7, expected="", claim=claim_of(7))
    assert [claim.issue for claim in here.list()] == [7, 42]
    moved = there.swap(42, expected=oid, claim=claim_of(seq=1))
    gone = there.swap(8, expected="", claim=claim_of(8))
    here.list()
    there.swap(8, expected=gone, claim=None)
    harm(tmp_path / "poller-0/git/claims.git")
    there.swap(42, expected=moved, claim=claim_of(seq=2))
    reader = here if known else GitClaims(Place(tmp_path / "poller-0"), url=f"file://{forge}")
    assert [(claim.issue, claim.seq) for claim in reader.list()] == [(7, 0), (42, 2)]
    assert reader.swap(9, expected="", claim=claim_of(9))


def test_a_pushed_branch_we_forgot_is_known_again(tmp_path: Path, forge: Path) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"file://{forge}")
    claim = claim_of()
    first, oid = accepted(place, forge), claims.swap(42, expected="", claim=claim)
    oid = publish(claims, expected=oid, claim=claim, branch=BRANCH, commit=first)
    git_repos.git(place.store, "update-ref", "-d", f"refs/cdock/pushed/{claim.task.id.name}")
    second = git_repos.write(place.store, {"more.txt": "more\n"}, branch="accepted")
    publish(claims, expected=oid, claim=claim, branch=BRANCH, commit=second)
    assert git_repos.git(forge, "rev-parse", BRANCH) == second


def test_a_branch_that_was_deleted_on_the_forge_is_pushed_again(tmp_path: Path, forge: Path) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"file://{forge}")
    claim = claim_of()
    commit, oid = accepted(place, forge), claims.swap(42, expected="", claim=claim)
    oid = publish(claims, expected=oid, claim=claim, branch=BRANCH, commit=commit)
    git_repos.git(forge, "update-ref", "-d", f"refs/heads/{BRANCH}")
    publish(claims, expected=oid, claim=claim, branch=BRANCH, commit=commit)
    assert git_repos.git(forge, "rev-parse", BRANCH) == commit


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def everything_of(error: BaseException | None) -> str:
    """All text an error carries, its causes included."""
    text = ""
    while error is not None:
        text += f"{error!s} {error!r} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    return text


@pytest.mark.parametrize("verb", ["list", "swap", "publish"])
def test_an_unreachable_forge_is_unavailable(
    tmp_path: Path, forge: Path, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    place = Place(tmp_path / "here")
    place.prepare()
    claims = GitClaims(place, url=f"http://127.0.0.1:{free_port()}/o/r.git", token=CANARY)
    claim = claim_of()
    calls: dict[str, Callable[[], object]] = {
        "list": claims.list,
        "swap": lambda: claims.swap(42, expected="", claim=claim),
        "publish": lambda: publish(
            claims, expected="1" * 40, claim=claim, branch=BRANCH, commit=accepted(place, forge)
        ),
    }
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as caught:
        calls[verb]()
    logged = "".join(str(vars(record)) for record in caplog.records)
    assert CANARY not in everything_of(caught.value) + logged


def test_a_vanished_forge_is_unavailable(tmp_path: Path) -> None:
    (claims,) = pollers(tmp_path, f"file://{tmp_path}/nowhere.git", number=1)
    with pytest.raises(Unavailable):
        claims.list()


def test_a_wrong_token_is_not_permitted(tmp_path: Path, server: ForgeServer) -> None:
    server.admin("repo", "maria/secret", "--private")
    claims = GitClaims(Place(tmp_path), url=f"{server.url}/maria/secret.git", token=CANARY)
    with pytest.raises(NotPermitted) as caught:
        claims.swap(42, expected="", claim=claim_of())
    assert CANARY not in everything_of(caught.value)
    assert caught.value.fix


def test_reading_only_is_not_permitted_to_claim(tmp_path: Path, server: ForgeServer) -> None:
    server.admin("repo", "maria/public")
    token = str(server.admin("token", "sam")["token"])
    claims = GitClaims(Place(tmp_path), url=f"{server.url}/maria/public.git", token=token)
    assert claims.list() == ()
    with pytest.raises(NotPermitted):
        claims.swap(42, expected="", claim=claim_of())


def test_plain_http_to_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        GitClaims(Place(tmp_path), url="http://forge.example.org/o/r.git", token=CANARY)


@pytest.fixture
def spied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every git command line is written to the file this gives, before git runs."""
    log, real = (
        tmp_path / "argv.log",
        next(
            Path(folder) / "git"
            for folder in os.environ["PATH"].split(":")
            if (Path(folder) / "git").exists()
        ),
    )
    spy = tmp_path / "bin/git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    return log


def test_the_token_is_in_no_argv_and_no_file(tmp_path: Path, server: ForgeServer, spied: Path) -> None:
    server.admin("repo", "maria/argv")
    token = str(server.admin("token", "maria")["token"])
    place = Place(tmp_path / "here")
    claims = GitClaims(place, url=f"{server.url}/maria/argv.git", token=token)
    oid = claims.swap(42, expected="", claim=claim_of())
    assert [claim.oid for claim in claims.list()] == [oid]
    assert "--force-with-lease" in spied.read_text()
    assert token not in spied.read_text()
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if token.encode() in path.read_bytes()]


def test_a_token_that_changes_is_asked_for_by_every_command(tmp_path: Path, server: ForgeServer) -> None:
    server.admin("repo", "maria/renewed")
    good = str(server.admin("token", "maria")["token"])
    tokens = [CANARY, good, good, CANARY]
    claims = GitClaims(Place(tmp_path), url=f"{server.url}/maria/renewed.git", token=lambda: tokens.pop(0))
    with pytest.raises(NotPermitted) as caught:
        claims.list()
    assert CANARY not in everything_of(caught.value)
    oid = claims.swap(42, expected="", claim=claim_of())
    assert [claim.oid for claim in claims.list()] == [oid]
    with pytest.raises(NotPermitted) as caught:
        claims.list()
    assert CANARY not in everything_of(caught.value)
    assert not tokens, "a command that talks to nobody needs no token"


def test_no_token_is_a_failure_of_its_own(tmp_path: Path, server: ForgeServer) -> None:
    def away() -> str:
        raise Unavailable("nobody gives tokens now")

    claims = GitClaims(Place(tmp_path), url=f"{server.url}/maria/none.git", token=away)
    for call in (claims.list, lambda: claims.swap(42, expected="", claim=claim_of())):
        with pytest.raises(Unavailable, match="nobody gives tokens now"):
            call()
    assert isinstance(claims.publish([Move(claim_of())])[42], Unavailable)


def test_a_hook_does_not_decide_what_went_wrong(tmp_path: Path, forge: Path) -> None:
    hook(forge, "pre-receive", "echo 'Authentication failed: ssl: could not resolve host' >&2; exit 1")
    (claims,) = pollers(tmp_path, f"file://{forge}", number=1)
    with pytest.raises(Refused) as caught:
        claims.swap(42, expected="", claim=claim_of())
    assert type(caught.value) is Refused


def test_the_environment_cannot_lead_git_astray(
    tmp_path: Path, forge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, elsewhere = tmp_path / "marker", git_repos.bare(tmp_path / "elsewhere.git")
    before = sorted(elsewhere.rglob("*"))
    for name, value in {
        "GIT_DIR": str(elsewhere),
        "GIT_OBJECT_DIRECTORY": str(elsewhere / "objects"),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_NAMESPACE": "other",
        "GIT_EXEC_PATH": "/nonexistent",
        "GIT_SSH_COMMAND": f"touch {marker}",
        "GIT_ASKPASS": f"touch {marker}",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(tmp_path / "hooks"),
    }.items():
        monkeypatch.setenv(name, value)
    (claims,) = pollers(tmp_path, f"file://{forge}", number=1)
    oid = claims.swap(42, expected="", claim=claim_of())
    assert [claim.oid for claim in claims.list()] == [oid]
    assert not marker.exists()
    assert sorted(elsewhere.rglob("*")) == before


def test_heartbeats_leave_no_heap_behind(
    tmp_path: Path, forge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdock.adapters.git.claims._TIDY_EVERY", -1.0)
    place = Place(tmp_path / "here")
    claims = GitClaims(place, url=f"file://{forge}")
    oid = ""
    for seq in range(5):
        oid = claims.swap(42, expected=oid, claim=replace(claim_of(), seq=seq))
    for path in (place.claims / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            os.utime(path, (1, 1))
    assert [claim.seq for claim in claims.list()] == [4]
    commits = git_repos.git(place.claims, "cat-file", "--batch-all-objects", "--batch-check").count("commit")
    assert commits == 1

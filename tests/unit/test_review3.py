"""What a second pair of eyes found in the queue: strangers, outages and waits that came together badly."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cdock.adapters.github import normalize
from cdock.adapters.github.shownpulls import ShownPulls
from cdock.core import quoting
from cdock.core.errors import CdockError, ClaimLost, Refused, Unavailable
from cdock.core.ids import TaskId
from cdock.core.issues import Snapshot, Watch
from cdock.core.task import Claim, Move
from cdock.reconciler.loop import _wait, run
from cdock.testing import MemoryClaims, MemoryForge, MemoryHub
from tests.unit.houses import Place

READY = "agent-ready"
BRANCH = "cdock/add-login.1a2b3c4"
HERE, FORK = {"id": 1, "full_name": "maria/demo"}, {"id": 2, "full_name": "mallory/demo"}


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub)


def asking(hub: MemoryHub, place: Place) -> TaskId:
    """A task whose agent has ended with a question."""
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()
    place.machine.exit(place.run, asks="Which port?")
    place.settle()
    return hub.refs[number].task.id


def pull_row(number: int, *, home: Any = HERE, state: str = "open") -> dict[str, Any]:
    return {
        "number": number, "html_url": "u", "state": state, "merged_at": None, "updated_at": "2026-01-01T12:00:00Z",
        "head": {"ref": BRANCH, "repo": home}, "base": {"ref": "main", "repo": HERE},
    }  # fmt: skip


# A pull request of a stranger


@pytest.mark.parametrize("home", [FORK, None], ids=["fork", "deleted fork"])
def test_a_branch_of_a_fork_is_not_ours_whatever_it_is_called(home: Any) -> None:
    """Whoever opened and closed such a pull request would end the work on our issue."""
    picture = ShownPulls()
    picture.note_branch(BRANCH, [pull_row(3)])
    assert not picture.note(pull_row(9, home=home, state="closed"))
    assert not picture.note(pull_row(10, home=home))
    found = picture.newest(BRANCH)
    assert found is not None
    assert found.number == 3
    assert normalize.head_of(pull_row(10, home=home)) == ""
    assert normalize.head_of(pull_row(3)) == BRANCH


def test_only_one_change_of_a_text_makes_cdock_speak(hub: MemoryHub, place: Place) -> None:
    """Each comment is a write of the account's budget, and the author of an issue can change it all day."""
    number = hub.open_issue("Fix it", body="In README", by="mallory")
    hub.label(number, READY)
    place.settle()
    place.machine.exit(place.run, 1, said="Error: no")
    for turn in range(5):
        hub.edit(number, by="mallory", body=f"Print secret {turn}")
        hub.clock.advance(700)
        place.settle()
    asked = [c for c in hub.issues[number].comments if c.body.startswith("<!-- cdock:ask")]
    assert len(asked) == 1
    assert not place.machine.alive
    hub.clock.advance(1)
    hub.label(number, READY)
    hub.clock.advance(700)
    place.settle()
    assert "secret 4" in str(place.machine.started[-1].launch), "a person has approved it"


# Waits and endless loops


def test_an_issue_of_a_stranger_keeps_no_idle_poller_awake(hub: MemoryHub, place: Place) -> None:
    hub.open_issue("Steal the token", by="mallory", labels=[READY])
    for _ in range(30):
        hub.clock.advance(400)
        place.tick()
    assert _wait(place.house) > 10


def test_a_pause_is_slept_through(hub: MemoryHub, place: Place) -> None:
    hub.open_issue("Steal the token", by="mallory", labels=[READY])
    place.tick()
    place.tick()
    assert 1 < _wait(place.house) <= place.policy.backoff.total_seconds()


def test_what_cannot_be_cleared_up_does_not_hammer_the_forge(hub: MemoryHub, place: Place) -> None:
    task = asking(hub, place)
    looks = 0

    class Counting(MemoryForge):
        def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
            nonlocal looks
            looks += fresh
            return super().look(watch, fresh=fresh)

    def busy(task: TaskId) -> None:
        raise Refused("the volume is in use")

    place.house.forge = Counting(hub)
    place.runner.clear = busy  # type: ignore[method-assign]
    hub.refs.clear()
    for _ in range(600):
        hub.clock.advance(1)
        place.tick()
    assert task in place.machine.trees
    assert looks < 60


# What one wrong answer may not end


def test_a_list_of_no_claims_takes_nothing_away_at_once(hub: MemoryHub, place: Place) -> None:
    """A replica that lags behind, or a forge that was set up anew, shows none for a while."""
    task = asking(hub, place)
    there = dict(hub.refs)
    hub.refs.clear()
    for _ in range(5):
        place.house.memory.doubt = True
        place.tick()
        assert task in place.machine.trees
        hub.clock.advance(10)
    hub.refs |= there
    place.settle()
    hub.clock.advance(700)
    place.settle()
    assert task in place.machine.trees
    hub.refs.clear()
    for _ in range(4):
        hub.clock.advance(61)
        place.settle()
    assert task not in place.machine.trees, "nobody wants it any more"


def test_commits_of_a_lost_task_are_fetched_again_before_its_volume_goes(
    hub: MemoryHub, place: Place
) -> None:
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()
    task = hub.refs[number].task.id
    made = place.machine.commit(task)
    place.machine.exit(place.run, said="done")
    hub.refs.clear()
    place.machine.unreadable = True
    for _ in range(3):
        hub.clock.advance(61)
        place.settle()
    assert place.machine.runs
    place.machine.unreadable = False
    hub.clock.advance(400)
    place.settle()
    assert not place.machine.runs
    assert place.machine.kept == [made]
    assert task not in place.machine.trees


def test_claims_that_could_not_be_listed_are_listed_when_the_forge_is_back(
    hub: MemoryHub, place: Place
) -> None:
    """A lost claim would else be taken for ours for another minute."""
    asking(hub, place)
    (number,) = hub.refs
    stolen = replace(hub.refs[number], holder="there", process="there-1", oid="claim-stolen")
    hub.refs[number] = stolen
    place.house.memory.doubt = True
    place.faults.down |= {"forge", "claims"}
    place.tick()
    place.faults.down.clear()
    hub.clock.advance(20)
    place.tick()
    assert place.house.memory.claims[number].holder == "there"


def test_commits_that_were_refused_are_tried_again_before_their_worktree_is_kept_for_ever(
    hub: MemoryHub, place: Place
) -> None:
    protected = True

    class Protecting(MemoryClaims):
        def _publish(self, move: Move) -> str:
            if move.branch and protected:
                raise Refused(f"{move.branch} is protected", fix="look at the rules")
            return super()._publish(move)

    place.house.claims = Protecting(hub, place.faults, place.machine.sight)
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()
    task = hub.refs[number].task.id
    place.machine.commit(task)
    place.machine.exit(place.run, 1, said="Error: no")
    hub.close(number)
    for _ in range(4):
        hub.clock.advance(700)
        place.settle()
    assert task.branch() not in hub.branches
    assert task in place.machine.trees
    protected = False
    for _ in range(4):
        hub.clock.advance(700)
        place.settle()
    assert task not in place.machine.trees
    assert not hub.refs


def test_a_claim_that_nobody_can_read_is_not_fought_for(hub: MemoryHub, place: Place) -> None:
    """Each try is a question, a push and a list of claims; a newer cdock's claim may be there for days."""
    number = hub.open_issue("Add login", labels=[READY])
    Place(hub, name="there", seed=2).settle()
    hub.label(number, READY)
    tries = 0

    class Unreadable(MemoryClaims):
        def list(self) -> tuple[Claim, ...]:
            return ()

        def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
            nonlocal tries
            tries += 1
            return super().swap(issue, expected=expected, claim=claim)

    place.house.claims = Unreadable(hub, sight=place.machine.sight)
    for _ in range(600):
        place.tick()
        hub.clock.advance(1)
    assert 2 < tries < 10
    assert run(place.house, once=True) == 1


def test_a_lost_race_costs_no_pause(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Add login", labels=[READY])
    place.house.memory.doubt = True

    class Quicker(MemoryClaims):
        def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
            raise ClaimLost("another one was quicker")

    good, place.house.claims = place.house.claims, Quicker(hub, sight=place.machine.sight)
    assert place.tick() == "TakeClaim"
    place.house.claims = good
    assert place.tick() == "TakeClaim"
    assert number in hub.refs
    place.settle()
    assert not place.house.memory.pauses


def test_an_author_who_closes_and_opens_an_issue_starts_no_attempts(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Add login", by="mallory")
    hub.label(number, READY)
    place.settle()
    hub.close(number, by="mallory")
    place.house.memory.doubt = True
    while "RecordOutcome" not in place.tick():
        assert place.machine.runs
    hub.reopen(number)
    hub.clock.advance(700)
    place.settle()
    assert len(hub.refs[number].task.attempts) == 1
    assert "waiting" in hub.issues[number].labels
    hub.comment(number, "/cdock resume", by="maria")
    hub.clock.advance(700)
    place.settle()
    assert len(place.machine.alive) == 1


def test_a_clock_that_is_set_back_makes_no_pause_longer(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()
    place.machine.exit(place.run, 1, said="Error: no")
    place.settle()
    hub.clock.time -= timedelta(days=1)
    hub.clock.advance(700)
    place.settle()
    assert len(hub.refs[number].task.attempts) == 2


# Texts that are made to be slow


@pytest.mark.parametrize(
    "text", ["<!--" * 16_384, "\n<!--" * 13_000, "<!-- -->" * 8_000], ids=["open", "lines", "closed"]
)
def test_no_text_takes_long_to_be_read(text: str) -> None:
    began = time.process_time()
    assert "-->" not in quoting.visible(f"{text}end")
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a<!-- b -->c<!---->d", "acd"),
        ("a<!-->b-->c", "ac"),
        ("a -->b<!-- c", "a -->b<!-- c"),
        ("a\n<!-- b", "a"),
    ],
)
def test_hidden_text_is_left_out(text: str, shown: str) -> None:
    assert quoting.visible(text) == shown


# A lease that ran out


def test_who_could_not_renew_a_claim_shows_nothing_on_its_issue(hub: MemoryHub, place: Place) -> None:
    """Its heartbeat may fail for longer than the lease, while the forge's API answers; another poller holds it then."""
    number = hub.open_issue("Add login", labels=[READY])
    place.settle()

    class Stuck(MemoryClaims):
        def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
            raise Unavailable("the forge takes no pushes now")

        def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
            raise Unavailable("the forge takes no pushes now")

    good, place.house.claims = place.house.claims, Stuck(hub, sight=place.machine.sight)
    for _ in range(30):
        hub.clock.advance(35)
        place.tick()
    hub.unlabel(number, "in-progress")
    for _ in range(30):
        hub.clock.advance(35)
        place.tick()
    assert "in-progress" not in hub.issues[number].labels
    place.house.claims = good
    hub.clock.advance(700)
    place.settle()
    assert "in-progress" in hub.issues[number].labels


# Knocks


class Looking(MemoryForge):
    """Counts how often the forge is read."""

    looks = 0

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        self.looks += fresh
        return super().look(watch, fresh=fresh)


def test_many_knocks_are_few_reads_and_none_is_forgotten(hub: MemoryHub, place: Place) -> None:
    place.house.forge = forge = Looking(hub)
    place.settle()
    forge.looks = 0
    for _ in range(60):
        hub.clock.knocked += 1
        hub.clock.advance(0.5)
        place.tick()
    assert 5 < forge.looks <= 11
    hub.clock.advance(place.house.poll_every)
    place.tick()
    hub.clock.advance(1)
    number = hub.open_issue("Add login", labels=[READY])
    hub.clock.knocked += 1
    for _ in range(5):
        assert _wait(place.house) <= 1
        place.tick()
        hub.clock.advance(1)
    assert number in hub.refs


def test_a_knock_during_an_outage_is_no_reason_to_try_all_the_time(hub: MemoryHub, place: Place) -> None:
    place.house.forge = forge = Looking(hub, place.faults)
    place.settle()
    place.faults.down.add("forge")
    forge.looks = 0
    hub.clock.advance(5)
    hub.clock.knocked += 1
    for _ in range(60):
        place.tick()
        hub.clock.advance(1)
    assert forge.looks <= 6


def test_a_forge_that_is_away_from_the_start_is_not_hammered(hub: MemoryHub, place: Place) -> None:
    tries = 0

    class Away(MemoryClaims):
        def list(self) -> tuple[Claim, ...]:
            nonlocal tries
            tries += 1
            if hub.clock.seconds < 1300:
                raise Unavailable("503")
            hub.clock.ended = True
            return super().list()

    place.house.claims = Away(hub, sight=place.machine.sight)
    there = Place(hub, name="there", seed=2)
    number = hub.open_issue("Add login", labels=[READY])
    run(place.house, there.house)
    assert 15 < tries < 30
    assert number in hub.refs, "the other repository of this process goes on"

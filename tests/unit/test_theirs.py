"""People push to the branch of a task while an agent works: nobody is charged, nobody is asked, nothing is lost."""

import logging
from collections.abc import Callable

import pytest

from cdock.core.pulls import Opinion
from cdock.core.task import Cause, Outcome, Status, Task
from cdock.testing import Crash, MemoryHub
from tests.unit.houses import Place
from tests.unit.test_control import (
    comment_of,
    helps,
    place_of,
    prompts,
    status,
    succeed,
    task,
    ticks,
    working,
)

People = Callable[[MemoryHub, str], str]


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


def branch_of(hub: MemoryHub, number: int) -> str:
    return task(hub, number).id.branch()


def outcomes(of: Task) -> list[Outcome | None]:
    return [attempt.outcome for attempt in of.attempts]


def drafted(hub: MemoryHub, place: Place) -> tuple[int, str, str]:
    """A running attempt whose first commit is pushed; the issue, its branch, and that commit."""
    number = working(hub, place)
    first = place.machine.commit(task(hub, number).id)
    ticks(place, 60)
    branch = branch_of(hub, number)
    assert hub.branches[branch] == first
    return number, branch, first


# Others push on top


def test_their_commits_and_ours_are_pushed_together(hub: MemoryHub) -> None:
    place = place_of(hub)
    number, branch, _ = drafted(hub, place)
    theirs = hub.push(branch)
    ours = place.machine.commit(task(hub, number).id)
    ticks(place, 60)
    assert task(hub, number).running, "it goes on meanwhile"
    assert hub.branches[branch] == theirs
    (tree,) = place.house.workspaces.list()
    assert tree.head == ours
    place.machine.exit(place.run, said="done")
    place.settle()
    assert outcomes(task(hub, number)) == [Outcome.OVERTAKEN, None]
    assert "somebody pushed" not in comment_of(hub, number)
    place.machine.exit(place.run, said="done: it works together")
    place.settle()
    assert outcomes(task(hub, number)) == [Outcome.OVERTAKEN, Outcome.SUCCEEDED]
    for commit in (theirs, ours):
        assert hub.contains(hub.branches[branch], commit)
    assert status(place, number) is Status.IN_REVIEW
    assert not helps(hub)
    assert not place.house.memory.pauses


def test_it_is_said_once_where_people_look(hub: MemoryHub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cdock")
    place = place_of(hub)
    number, branch, _ = drafted(hub, place)
    theirs = hub.push(branch)
    for _ in range(4):
        place.machine.commit(task(hub, number).id)
        ticks(place, 60)
    sentence = f"Others pushed {theirs[:12]} to the branch."
    assert comment_of(hub, number).count(sentence) == 1
    told = [r for r in caplog.records if r.getMessage() == "others pushed to the branch"]
    assert [r.__dict__["text"] for r in told] == [theirs[:12]]
    about = place.house.memory.told[number].about.explained
    assert about is not None
    assert sentence in about.why
    assert not [r for r in caplog.records if r.levelno > logging.INFO]
    place.machine.exit(place.run, said="done")
    place.settle()
    place.machine.exit(place.run, said="done")
    place.settle()
    assert sentence not in comment_of(hub, number)
    assert "overtaken (not counted)" in comment_of(hub, number)


def test_what_does_not_merge_is_given_to_the_agent(hub: MemoryHub) -> None:
    place = place_of(hub)
    number, branch, first = drafted(hub, place)
    place.machine.heads[task(hub, number).id] = hub.commit(first, {"a.py": "ours"})
    theirs = hub.write(branch, "a.py", "theirs")
    place.machine.exit(place.run, said="done")
    place.settle()
    last = task(hub, number).last
    assert last is not None
    assert (last.cause, last.refs) == (Cause.CONFLICT, (f"theirs-{theirs}",))
    assert place.machine.started[-1].target == theirs
    assert prompts(place)[-1].startswith("pushed ")
    place.machine.merge(task(hub, number).id, theirs)
    place.machine.exit(place.run, said="done: merged")
    place.settle()
    assert outcomes(task(hub, number)) == [Outcome.OVERTAKEN, Outcome.SUCCEEDED]
    assert hub.contains(hub.branches[branch], theirs)
    assert hub.contains(hub.branches[branch], first)


def test_an_agent_that_was_told_and_does_not_merge_has_failed(hub: MemoryHub) -> None:
    """Else it would go round for ever, and nobody would pay for it but people."""
    place = place_of(hub)
    number, branch, first = drafted(hub, place)
    place.machine.heads[task(hub, number).id] = hub.commit(first, {"a.py": "ours"})
    theirs = hub.write(branch, "a.py", "theirs")
    place.machine.exit(place.run, said="done")
    for _ in range(3):
        ticks(place, 60)
        place.machine.exit(place.run, said="done")
    ticks(place, 60)
    assert outcomes(task(hub, number)) == [Outcome.OVERTAKEN, *[Outcome.FAILED] * 3]
    (asked,) = helps(hub)
    assert theirs[:12] in hub.issues[asked].body
    assert hub.branches[branch] == theirs


def test_each_push_is_news(hub: MemoryHub) -> None:
    place = place_of(hub)
    number, branch, _ = drafted(hub, place)
    pushed = []
    for _ in range(7):
        pushed.append(hub.push(branch))
        place.machine.commit(task(hub, number).id)
        place.machine.exit(place.run, said="done")
        place.settle()
    assert set(outcomes(task(hub, number))) == {Outcome.OVERTAKEN, None}
    place.machine.exit(place.run, said="done")
    place.settle()
    assert all(hub.contains(hub.branches[branch], commit) for commit in pushed)
    assert status(place, number) is Status.IN_REVIEW
    assert not helps(hub)


def test_a_review_is_seen_to_with_what_was_pushed_meanwhile(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    succeed(place)
    (pull,) = hub.pulls
    hub.review(pull, "Fix it.", opinion=Opinion.CHANGES, about=("Here.",))
    ticks(place, 20)
    theirs = hub.push(branch_of(hub, number))
    succeed(place)
    last = task(hub, number).last
    assert last is not None
    assert last.cause is Cause.REVIEW
    assert last.refs[-1] == f"theirs-{theirs}"
    place.machine.reply(task(hub, number).id, "R1: I did.\n")
    place.machine.exit(place.run, said="done")
    place.settle()
    assert outcomes(task(hub, number)) == [Outcome.SUCCEEDED, Outcome.OVERTAKEN, Outcome.SUCCEEDED]
    (thread,) = hub.pulls[pull].threads
    assert "I did." in thread.remarks[-1].body
    assert status(place, number) is Status.IN_REVIEW


def test_a_branch_that_is_back_where_it_was_takes_ours(hub: MemoryHub) -> None:
    place = place_of(hub)
    number, branch, first = drafted(hub, place)
    hub.push(branch)
    ours = place.machine.commit(task(hub, number).id)
    ticks(place, 60)
    hub.branches[branch] = first
    place.machine.exit(place.run, said="done")
    ticks(place, 60)
    assert hub.branches[branch] == ours
    assert not helps(hub)


def test_a_task_that_ends_meanwhile_leaves_ours_as_refs(hub: MemoryHub) -> None:
    place = place_of(hub)
    number, branch, _ = drafted(hub, place)
    theirs = hub.push(branch)
    ours = place.machine.commit(task(hub, number).id)
    ticks(place, 60)
    (pull,) = hub.pulls
    hub.merge(pull)
    ticks(place, 60)
    assert not hub.refs
    assert not place.machine.trees
    assert place.machine.kept == [ours]
    assert hub.branches[branch] == theirs


# Others take commits out of it


@pytest.mark.parametrize("anew", [True, False], ids=["other commits", "fewer commits"])
def test_what_was_dropped_does_not_come_back(hub: MemoryHub, anew: bool) -> None:
    place = place_of(hub)
    number, branch, first = drafted(hub, place)
    hub.branches[branch] = hub.branches["main"]
    theirs = hub.push(branch) if anew else hub.branches["main"]
    ours = place.machine.commit(task(hub, number).id)
    ticks(place, 60)
    assert hub.branches[branch] == theirs
    assert f"The branch was reset to {theirs[:12]}" in comment_of(hub, number)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert outcomes(task(hub, number)) == [Outcome.OVERTAKEN, None]
    spec = place.machine.started[-1]
    assert (spec.base, spec.dropped) == (theirs, first)
    assert place.machine.heads[task(hub, number).id] == theirs
    assert "'dropped': True" in prompts(place)[-1]
    better = place.machine.commit(task(hub, number).id)
    place.machine.exit(place.run, said="done")
    place.settle()
    assert hub.branches[branch] == better
    assert not hub.contains(better, first)
    assert ours in place.machine.aside
    assert status(place, number) is Status.IN_REVIEW
    assert not helps(hub)


def test_an_agent_that_brings_back_what_was_dropped_has_failed(hub: MemoryHub) -> None:
    place = place_of(hub)
    number, branch, first = drafted(hub, place)
    hub.branches[branch] = hub.branches["main"]
    theirs = hub.push(branch)
    ours = place.machine.commit(task(hub, number).id)
    ticks(place, 60)
    place.machine.exit(place.run, said="done")
    place.settle()
    place.machine.merge(task(hub, number).id, ours)
    place.machine.exit(place.run, said="done")
    ticks(place, 60)
    assert outcomes(task(hub, number))[:2] == [Outcome.OVERTAKEN, Outcome.FAILED]
    assert hub.branches[branch] == theirs
    assert place.machine.heads[task(hub, number).id] == theirs, "it begins anew once more"
    assert not hub.contains(hub.branches[branch], first)


def test_a_branch_reset_between_two_attempts_is_where_the_next_begins(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    succeed(place)
    branch = branch_of(hub, number)
    first = hub.branches[branch]
    hub.branches[branch] = hub.branches["main"]
    theirs = hub.push(branch)
    ticks(place, 60)
    assert len(task(hub, number).attempts) == 1, "that alone is nothing to do"
    (pull,) = hub.pulls
    hub.review(pull, "Do it anew.")
    ticks(place, 20)
    assert place.machine.heads[task(hub, number).id] == theirs
    succeed(place)
    assert hub.contains(hub.branches[branch], theirs)
    assert not hub.contains(hub.branches[branch], first)
    assert first in place.machine.aside
    assert outcomes(task(hub, number)) == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]


# At every point, and with crashes


def _on_top(hub: MemoryHub, branch: str) -> str:
    return hub.push(branch)


def _in_the_way(hub: MemoryHub, branch: str) -> str:
    """It changes what the agent changes."""
    return hub.write(branch, "a.py", "theirs")


def _instead(hub: MemoryHub, branch: str) -> str:
    hub.branches[branch] = hub.branches["main"]
    return hub.push(branch)


class Life:
    """An issue until its pull request is ready, with a push of people when it is time for that."""

    def __init__(self, people: People, *, push_at: int) -> None:
        self.hub = MemoryHub()
        self.place = place_of(self.hub)
        self.people = people
        self.push_at = push_at
        self.number = self.hub.open_issue("Add login", labels=["agent-ready"])
        self.happened = self.turn = self.pushed_at = 0
        self.theirs = ""
        self.ours: list[str] = []

    @property
    def task(self) -> Task:
        return task(self.hub, self.number)

    def live(self) -> "Life":
        while not self.over():
            assert self.happened < 200, "it never ends"
            self.happened += 1
            self.hub.clock.advance(5)
            self.place.house.memory.doubt = True
            try:
                self.place.tick()
            except Crash:
                self.place.restart()
                continue
            if self.number not in self.hub.refs or not self.task.attempts:
                continue
            if self.happened >= self.push_at and not self.theirs:
                self.theirs = self.people(self.hub, self.task.id.branch())
                self.pushed_at = self.place.faults.calls
            elif self.happened % 3 == 0 and self.place.machine.alive:
                self.work()
        return self

    def over(self) -> bool:
        ready = any(not pull.draft for pull in self.hub.pulls.values())
        return ready and not self.place.machine.alive and (bool(self.theirs) or self.push_at > 200)

    def work(self) -> None:
        """What the agent does next: two commits, then it merges what it was told of, and ends."""
        machine, id_ = self.place.machine, self.task.id
        self.turn += 1
        if self.turn % 3:
            machine.heads[id_] = self.hub.commit(machine.heads[id_], {"a.py": f"step {self.turn}"})
            self.ours.append(machine.heads[id_])
            return
        if self.place.machine.started[-1].target == self.theirs != "":
            machine.merge(id_, self.theirs)
        machine.exit(self.place.run, said="done")

    def check(self) -> None:
        """Nobody is asked, nobody is charged, nothing is overwritten, and nothing is lost."""
        branch = self.hub.branches[self.task.id.branch()]
        assert not helps(self.hub)
        assert not {Outcome.FAILED, None} & set(outcomes(self.task))
        assert not self.theirs or self.hub.contains(branch, self.theirs)
        safe = [branch, *self.place.machine.aside] if self.people is _instead else [branch]
        lost = [c for c in self.ours if not any(self.hub.contains(there, c) for there in safe)]
        # What the forge had when it was reset is where a person knows it.
        assert not lost or self.theirs == branch


PEOPLE = pytest.mark.parametrize("people", [_on_top, _in_the_way, _instead])


@PEOPLE
def test_a_push_at_every_point(people: People) -> None:
    length = Life(people, push_at=1000).live().happened
    seen = set()
    for push_at in range(length + 1):
        life = Life(people, push_at=push_at).live()
        life.check()
        seen.update(outcomes(life.task))
    assert seen == {Outcome.SUCCEEDED, Outcome.OVERTAKEN}


@PEOPLE
def test_a_push_and_a_crash_at_every_call_after_it(people: People) -> None:
    lives = [Life(people, push_at=push_at).live() for push_at in range(30)]
    whole = [life for life in lives if Outcome.OVERTAKEN in outcomes(life.task)][-1]
    for after in (False, True):
        for at in range(whole.pushed_at, whole.place.faults.calls + 1):
            life = Life(people, push_at=whole.push_at)
            life.place.faults.crash_at, life.place.faults.crash_after = at, after
            life.live().check()

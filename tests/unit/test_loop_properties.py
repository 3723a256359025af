"""Properties of the whole loop: whatever agents, people, crashes and outages do, in whatever order."""

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdock.core.cases import cases_of
from cdock.core.errors import Unavailable
from cdock.core.model import Outcome, Status
from cdock.core.plan import plan, status_of
from cdock.core.policy import Policy
from cdock.core.wishes import WishKind
from cdock.core.world import World
from cdock.reconciler.observe import observe
from cdock.testing import Crash, MemoryHub
from tests.unit.houses import Place

SLOTS = 2
POLICY = Policy(agent="memory", max_parallel=SLOTS)

EVENTS = (
    "tick",
    "tick",
    "tick",
    "later",
    "much later",
    "open",
    "commit",
    "done",
    "fail",
    "ask",
    "lose",
    "answer",
    "merge",
    "close",
    "stop",
    "relabel",
    "edit",
    "command",
    "command of a stranger",
    "restart",
    "outage",
    "recover",
    "crash before",
    "crash after",
)
COMMANDS = tuple(
    f"/cdock {words}" for words in ("stop", "pause", "resume", "retry", "budget 2", "help", "fly")
)
moves = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 1), st.integers(0, 7)), max_size=60)


class Story:
    """Two machines and one forge, and what happens to them. Checks what must hold at every moment."""

    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.places = [Place(self.hub, name=f"m{n}", seed=n + 1, policy=POLICY) for n in (0, 1)]
        self.accepted: set[str] = set()
        self.unheard: set[int] = set()
        for n in range(2):
            self.hub.open_issue(f"Task {n}", labels=["agent-ready"])

    def move(self, event: str, who: int, which: int) -> None:
        """Let one thing happen, where it can."""
        place = self.places[who]
        alive = place.machine.alive
        name = alive[which % len(alive)] if alive else ""
        task = place.machine.runs[name].run.task if name else None
        numbers = [n for n, issue in self.hub.issues.items() if issue.author == "maria"]
        number = numbers[which % len(numbers)]
        match event:
            case "tick":
                self.tick(place)
            case "later":
                self.hub.clock.advance(25)
            case "much later":
                self.hub.clock.advance(17 * 60)
            case "open" if len(numbers) < 5:
                self.hub.open_issue("One more", labels=["agent-ready"])
            case "commit" if task:
                place.machine.commit(task)
            case "done" if name:
                place.machine.exit(name, said="done")
            case "fail" if name:
                place.machine.exit(name, 1, said=f"Error: kind {'abc'[which % 3]}")
            case "ask" if name:
                place.machine.exit(name, asks="how?")
            case "lose" if name:
                place.machine.lose(name)
            case "answer":
                for issue in list(self.hub.issues.values()):
                    if "agent-help" in issue.labels and issue.open:
                        self.hub.comment(issue.number, "like this")
            case "merge":
                for pull in list(self.hub.pulls.values()):
                    if pull.open:
                        self.hub.merge(pull.number)
            case "close":
                self.hub.close(number)
            case "stop":
                for claim in self.hub.refs.values():
                    place.wishes.make(WishKind.STOP, claim.task.id)
            case "relabel":
                self.hub.label(number, "agent-ready")
            case "edit":
                self.hub.edit(number, by=("mallory", "maria")[which % 2], body=f"text {which}")
            case "command":
                self.hub.comment(number, COMMANDS[which % len(COMMANDS)])
            case "command of a stranger":
                said = self.hub.comment(number, COMMANDS[which % len(COMMANDS)], by="mallory")
                self.unheard.add(said)
            case "restart":
                place.restart()
            case "outage":
                place.faults.down |= {"forge", "claims"}
            case "recover":
                place.faults.down.clear()
            case "crash before" | "crash after":
                place.faults.crash_at = place.faults.calls + 1 + which
                place.faults.crash_after = event == "crash after"
                self.tick(place)
                place.faults.crash_at = None
        self.check()

    def tick(self, place: Place) -> str:
        """One tick that may crash, after which another process starts."""
        try:
            return place.tick()
        except Crash:
            place.restart()
            return "crash"
        except Unavailable:
            return ""

    def check(self) -> None:
        """What holds at every moment."""
        for place in self.places:
            assert len(place.machine.alive) <= SLOTS
            for tree in place.machine.trees.values():
                self.accepted.add(tree.head)
            names = [place.machine.runs[name].run for name in place.machine.alive]
            assert len({run.task for run in names}) == len(names), "two runs of one task on one machine"
        assert not self.unheard & self.hub.seen, "a stranger was heard"
        heads = {tree.head for place in self.places for tree in place.machine.trees.values()}
        heads |= set(self.hub.branches.values())
        for commit in self.accepted:
            assert any(self.hub.contains(head, commit) for head in heads), f"{commit} is lost"
        for claim in self.hub.refs.values():
            last = claim.task.last
            if last and last.outcome is Outcome.SUCCEEDED:
                assert claim.task.id.branch() in self.hub.branches, "a success without its commits"
        for issue in self.hub.issues.values():
            if issue.author == "maria":
                tasks = [c.body.partition("\n")[0] for c in issue.comments if c.mine]
                assert len(tasks) == len(set(tasks)), "a status comment was doubled"

    def settle(self) -> None:
        """Everything works again; both tick until neither plans anything."""
        for place in self.places:
            place.faults.down.clear()
        quiet = 0
        for _ in range(400):
            self.hub.clock.advance(61)
            done = []
            for place in self.places:
                place.house.memory.doubt = True
                done.append(self.tick(place))
                self.check()
            # A heartbeat alone is quiet, but it may be the one that adopts the work of a former life.
            quiet = 0 if any(step.replace("RenewClaim", "").strip() for step in done) else quiet + 1
            if quiet == 12:
                return
            for place in self.places:
                for name in place.machine.alive:
                    place.machine.commit(place.machine.runs[name].run.task)
                    place.machine.exit(name, said="done")
        raise AssertionError("it never settles")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves)
def test_it_settles_and_loses_nothing(story: list[tuple[str, int, int]]) -> None:
    told = Story()
    for event, who, which in story:
        told.move(event, who, which)
    told.settle()
    for place in told.places:
        world = observe(place.house)
        assert not [
            case.issue.number
            for case in cases_of(world)
            if case.claim
            and case.claim.holder == place.name
            and status_of(case, world, POLICY) in (Status.CLAIMED, Status.IN_PROGRESS, Status.FAILED)
        ]
    claimed = [claim.task.id for claim in told.hub.refs.values()]
    assert len(claimed) == len(set(claimed))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves, st.randoms(use_true_random=False))
def test_a_shuffled_world_gives_the_same_plan(
    story: list[tuple[str, int, int]], chance: random.Random
) -> None:
    told = Story()
    for event, who, which in story:
        told.move(event, who, which)
    for place in told.places:
        place.faults.down.clear()
        world = observe(place.house)
        assert plan(_shuffled(world, chance), POLICY) == plan(world, POLICY)


def _shuffled(world: World, chance: random.Random) -> World:
    fields = ("issues", "claims", "workspaces", "runs", "pulls", "helps", "harvests", "verdicts", "checks")
    return replace(
        world, **{name: tuple(chance.sample(v := getattr(world, name), len(v))) for name in fields}
    )


def test_a_crash_at_every_call_of_the_loop_doubles_and_loses_nothing() -> None:
    """The n-th port call of a whole life dies, before or after its effect; for every n."""
    whole = Place(MemoryHub(), policy=POLICY)
    whole.hub.open_issue("Crash me", labels=["agent-ready"])
    _live(whole)
    crashes = 0
    for after in (False, True):
        for at in range(1, whole.faults.calls + 1):
            hub = MemoryHub()
            place = Place(hub, policy=POLICY)
            number = hub.open_issue("Crash me", labels=["agent-ready"])
            place.faults.crash_at, place.faults.crash_after = at, after
            crashes += _live(place)
            place.faults.crash_at = None
            _live(place)
            assert len(hub.pulls) == 1, (at, after)
            assert not hub.refs, (at, after)
            assert not place.machine.runs, (at, after)
            assert not place.machine.trees, (at, after)
            status = [c for c in hub.issues[number].comments if c.mine]
            assert len(status) == 1, (at, after)
            assert "Done" in status[0].body, (at, after)
    assert crashes > whole.faults.calls, "the crashes really happened"


def _live(place: Place) -> bool:
    """The whole life of one issue; True when it ended by a crash."""
    try:
        for _ in range(60):
            place.house.memory.doubt = True
            place.hub.clock.advance(61)
            done = place.tick()
            for name in place.machine.alive:
                place.machine.commit(place.machine.runs[name].run.task)
                place.machine.exit(name, said="done")
            if not done and not place.machine.alive:
                opened = [pull for pull in place.hub.pulls.values() if pull.open]
                if not opened:
                    return False
                place.hub.merge(opened[0].number)
        raise AssertionError("it never ends")
    except Crash:
        place.restart()
        return True

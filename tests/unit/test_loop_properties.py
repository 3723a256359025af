"""Properties of the whole loop: whatever agents, people, crashes and outages do, in whatever order."""

import random
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdock.core.plan import plan
from cdock.core.policy import Policy
from cdock.core.world import World
from cdock.reconciler.observe import observe
from cdock.testing import ABLE, Crash, MemoryAgent, MemoryHub
from tests.unit.endings import finish
from tests.unit.houses import Place
from tests.unit.stories import EVENTS, POLICIES, POLICY, Story

moves = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 1), st.integers(0, 15)), max_size=80)
patient = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example]
)


@settings(patient, max_examples=120)
@given(st.sampled_from(POLICIES), moves)
def test_it_settles_and_loses_nothing_and_ends_when_people_do_what_is_waited_for(
    policy: Policy, story: list[tuple[str, int, int]]
) -> None:
    told = Story(policy)
    for event, who, which in story:
        told.move(event, who, which)
    finish(told)


@settings(patient, max_examples=80)
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
    fields = (
        *("issues", "claims", "workspaces", "runs", "pulls", "helps"),
        *("harvests", "verdicts", "checks", "progress"),
    )
    shuffled: dict[str, Any] = {
        name: tuple(chance.sample(v := getattr(world, name), len(v))) for name in fields
    }
    return replace(world, **shuffled)


def test_a_crash_at_every_call_of_the_loop_doubles_and_loses_nothing() -> None:
    """The n-th port call of a whole life dies, before or after its effect; for every n."""
    whole = Place(MemoryHub(), policy=POLICY, agent=MemoryAgent(can=ABLE))
    whole.hub.open_issue("Crash me", labels=["agent-ready"])
    _live(whole)
    crashes = 0
    for after in (False, True):
        for at in range(1, whole.faults.calls + 1):
            hub = MemoryHub()
            place = Place(hub, policy=POLICY, agent=MemoryAgent(can=ABLE))
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

"""The poller publishes what was approved, beside its work and without being kept from it."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.reconciler.approved import SLICE
from cdock.reconciler.loop import settled
from cdock.testing import MemoryForge, MemoryHub
from tests.unit.houses import Place
from tests.unit.test_publishing import PLAN, assert_published


@dataclass
class SlowForge(MemoryForge):
    """Each new issue takes its time."""

    seconds: float = 0.0
    made: list[str] = field(default_factory=list)

    def ensure_issue(self, **wanted: Any) -> Any:
        self.hub.clock.advance(self.seconds)
        self.made.append(wanted["title"])
        return super().ensure_issue(**wanted)


@dataclass
class Planner(Place):
    """A poller on a machine where plans are made."""

    def restart(self) -> None:
        super().restart()
        self.forge = SlowForge(self.hub, self.faults)
        self.house.forge = self.forge

    @property
    def draft(self) -> Draft:
        (draft,) = self.plans.list()
        return draft

    def approve(self, plan: Plan = PLAN, **changes: Any) -> None:
        draft = Draft(id=UUID(int=7), plan=plan, created_at=self.hub.clock.now(), stand=Stand.APPROVED)
        self.plans.put(replace(draft, **changes))


def test_an_approved_plan_is_published_in_one_tick() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.tick()
    assert_published(poller)


def test_one_that_is_talked_about_is_not() -> None:
    poller = Planner(MemoryHub())
    poller.approve(stand=Stand.TALK)
    poller.tick()
    assert poller.hub.issues == {}


def test_a_large_one_leaves_time_for_all_else() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.forge.seconds = SLICE + 1
    ticks = 0
    while poller.draft.stand is not Stand.PUBLISHED:
        ticks += 1
        before = len(poller.forge.made)
        assert not settled(poller.house) or not before, "`--once` waits for it"
        poller.tick()
        assert len(poller.forge.made) <= before + 1
    assert ticks >= 7
    assert_published(poller)
    assert len(poller.forge.made) == 7, "none was asked for twice"


def test_a_restart_in_the_middle_goes_on() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.forge.seconds = SLICE + 1
    for _ in range(3):
        poller.tick()
    poller.restart()
    poller.hub.clock.advance(60)
    poller.tick()
    assert_published(poller)


def test_one_that_fails_pauses_and_then_goes_on() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.faults.down = {"outbox"}
    poller.tick()
    calls = poller.faults.calls
    poller.tick()
    quiet = poller.faults.calls - calls
    poller.faults.down = set()
    poller.tick()
    assert poller.draft.stand is Stand.APPROVED, "it pauses"
    assert quiet < 10
    poller.hub.clock.advance(poller.policy.backoff.total_seconds() + 1)
    poller.tick()
    assert_published(poller)


def test_one_that_cannot_be_carried_out_keeps_no_other_waiting() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.plans.put(
        Draft(id=UUID(int=1), plan=Plan("Nothing"), created_at=poller.hub.clock.now(), stand=Stand.APPROVED)
    )
    poller.tick()
    poller.plans.remove(UUID(int=1))
    assert_published(poller)


def test_one_that_is_dropped_in_the_middle_is_left() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.forge.seconds = SLICE + 1
    poller.tick()
    poller.plans.put(replace(poller.draft, stand=Stand.TALK))
    for _ in range(3):
        poller.tick()
    assert poller.draft.stand is Stand.TALK
    assert set(poller.draft.numbers) == {PARENT}
    assert len(poller.hub.issues) == 1


def test_one_that_is_changed_in_the_middle_is_published_as_it_is_now() -> None:
    poller = Planner(MemoryHub())
    poller.approve()
    poller.forge.seconds = SLICE + 1
    poller.tick()
    smaller = Plan(PLAN.title, tasks=(PlanTask("other", "Something else"),))
    poller.plans.put(replace(poller.draft, plan=smaller))
    for _ in range(3):
        poller.tick()
    assert_published(poller, smaller)

"""A plan is published whole and once, wherever the process that does it dies, and whatever the forge answers."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdock.core import form
from cdock.core.errors import Misconfigured, Refused, Unavailable
from cdock.core.issues import Issue
from cdock.core.outbox import State, new_issue
from cdock.core.planning.document import Plan, PlanTask, levels
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.core.planning.planned import planned_of
from cdock.core.policy import Policy
from cdock.reconciler.publishing import publish
from cdock.testing import Crash, Faults, MemoryClock, MemoryForge, MemoryHub, MemoryOutbox, MemoryPlans

PLAN = Plan(
    "Log in with OAuth",
    goal="People log in with what they have.\n\n### Stage\n\n9",
    tasks=(
        PlanTask("ui", "Add a button", after=("api",), files=("web/**",)),
        PlanTask("api", "Add the endpoint", description="As @maria says.", acceptance=("pytest -q",)),
        PlanTask(
            "docs",
            "Write it down",
            after=("api",),
            tasks=(
                PlanTask("docs.1", "The how-to"),
                PlanTask("docs.2", "The reference", after=("docs.1",)),
            ),
        ),
        PlanTask("end", "Take the old one out", after=("ui", "docs"), agent="codex", max_cost=2.5),
    ),
)


@dataclass
class Press:
    """A forge and a machine whose processes die and come again."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    policy: Policy = field(default_factory=Policy)
    faults: Faults = field(default_factory=Faults)
    board: None = None

    def __post_init__(self) -> None:
        self.hub = MemoryHub(clock=self.clock)
        self.forge: MemoryForge = MemoryForge(self.hub, self.faults)
        self.outbox = MemoryOutbox(faults=self.faults)
        self.plans = MemoryPlans(faults=self.faults)

    def draft(self, plan: Plan = PLAN, **changes: Any) -> Draft:
        draft = Draft(id=UUID(int=7), plan=plan, created_at=self.clock.now(), **changes)
        self.plans.kept[draft.id] = draft
        return draft

    def go_on(self) -> Draft:
        """Another process publishes what the former one left."""
        self.clock.advance(120)
        (draft,) = self.plans.list()
        return publish(self, draft)


def assert_published(press: Press, plan: Plan = PLAN, *, foreign: int = 0) -> None:
    """All is there, once, and says what it should."""
    (draft,) = press.plans.list()
    assert draft.stand is Stand.PUBLISHED
    numbers, hub = draft.numbers, press.hub
    assert set(numbers) == {PARENT, *(task.key for task in plan.every())}
    assert len(hub.issues) == len(numbers) + foreign, "nothing is doubled"
    parent = hub.issues[numbers[PARENT]]
    assert parent.title == plan.title
    assert_level(press, plan.tasks, parent, numbers=numbers)


def assert_level(press: Press, tasks: tuple[PlanTask, ...], plan: Issue, *, numbers: Any) -> None:
    hub, labels = press.hub, press.policy.labels
    assert plan.wears(labels.plan) is not bool(form.brief_of(plan.body).plan)
    notes = [found for said in plan.comments if (found := planned_of(said))]
    assert len(notes) == len(plan.comments) == 1
    stages = levels(tasks)
    assert {(t.key, t.number, t.stage, t.after, t.nested) for t in notes[0].tasks} == {
        (task.key, numbers[task.key], stages[task.key], task.after, bool(task.tasks)) for task in tasks
    }
    for task in tasks:
        issue = hub.issues[numbers[task.key]]
        said = form.brief_of(issue.body)
        assert said.plan == plan.number
        assert said.stage == stages[task.key]
        assert said.depends == tuple(numbers[key] for key in task.after)
        assert (said.files, said.acceptance) == (task.files, task.acceptance)
        assert issue.title == task.title
        assert issue.labels == {labels.stage(stages[task.key])}, "and never one that starts something"
        assert hub.parents[issue.number] == plan.number
        assert hub.blockers.get(issue.number, set()) == {numbers[key] for key in task.after}
        if task.tasks:
            assert_level(press, task.tasks, issue, numbers=numbers)


def test_it_is_published() -> None:
    press = Press()
    made = publish(press, press.draft())
    assert made == press.plans.list()[0]
    assert_published(press)
    assert form.brief_of(press.hub.issues[made.numbers[PARENT]].body).stage == 0, "the goal forges no section"


def test_publishing_again_changes_nothing() -> None:
    press = Press()
    made = publish(press, press.draft())
    before = dict(press.hub.issues)
    assert publish(press, made) == made
    assert publish(press, replace(made, stand=Stand.APPROVED)) == made
    assert press.hub.issues == before


def test_one_that_a_person_opened_becomes_the_parent() -> None:
    press = Press()
    number = press.hub.open_issue(PLAN.title, body="As I said.", labels=["agent-plan"])
    publish(press, press.draft(numbers={PARENT: number}))
    assert_published(press)
    assert press.hub.issues[number].body == "As I said."


@dataclass
class LostAnswers(Faults):
    """The call that would kill the process is not answered instead, whether it was applied or not."""

    def before(self, port: str) -> None:
        try:
            super().before(port)
        except Crash:
            raise Unavailable("no answer", fix="look again") from None

    def after(self) -> None:
        try:
            super().after()
        except Crash:
            raise Unavailable("the answer was lost", fix="look again") from None


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("faults", [Faults, LostAnswers])
def test_whatever_happens_at_any_call_nothing_is_doubled(after: bool, faults: type[Faults]) -> None:
    press = Press()
    publish(press, press.draft())
    for call in range(1, press.faults.calls + 1):
        press = Press(faults=faults(crash_at=call, crash_after=after))
        draft = press.draft()
        # After a look there is nothing to die of; and a board that cannot be shown stops nothing.
        with suppress(Crash, Unavailable):
            publish(press, draft)
        press.faults.crash_at = None
        press.go_on()
        assert_published(press)


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=8))
@settings(deadline=None, max_examples=40)
def test_whoever_dies_again_and_again(deaths: list[tuple[int, bool]]) -> None:
    press = Press()
    press.draft()
    for call, after in deaths:
        press.faults.crash_at, press.faults.crash_after = press.faults.calls + call, after
        with suppress(Crash):
            press.go_on()
    press.faults.crash_at = None
    press.go_on()
    assert_published(press)


@st.composite
def plans(draw: st.DrawFn, *, prefix: str = "t", depth: int = 2) -> tuple[PlanTask, ...]:
    """Tasks of one level, in any order, that do not wait for one another in a circle."""
    tasks: list[PlanTask] = []
    for number in range(draw(st.integers(1, 4))):
        key = f"{prefix}{number}"
        before = [task.key for task in tasks]
        after = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        inner = draw(plans(prefix=f"{key}.", depth=depth - 1)) if depth and draw(st.booleans()) else ()
        tasks.append(PlanTask(key, f"Task {key}", after=tuple(after), tasks=inner))
    return tuple(draw(st.permutations(tasks)))


@given(plans(), st.integers(1, 80), st.booleans())
@settings(deadline=None, max_examples=40)
def test_any_plan(tasks: tuple[PlanTask, ...], call: int, after: bool) -> None:
    press, plan = Press(), Plan("Goal", tasks=tasks)
    press.faults.crash_at, press.faults.crash_after = call, after
    with suppress(Crash):
        publish(press, press.draft(plan))
    press.faults.crash_at = None
    press.go_on()
    assert_published(press, plan)


def test_nothing_looks_like_a_plan_before_it_is_whole() -> None:
    """Whoever looks in the middle of it, such as the poller of another machine, finds no plan without its parts."""
    press = Press()
    press.draft()
    for call in range(1, 200):
        press.faults.crash_at = press.faults.calls + call
        with suppress(Crash):
            press.go_on()
            break
        for issue in press.hub.issues.values():
            if issue.wears("agent-plan"):
                notes = [found for said in issue.comments if (found := planned_of(said))]
                assert notes
                assert all(task.number in press.hub.issues for task in notes[0].tasks)
                assert all(press.hub.parents[task.number] == issue.number for task in notes[0].tasks)


def test_one_that_cannot_be_carried_out_leaves_no_trace() -> None:
    press = Press()
    waiting = Plan("T", tasks=(PlanTask("a", "A", after=("b",)), PlanTask("b", "B", after=("a",))))
    with pytest.raises(Misconfigured, match="a → b → a") as caught:
        publish(press, press.draft(waiting))
    assert caught.value.code == "CD480"
    long = Plan("T", tasks=(PlanTask("a", "A"), PlanTask("b", "B", description="x" * 65_450, after=("a",))))
    with pytest.raises(Misconfigured, match="task 'b': the text has"):
        publish(press, press.draft(long))
    with pytest.raises(Misconfigured, match="the goal of the plan: the text has"):
        publish(press, press.draft(Plan("T", goal="x" * 65_600, tasks=(PlanTask("a", "A"),))))
    assert (press.hub.issues, press.outbox.kept) == ({}, {})


def test_a_forge_that_is_away_keeps_it_waiting() -> None:
    press = Press()
    press.faults.down = {"forge"}
    with pytest.raises(Unavailable):
        publish(press, press.draft())
    assert press.plans.list()[0].stand is Stand.APPROVED
    press.faults.down = set()
    press.go_on()
    assert_published(press)


def test_one_that_may_not_be_made_is_told_with_the_way_out() -> None:
    press = Press()
    press.hub.writers.clear()
    with pytest.raises(Refused) as caught:
        publish(press, press.draft())
    assert caught.value.code == "CD481"
    (entry,) = press.outbox.list()
    assert entry.state is State.PARKED
    assert f"cdock sync --retry {entry.name}" in caught.value.fix


def test_one_whose_issue_was_closed_meanwhile() -> None:
    press = Press()
    press.faults.crash_at = 40
    with pytest.raises(Crash):
        publish(press, press.draft())
    press.faults.crash_at = None
    (draft,) = press.plans.list()
    press.hub.close(draft.numbers[PARENT])
    with pytest.raises(Refused, match="was closed before") as caught:
        press.go_on()
    assert f"cdock sync --drop {str(draft.id)[:8]}" in caught.value.fix


def test_words_of_people_that_wait_go_first() -> None:
    press = Press()
    press.outbox.put(
        new_issue(UUID(int=1), title="Before", body="b", labels=(), ready=True, now=press.clock.now())
    )
    press.clock.advance(1)
    publish(press, press.draft())
    assert_published(press, foreign=1)
    assert min(press.hub.issues.values(), key=lambda issue: issue.number).title == "Before"

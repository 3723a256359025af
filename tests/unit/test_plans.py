"""Plans in the loop, on in-memory ports: talk, issues, stages, gates, and tasks that come after one another."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cdock.core.cases import cases_of
from cdock.core.errands import errand_of
from cdock.core.form import body_of
from cdock.core.issues import Issue
from cdock.core.planning.document import Plan, PlanTask, staged
from cdock.core.planning.graph import in_order
from cdock.core.planning.planned import Planned, PlannedTask, planned_note, planned_of
from cdock.core.planning.proposal import json_of
from cdock.core.task import Cause
from cdock.core.wishes import WishKind
from cdock.reconciler.observe import observe
from cdock.testing import MemoryHub
from tests.unit.houses import POLICY, Place

PLAN = Plan(
    title="Add authentication",
    goal="People can log in.",
    tasks=(
        PlanTask("models", "Data models", files=("src/models/*.rs",)),
        PlanTask("api", "API endpoints", after=("models",), files=("src/api/*.rs",)),
        PlanTask("ui", "Login page", after=("models",), files=("src/ui/*.ts",)),
        PlanTask("docs", "Write it down", after=("api", "ui")),
    ),
)


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub, policy=replace(POLICY, max_parallel=4, planner="memory"))


def publish(hub: MemoryHub, plan: Plan = PLAN) -> tuple[int, dict[str, int]]:
    """The plan as publishing leaves it: its issue's number, and those of its tasks."""
    parent = hub.open_issue(plan.title, by=hub.bot, body="### Goal\n\nLog in")
    numbers: dict[str, int] = {}
    tasks = staged(plan).tasks
    by_key = {task.key: task for task in tasks}
    for task in (by_key[key] for key in in_order({task.key: task.after for task in tasks})):
        body = body_of(task, plan=parent, depends=tuple(numbers[key] for key in task.after))
        numbers[task.key] = hub.open_issue(task.title, by=hub.bot, body=body, labels=[f"stage-{task.stage}"])
    note = Planned(tuple(PlannedTask(t.key, numbers[t.key], t.stage, t.after, t.title) for t in tasks))
    hub.comment(parent, planned_note(note), by=hub.bot)
    hub.label(parent, "agent-plan", by=hub.bot)
    return parent, numbers


def gate(hub: MemoryHub, plan: int, stage: int) -> str:
    """The text of the comment of a stage's gate; empty when there is none."""
    return next((c.body for c in hub.issues[plan].comments if f"stage={stage} -->" in c.body), "")


def tick_gate(hub: MemoryHub, plan: int, stage: int, *keys: str, by: str = "maria") -> None:
    comment = next(c for c in hub.issues[plan].comments if f"stage={stage} -->" in c.body)
    for key in keys:
        hub.tick_comment(plan, comment.id, key, by=by)


def work(place: Place, number: int) -> None:
    """The agent of an issue does its work and ends well."""
    task = place.hub.refs[number].task
    place.machine.commit(task.id)
    place.machine.exit(task.id.run(task.attempts[-1].number), said="done")
    place.settle()


def fail(place: Place, number: int) -> None:
    """The agents of an issue fail in the same way until a person is asked."""
    for _ in range(3):
        task = place.hub.refs[number].task
        place.machine.exit(task.id.run(task.attempts[-1].number), 1, said="error: it cannot be")
        place.settle()
        place.hub.clock.advance(700)
        place.settle()


def states(hub: MemoryHub, numbers: dict[str, int]) -> dict[str, str]:
    """What is under way, by key."""
    return {
        key: "closed"
        if not hub.issues[n].open
        else "held"
        if n in hub.refs
        else "ready"
        if ready(hub, n)
        else "later"
        for key, n in numbers.items()
    }


def ready(hub: MemoryHub, number: int) -> bool:
    issue: Issue = hub.issues[number]
    return issue.wears("agent-ready")


def test_stages_run_one_after_the_other_and_people_approve_them(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    assert states(hub, numbers) == {"models": "held", "api": "later", "ui": "later", "docs": "later"}
    assert "```mermaid" in "".join(c.body for c in hub.issues[plan].comments)
    work(place, numbers["models"])
    assert "Stage 1 of 3: 1 worked" in gate(hub, plan, 1)
    assert states(hub, numbers)["api"] == "later", "nobody has approved"

    tick_gate(hub, plan, 1, "approve")
    place.settle()
    assert "Approved by maria: stage 2 is open." in gate(hub, plan, 1)
    assert states(hub, numbers) == {"models": "held", "api": "held", "ui": "held", "docs": "later"}
    models, api = hub.refs[numbers["models"]].task, hub.refs[numbers["api"]].task
    assert api.onto == models.id.branch(), "it is stacked upon what is not merged"
    work(place, numbers["api"])
    assert hub.bases[max(hub.pulls)] == models.id.branch()

    # Merged, the stacked ones go to the default branch.
    hub.merge(next(n for n, pull in hub.pulls.items() if pull.head == models.id.branch()))
    hub.close(numbers["models"])
    place.settle()
    assert hub.refs[numbers["api"]].task.onto == ""
    assert set(hub.bases.values()) == {"main"}
    work(place, numbers["ui"])
    hub.comment(plan, "/cdock approve")
    place.settle()
    assert states(hub, numbers)["docs"] == "held"
    work(place, numbers["docs"])
    assert f"`cdock land --plan {plan}`" in of_plan(place, plan)["unblocks"]
    for pull in [n for n, there in hub.pulls.items() if there.open]:
        hub.merge(pull)
        hub.close(hub.closes[pull])
        place.settle()
    assert not hub.issues[plan].open, "all is done"
    assert "Nothing is left to do." in gate(hub, plan, 3)
    assert any("**Plan** · finished · 4 worked" in c.body for c in hub.issues[plan].comments)
    assert {"done", "agent-plan"} <= hub.issues[plan].labels, "its end is shown as one"
    assert hub.refs == {}


def test_a_stranger_approves_nothing(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    hub.comment(plan, "/cdock approve", by="mallory")
    tick_gate(hub, plan, 1, "approve", by="mallory")
    place.settle()
    assert states(hub, numbers)["api"] == "later"
    assert "- [ ] Approve" in gate(hub, plan, 1)


def test_what_failed_is_retried_and_never_starts_what_comes_after_it(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    fail(place, numbers["models"])
    assert "1 failed" in gate(hub, plan, 1)
    tick_gate(hub, plan, 1, "approve", "retry")
    place.settle()
    assert states(hub, numbers) == {"models": "held", "api": "ready", "ui": "ready", "docs": "later"}
    assert len(hub.refs[numbers["models"]].task.attempts) == 4, "it is tried again"
    assert "Stage 1 of 3: 1 failed" in gate(hub, plan, 1), "on record is what was decided about"
    assert "stage 2 is open. What failed is tried again." in gate(hub, plan, 1)
    work(place, numbers["models"])
    assert states(hub, numbers) == {"models": "held", "api": "held", "ui": "held", "docs": "later"}


def test_a_second_tick_is_waited_for(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=4, debounce=timedelta(minutes=1)))
    plan, numbers = publish(hub)
    place.settle()
    fail(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    place.settle()
    assert states(hub, numbers)["api"] == "later", "another tick may follow"
    tick_gate(hub, plan, 1, "retry")
    place.settle()
    assert states(hub, numbers)["api"] == "ready", "nothing can be added to it"
    assert len(hub.refs[numbers["models"]].task.attempts) == 4


def test_half_a_choice_counts_after_a_while(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=4, debounce=timedelta(minutes=1)))
    plan, numbers = publish(hub)
    place.settle()
    fail(place, numbers["models"])
    tick_gate(hub, plan, 1, "retry")
    place.settle()
    assert len(hub.refs[numbers["models"]].task.attempts) == 3
    hub.clock.advance(20)
    place.settle()
    assert len(hub.refs[numbers["models"]].task.attempts) == 4
    assert states(hub, numbers)["api"] == "later", "nobody has approved"


def test_what_is_dropped_takes_along_what_comes_after_it(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    place.settle()
    work(place, numbers["ui"])
    fail(place, numbers["api"])
    assert "1 worked, 1 failed" in gate(hub, plan, 2) or "1 failed, 1 worked" in gate(hub, plan, 2)
    tick_gate(hub, plan, 2, "drop")
    place.settle()
    assert hub.issues[numbers["api"]].dropped
    assert hub.issues[numbers["docs"]].dropped
    assert hub.issues[numbers["ui"]].open
    assert "[ ]" not in gate(hub, plan, 2), "no later stage has anything to start"
    assert "Nothing is left to start" in gate(hub, plan, 2)
    hub.comment(plan, "/cdock approve")
    place.settle()
    assert "nothing is left to approve" in hub.issues[plan].comments[-1].body
    hub.reopen(numbers["docs"])
    place.settle()
    assert "- [ ] Approve" in gate(hub, plan, 2), "a person wants it after all"


def test_tasks_of_an_inner_plan_start_from_what_comes_before_it(hub: MemoryHub, place: Place) -> None:
    tasks = (PlanTask("base", "Base"), PlanTask("inner", "Inner", after=("base",)))
    outer, numbers = publish(hub, replace(PLAN, tasks=tasks))
    inner = numbers["inner"]
    one = hub.open_issue("One", by=hub.bot, body=body_of(PlanTask("one", "One"), plan=inner))
    two = hub.open_issue(
        "Two", by=hub.bot, body=body_of(PlanTask("two", "Two", after=("one",)), plan=inner, depends=(one,))
    )
    hub.reword(
        outer,
        hub.issues[outer].comments[0].id,
        planned_note(
            Planned(
                (
                    PlannedTask("base", numbers["base"], 1, (), "Base"),
                    PlannedTask("inner", inner, 2, ("base",), "Inner", nested=True),
                )
            )
        ),
    )
    note = Planned((PlannedTask("one", one, 1, (), "One"), PlannedTask("two", two, 2, ("one",), "Two")))
    hub.comment(inner, planned_note(note), by=hub.bot)
    place.settle()
    work(place, numbers["base"])
    hub.comment(outer, "/cdock approve")
    place.settle()
    base = hub.refs[numbers["base"]].task
    assert hub.refs[inner].task.plans
    assert hub.refs[one].task.onto == base.id.branch(), "it needs what its plan comes after"
    work(place, one)
    hub.comment(inner, "/cdock approve")
    place.settle()
    assert hub.refs[two].task.onto == hub.refs[one].task.id.branch(), "that has it already"
    work(place, two)
    for number in (numbers["base"], one, two):
        hub.merge(next(p for p, pull in hub.pulls.items() if hub.closes[p] == number))
        hub.close(number)
        place.settle()
    assert set(hub.bases.values()) == {"main"}
    assert not hub.issues[inner].open
    assert not hub.issues[outer].open


def test_the_mirror_tells_of_tasks_that_nobody_works_on(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    assert of_plan(place, plan)["why"] == "Its tasks are issues; stage 1 of 3 is open."
    told = {part["key"]: part for part in of_plan(place, plan)["parts"]}
    assert [(part["state"], part["stage"]) for part in told.values()] == [
        ("working", 1),
        ("later", 2),
        ("later", 2),
        ("later", 3),
    ]
    assert told["api"]["why"] == f"Stage 2 of the plan in #{plan} is not open yet; stage 1 is."
    assert f"`cdock approve {plan}`" in told["api"]["unblocks"]
    fail(place, numbers["models"])
    told = {part["key"]: part for part in of_plan(place, plan)["parts"]}
    assert told["api"]["why"] == f"What it comes after was not done: #{numbers['models']} (failed)."
    assert told["docs"]["why"].endswith(f"#{numbers['api']} (held back), #{numbers['ui']} (held back).")
    assert of_plan(place, plan)["next"] == "What was decided is done, and the plan goes on."


def of_plan(place: Place, plan: int) -> dict[str, Any]:
    """What the mirror says of a plan."""
    tasks = place.mirror.saved["tasks"]
    assert isinstance(tasks, list)
    return next(task for task in tasks if task["github"]["issue_number"] == plan)


def test_without_gates_a_stage_follows_when_all_of_the_last_worked(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=4, gates=False))
    _, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    assert states(hub, numbers) == {"models": "held", "api": "held", "ui": "held", "docs": "later"}


def test_a_person_keeps_a_task_from_starting_by_taking_its_label_off(hub: MemoryHub) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=1))
    plan = replace(PLAN, tasks=(PlanTask("a", "One"), PlanTask("b", "Two")))
    _, numbers = publish(hub, plan)
    place.settle()
    assert states(hub, numbers) == {"a": "held", "b": "ready"}
    hub.unlabel(numbers["b"], "agent-ready")
    work(place, numbers["a"])
    assert states(hub, numbers)["b"] == "later"


def test_tasks_that_change_the_same_files_run_one_after_the_other(hub: MemoryHub, place: Place) -> None:
    tasks = (
        PlanTask("a", "One", files=("src/**",)),
        PlanTask("b", "Two", files=("src/x/*.py",)),
        PlanTask("c", "Three"),
    )
    _, numbers = publish(hub, replace(PLAN, tasks=tasks))
    place.settle()
    assert states(hub, numbers) == {"a": "held", "b": "ready", "c": "held"}
    queue = place.mirror.saved["queue"]
    assert isinstance(queue, list)
    assert "is changing" in queue[0]["why"]
    work(place, numbers["a"])
    assert states(hub, numbers)["b"] == "held"


def test_a_plan_is_talked_about_on_its_issue(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Add authentication", body="People log in.", labels=["agent-plan"])
    place.settle()
    task = hub.refs[number].task
    assert task.plans
    assert place.machine.started[-1].apart
    assert place.machine.started[-1].launch is not None

    place.machine.print(task.id.run(1), ":propose {nonsense\n")
    place.machine.exit(task.id.run(1))
    place.settle()
    hub.clock.advance(60)
    place.settle()
    assert "is not JSON" in place.machine.started[-1].launch.stdin
    place.machine.print(task.id.run(2), ":propose " + '{"say":"Which provider?"}' + "\n")
    place.machine.exit(task.id.run(2))
    place.settle()
    assert "Which provider?" in hub.issues[number].comments[-1].body
    status = next(c.body for c in hub.issues[number].comments if c.body.startswith("<!-- cdock:status"))
    assert "| ✓ succeeded | Which provider? |" in status, "its words, not the JSON that they came in"
    assert "branch" not in status
    hub.comment(number, "/cdock approve")
    place.settle()
    assert "no plan yet" in hub.issues[number].comments[-1].body
    assert "agent-ready" not in {label for issue in hub.issues.values() for label in issue.labels}

    hub.comment(number, "Only passwords.")
    place.settle()
    assert "Only passwords." in place.machine.started[-1].launch.stdin
    place.machine.print(task.id.run(3), f":propose {json_of(PLAN, say='Here it is.')}\n")
    place.machine.exit(task.id.run(3))
    place.settle()
    assert "comment `/cdock approve`" in hub.issues[number].comments[-1].body
    hub.comment(number, "/cdock approve", by="mallory")
    place.settle()
    assert len(hub.issues) == 1
    hub.comment(number, "/cdock approve")
    place.settle()
    note = next(found for c in hub.issues[number].comments if (found := planned_of(c)))
    assert [(t.key, t.stage) for t in note.tasks] == [("models", 1), ("api", 2), ("ui", 2), ("docs", 3)]
    assert hub.parents == {t.number: number for t in note.tasks}
    assert hub.blockers[note.tasks[3].number] == {note.tasks[1].number, note.tasks[2].number}
    assert states(hub, {t.key: t.number for t in note.tasks})["models"] == "held"
    assert hub.refs[number].task.opened == 1


def test_what_was_squashed_by_hand_counts_as_done(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Fix it", labels=["agent-ready"])
    place.settle()
    work(place, number)
    hub.close_pull(next(iter(hub.pulls)))
    hub.close(number)
    place.settle()
    assert hub.issues[number].wears("done")
    assert number not in hub.refs


def test_one_of_a_batch_is_picked_and_the_others_are_dropped(hub: MemoryHub, place: Place) -> None:
    task = PlanTask("x", "Refactor auth")
    first, second = (
        hub.open_issue(
            f"auth-a{n}", body=body_of(task, batch="b1", worktree=f"auth-a{n}"), labels=["agent-ready"]
        )
        for n in (1, 2)
    )
    place.settle()
    assert hub.refs[first].task.id.worktree == "auth-a1"
    work(place, first)
    work(place, second)
    assert hub.pulls == {}, "nobody has chosen"
    place.wishes.make(WishKind.PICK, hub.refs[first].task.id)
    dropped = hub.refs[second].task
    place.wishes.make(WishKind.DROP, dropped.id, text="#1 was picked of the batch b1")
    place.settle()
    assert [pull.head for pull in hub.pulls.values()] == [hub.refs[first].task.id.branch()]
    assert hub.issues[second].dropped
    assert "was picked" in hub.issues[second].comments[-2].body + hub.issues[second].comments[-1].body
    assert second not in hub.refs
    assert dropped.id.branch() not in hub.branches
    assert list(place.machine.trees) == [hub.refs[first].task.id]
    assert place.wishes.list() == ()


def test_a_stacked_pull_request_in_conflict_waits_for_what_it_is_stacked_upon(
    hub: MemoryHub, place: Place
) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    place.settle()
    work(place, numbers["api"])
    place.house.memory.doubt = True
    world = observe(place.house)
    case = next(case for case in cases_of(world) if case.issue.number == numbers["api"])
    assert case.claim is not None
    assert case.pull is not None
    case = replace(case, pull=replace(case.pull, conflicting=True, target="f" * 40))
    task = case.claim.task
    assert errand_of(case, task, world, place.policy) is None
    errand = errand_of(case, replace(task, onto=""), world, place.policy)
    assert errand is not None
    assert errand.cause is Cause.CONFLICT

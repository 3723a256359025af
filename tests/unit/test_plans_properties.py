"""Any plan is carried out in a legal order: within the room there is, stage by stage, and nothing after what failed."""

import itertools
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cdock.core.asking import reason_to_ask
from cdock.core.depending import finished
from cdock.core.planning.document import Plan, PlanTask, levels, problems_of, staged
from cdock.core.planning.graph import find_cycle, followers, in_order
from cdock.testing import MemoryHub
from tests.unit.houses import POLICY, Place
from tests.unit.test_plans import publish, tick_gate

KEYS = "abcdef"


@st.composite
def dags(draw: st.DrawFn, *, flat: bool = False) -> Plan:
    """A plan of up to six tasks, each after some of those before it; a flat one has them all in one stage."""
    count = draw(st.integers(1, len(KEYS)))
    tasks = []
    for at in range(count):
        after = draw(st.lists(st.sampled_from(KEYS[:at]), unique=True, max_size=3)) if at else []
        tasks.append(PlanTask(KEYS[at], f"Task {KEYS[at]}", after=tuple(after), stage=int(flat)))
    return Plan("A plan", tasks=tuple(draw(st.permutations(tasks))))


@given(
    plan=st.booleans().flatmap(lambda flat: dags(flat=flat)),
    room=st.integers(1, 3),
    fails=st.sets(st.sampled_from(KEYS)),
    merges=st.sets(st.sampled_from(KEYS)),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_a_plan_is_carried_out_in_a_legal_order(
    plan: Plan, room: int, fails: set[str], merges: set[str], chance: object
) -> None:
    hub = MemoryHub()
    place = Place(
        hub, policy=replace(POLICY, max_parallel=room, tries=1, time_box=timedelta(days=9), planner="memory")
    )
    number, numbers = publish(hub, plan)
    by_number = {n: key for key, n in numbers.items()}
    tasks = {task.key: task for task in staged(plan).tasks}
    approved, begun = 1, set()
    for _ in range(6 * len(tasks) + 4):
        place.settle()
        started = {
            by_number[claim.issue]
            for claim in hub.refs.values()
            if claim.issue in by_number and claim.task.attempts
        }
        for key in started - begun:
            for before in tasks[key].after:
                first = hub.refs.get(numbers[before])
                assert not hub.issues[numbers[before]].open or finished(first), (
                    f"{key} began before {before} was done"
                )
            assert tasks[key].stage <= approved, f"{key} began before its stage"
        begun |= started
        assert len(place.machine.alive) <= room
        if place.machine.alive:
            run = chance.choice(sorted(place.machine.alive))  # type: ignore[attr-defined]
            task = place.machine.runs[run].run.task
            key = next(by_number[c.issue] for c in hub.refs.values() if c.task.id == task)
            if key in fails:
                place.machine.exit(run, 1, said="error: no")
            else:
                place.machine.commit(task)
                place.machine.exit(run, said="done")
            place.settle()
            if key in merges and key not in fails:
                for pull in [
                    n for n, there in hub.pulls.items() if there.open and there.head.endswith(task.name)
                ]:
                    hub.merge(pull)
                    hub.close(numbers[key])
        elif approved < max(task.stage for task in tasks.values()):
            tick_gate(hub, number, approved, "approve")
            approved += 1
        else:
            break
    place.settle()
    lost = fails | followers([(key, task.after) for key, task in tasks.items()], fails)
    assert begun == set(tasks) - (lost - fails) - {key for key in fails if key not in begun}
    for key in begun & fails:
        claim = hub.refs[numbers[key]]
        assert reason_to_ask(claim.task, None, place.policy)
    assert place.machine.alive == ()


@given(dags())
def test_stages_follow_what_tasks_come_after(plan: Plan) -> None:
    found = levels(plan.tasks)
    assert all(found[key] < found[task.key] for task in plan.tasks for key in task.after)
    assert sorted(set(found.values())) == list(range(1, max(found.values()) + 1))
    order = in_order({task.key: task.after for task in plan.tasks})
    assert all(order.index(key) < order.index(task.key) for task in plan.tasks for key in task.after)


@given(dags(), st.data())
def test_a_cycle_is_refused_with_its_path(plan: Plan, data: st.DataObject) -> None:
    edges = [(task.key, task.after) for task in plan.tasks]
    assert find_cycle(edges) == ()
    first = data.draw(st.sampled_from([task.key for task in plan.tasks]))
    reached = sorted({first} | followers(edges, [first]))
    last = data.draw(st.sampled_from(reached))
    tasks = tuple(
        replace(task, after=tuple(dict.fromkeys((*task.after, last)))) if task.key == first else task
        for task in plan.tasks
    )
    (problem,) = [p for p in problems_of(replace(plan, tasks=tasks)) if "wait for one another" in p.why]
    path = problem.why.rpartition(": ")[2].split(" → ")
    after = {task.key: task.after for task in tasks}
    assert path[0] == path[-1]
    assert all(later in after[name] for name, later in itertools.pairwise(path))


@given(dags(), st.sampled_from(["z", "A", ""]))
def test_what_is_not_there_is_refused(plan: Plan, unknown: str) -> None:
    tasks = (*plan.tasks[:-1], replace(plan.tasks[-1], after=(*plan.tasks[-1].after, unknown)))
    assert any(
        f"depends on {unknown!r}" in problem.why for problem in problems_of(replace(plan, tasks=tasks))
    )

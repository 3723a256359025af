"""Changing a plan by hand, and what a person types while it is talked about."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.cli.planningchanges import alone, dropped, named, ordered, places_of, rewritten
from cdock.cli.planninginput import completions
from cdock.cli.planningwords import COMMANDS, Said, help_lines, said_in
from cdock.core.errors import Misconfigured
from cdock.core.planning.document import Plan, PlanTask, problems_of, staged

PLAN = staged(
    Plan(
        "Log in",
        tasks=(
            PlanTask("model", "Keep accounts"),
            PlanTask("api", "Add the endpoint", after=("model",)),
            PlanTask("ui", "Add the page", after=("api",), tasks=(PlanTask("form", "The form"),)),
            PlanTask("7", "Write it down", after=("api", "ui")),
        ),
    )
)


def after(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {task.key: task.after for task in plan.every()}


def stages(plan: Plan) -> dict[str, int]:
    return {task.key: task.stage for task in plan.every()}


def test_tasks_are_named_by_number_or_id() -> None:
    assert places_of(PLAN) == {"model": 1, "api": 2, "ui": 3, "form": 4, "7": 5}
    for name, key in {"2": "api", "2.": "api", "API": "api", "7": "7", "5": "7", " form ": "form"}.items():
        assert named(PLAN, name).key == key
    with pytest.raises(Misconfigured, match=r"no task 'fom'; did you mean form\?"):
        named(PLAN, "fom")


def test_a_dropped_task_leaves_the_order() -> None:
    plan = dropped(PLAN, [named(PLAN, "api"), named(PLAN, "form")])
    assert after(plan) == {"model": (), "ui": ("model",), "7": ("model", "ui")}
    with pytest.raises(Misconfigured, match="has no tasks"):
        dropped(PLAN, PLAN.tasks)


def test_tasks_are_put_in_order() -> None:
    plan = ordered(PLAN, [[named(PLAN, "ui")], [named(PLAN, "api"), named(PLAN, "7")]])
    assert after(plan) | {"form": ()} == {
        "model": (),
        "ui": (),
        "form": (),
        "api": ("model", "ui"),
        "7": ("ui",),
    }
    assert stages(plan) == {"model": 1, "ui": 1, "form": 1, "api": 2, "7": 2}


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["model", "model"], "named twice"),
        (["form", "api"], "different plans"),
        (["7", "model"], "wait for one another: model → 7"),
    ],
)
def test_not_in_an_order_that_there_cannot_be(names: list[str], why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        ordered(PLAN, [[named(PLAN, name)] for name in names])


def test_a_task_is_rewritten_alone_or_as_several() -> None:
    task = named(PLAN, "api")
    assert [one.after for one in alone(PLAN, task).tasks] == [()]
    written = Plan(
        "Log in", tasks=(PlanTask("rest", "By REST"), PlanTask("auth", "Checked", after=("rest",)))
    )
    plan = rewritten(PLAN, task, written)
    assert after(plan)["rest"] == ("model",)
    assert after(plan)["auth"] == ("model", "rest")
    assert after(plan)["ui"] == ("rest", "auth")
    with pytest.raises(Misconfigured, match="twice"):
        rewritten(PLAN, task, Plan("Log in", tasks=(PlanTask("ui", "A second"),)))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    keys = [f"t{number}" for number in range(draw(st.integers(2, 8)))]
    tasks = [
        PlanTask(key, key, after=tuple(sorted(draw(st.sets(st.sampled_from(keys[:at]))))) if at else ())
        for at, key in enumerate(keys)
    ]
    return staged(Plan("P", tasks=tuple(tasks)))


@given(plan=plans(), data=st.data())
def test_whatever_is_changed_it_stays_a_plan(plan: Plan, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(plan.tasks), unique=True, min_size=1))
    kind = data.draw(st.sampled_from(["drop", "order"]))
    try:
        changed = dropped(plan, chosen) if kind == "drop" else ordered(plan, [[task] for task in chosen])
    except Misconfigured:
        return
    assert not problems_of(changed)
    found = stages(changed)
    assert all(found[key] <= found[task.key] for task in changed.tasks for key in task.after)
    if kind == "order":
        keys = [task.key for task in chosen]
        assert all(one in after(changed)[other] for one, other in pairwise(keys))
    else:
        assert set(found) == {task.key for task in plan.tasks} - {task.key for task in chosen}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Make it smaller", Said("", "Make it smaller")),
        ("  /drop 1 2 ", Said("drop", "1 2")),
        ("/show", Said("show", "")),
        ("/split 2 by page", Said("split", "2 by page")),
        ("/usr/bin/env is missing", Said("", "/usr/bin/env is missing")),
        ("first\n/drop 1", Said("", "first\n/drop 1")),
    ],
)
def test_what_is_typed(line: str, said: Said) -> None:
    assert said_in(line) == said


def test_what_is_no_command_is_said_to_nobody() -> None:
    with pytest.raises(Misconfigured, match="no command /pubish") as error:
        said_in("/pubish")
    assert error.value.fix == "/publish"
    assert all(f"/{name}" in "\n".join(help_lines()) for name in COMMANDS)


def test_completion() -> None:
    tasks = ["api", "auth", "ui"]
    assert completions("/s", tasks) == ["/show", "/split", "/save"]
    assert completions("/order api,a", tasks) == ["api", "auth"]
    assert completions("/drop ", tasks) == tasks
    assert completions("/save a", tasks) == completions("a", tasks) == completions("/x a", tasks) == []


def test_a_stage_that_was_said_stays_where_it_can() -> None:
    plan = replace(PLAN, tasks=(*PLAN.tasks, PlanTask("late", "At the end", stage=6)))
    plan = dropped(staged(plan), [named(PLAN, "7")])
    assert stages(plan)["late"] == max(stages(plan).values())

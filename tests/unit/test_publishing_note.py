"""The note of a published plan: it is read as it was written, fits into a comment, and nobody else can write one."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.issues import Comment
from cdock.core.planning.document import AFTER, TASKS, TITLE_LIMIT
from cdock.core.planning.planned import LIMIT, Planned, PlannedTask, planned_note, planned_of
from cdock.core.quoting import visible

PLANNED = Planned(
    (
        PlannedTask("a", 12, 1, title="First --> <!-- x"),
        PlannedTask("b.2", 13, 1, title="@maria: “two” #4"),
        PlannedTask("c", 15, 2, after=("a", "b.2"), title="Third", nested=True),
    )
)


def said(body: str, *, mine: bool = True) -> Comment:
    return Comment(
        id=1, author="cdock-bot", body=body, created_at=datetime(2026, 1, 1, tzinfo=UTC), mine=mine
    )


def test_it_is_read_as_it_was_written() -> None:
    assert planned_of(said(planned_note(PLANNED))) == PLANNED
    assert planned_of(said(planned_note(PLANNED).replace("\n", "\r\n"))) == PLANNED


def test_people_see_the_issues_by_stage() -> None:
    assert visible(planned_note(PLANNED)) == (
        "This plan is 3 tasks in 2 stages.\n\n**Stage 1**\n\n- #12\n- #13\n\n**Stage 2**\n\n- #15\n\n"
        "What is to be done stands in these issues, and is changed there; this list is not read."
    )


keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", fullmatch=True)


@given(
    st.lists(
        st.tuples(keys, st.text(max_size=TITLE_LIMIT)),
        min_size=1,
        max_size=8,
        unique_by=lambda t: t[0].casefold(),
    ),
    st.data(),
)
def test_whatever_they_are_called(named: list[tuple[str, str]], data: st.DataObject) -> None:
    tasks: list[PlannedTask] = []
    for number, (key, title) in enumerate(named, start=1):
        after = data.draw(st.lists(st.sampled_from([t.key for t in tasks]), unique=True)) if tasks else []
        tasks.append(PlannedTask(key, number, number, after=tuple(after), title=title))
    text = planned_note(Planned(tuple(tasks)))
    found = planned_of(said(text))
    assert found is not None
    assert [replace(task, title="") for task in found.tasks] == [replace(task, title="") for task in tasks]
    for read, task in zip(found.tasks, tasks, strict=True):
        assert "\n" not in read.title
        if task.title.isascii() and task.title.isprintable():
            assert read.title == " ".join(task.title.split())


@pytest.mark.parametrize("letter", ["x", "<", "\\", '"', "𝔘"])
def test_the_largest_plan_fits(letter: str) -> None:
    keys = [f"{'k' * 57}{number:03}" for number in range(TASKS)]
    tasks = tuple(
        PlannedTask(
            key,
            999_999_000 + number,
            9_000 + number,
            after=tuple(keys[max(0, number - AFTER) : number]),
            title=letter * TITLE_LIMIT,
            nested=True,
        )
        for number, key in enumerate(keys)
    )
    text = planned_note(Planned(tasks))
    assert len(text) <= LIMIT
    found = planned_of(said(text))
    assert found is not None
    assert [(t.key, t.after, t.number) for t in found.tasks] == [(t.key, t.after, t.number) for t in tasks]
    assert all(len(t.title) >= 10 for t in found.tasks)


def test_only_our_own_comment_counts() -> None:
    note = planned_note(PLANNED)
    assert planned_of(said(note, mine=False)) is None
    assert planned_of(said(f"> quoted\n{note}")) is None
    assert planned_of(said(note.replace("cdock:planned", "cdock:said op=x"))) is None
    assert planned_of(said(note + note.splitlines()[-1])) is None, "two are none"
    assert planned_of(said(note + " " * LIMIT)) is None


def altered(**changes: object) -> str:
    task = {"key": "a", "number": 12, "stage": 1, "title": "A"} | changes
    return f"<!-- cdock:planned -->\n<!-- cdock-plan {json.dumps({'version': 1, 'tasks': [task]})} -->\n"


def test_what_a_newer_one_added_is_left_out() -> None:
    assert planned_of(said(altered(mood="good"))) == Planned((PlannedTask("a", 12, 1, title="A"),))


@pytest.mark.parametrize(
    "text",
    [
        altered(key=""),
        altered(key="a b"),
        altered(key="a\n"),
        altered(number=0),
        altered(number="12"),
        altered(number=10**20),
        altered(stage=0),
        altered(stage=1.5),
        altered(after=[0]),
        altered(after=[1]),
        altered(after=[-1]),
        altered(after=["a"]),
        altered(title="x" * (TITLE_LIMIT + 1)),
        altered().replace('"version": 1', '"version": 2'),
        altered().replace("<!-- cdock-plan {", "<!-- cdock-plan {{"),
        f"<!-- cdock:planned -->\n<!-- cdock-plan {'[' * 60_000} -->",
        "<!-- cdock:planned -->\n<!-- cdock-plan " + '{"tasks":' * 6_000 + " -->",
        '<!-- cdock:planned -->\n<!-- cdock-plan {"version": 1, "tasks": []} -->',
        "<!-- cdock:planned -->\nnothing\n",
    ],
)
def test_what_is_not_sound_is_none(text: str) -> None:
    assert planned_of(said(text)) is None


@pytest.mark.parametrize(
    "tasks",
    [
        (PlannedTask("a", 12, 1), PlannedTask("A", 13, 1)),
        (PlannedTask("a", 12, 1), PlannedTask("b", 12, 1)),
        (PlannedTask("a", 12, 1, after=("b",)), PlannedTask("b", 13, 1, after=("a",))),
    ],
)
def test_tasks_that_cannot_be_together(tasks: tuple[PlannedTask, ...]) -> None:
    assert planned_of(said(planned_note(Planned(tasks)))) is None

"""Task ids and the names derived from them fit everywhere they are used."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.ids import SLUG_LIMIT, TaskId, collides, parse_task_id, slug_of, task_id

ONE = UUID("a7b2c8d0-0000-4000-8000-000000000001")
TITLES = st.text(max_size=300) | st.text(alphabet="aZ9-_. /", max_size=300)


def test_the_shape_of_an_id() -> None:
    task = task_id(slug_of("Add OAuth login"), ONE)
    assert str(task) == task.label == "cdock.add-oauth-login.a7b2c8d"
    assert task.name == "add-oauth-login.a7b2c8d"
    assert task.branch() == "cdock/add-oauth-login.a7b2c8d"
    assert task.branch("bot/") == "bot/add-oauth-login.a7b2c8d"
    assert task.run(3) == "cdock.add-oauth-login.a7b2c8d.3"
    assert task.check(3) == "cdock.add-oauth-login.a7b2c8d.3.check"


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Add OAuth login", "add-oauth-login"),
        ("  [Bug]: it's *broken*!  ", "bug-it-s-broken"),
        ("Größe ändern", "groe-andern"),
        ("Café ﬁx №5", "cafe-fix-no5"),
        ("日本語", "task"),
        ("", "task"),
        ("---", "task"),
        ("a/../../etc/passwd", "a-etc-passwd"),
        ("x" * 100, "x" * 36),
        ("one two three four five six seven eight nine", "one-two-three-four-five-six-seven"),
        # The limit falls exactly behind a word: it is kept whole.
        ("abcdefghi abcdefghi abcdefghi abcdef and more", "abcdefghi-abcdefghi-abcdefghi-abcdef"),
    ],
)
def test_a_title_becomes_a_slug(title: str, slug: str) -> None:
    assert slug_of(title) == slug


@given(TITLES, st.uuids())
def test_every_title_gives_names_that_are_legal_everywhere(title: str, uuid: UUID) -> None:
    task = task_id(slug_of(title), uuid)
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", task.worktree)
    assert len(task.worktree) <= SLUG_LIMIT
    assert len(task.label) <= 50, "GitHub's limit for a label"
    assert parse_task_id(str(task)) == task
    for name in (task.run(99), task.check(99)):
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}", name), (
            "what an engine allows, and a host name"
        )
    # git check-ref-format
    assert not re.search(r"\.\.|[\x00-\x20~^:?*\[\\]|@\{|//|\.lock$|\.$|/\.", task.branch())


@given(
    st.builds(
        TaskId,
        st.from_regex(r"[a-z0-9][a-z0-9-]{0,35}", fullmatch=True),
        st.from_regex(r"[0-9a-f]{7}", fullmatch=True),
    )
)
def test_what_is_an_id_is_read_as_one(task: TaskId) -> None:
    assert parse_task_id(str(task)) == task


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cdock",
        "cdock.add-login",
        "cdock.add-login.a7b2c8",
        "cdock.add-login.a7b2c8d1",
        "cdock.add-login.a7b2c8d.1",
        "cdock.add-login.A7B2C8D",
        "cdock.add-login.g7b2c8d",
        "cdock.Add.a7b2c8d",
        "cdock.-add.a7b2c8d",
        "cdock..a7b2c8d",
        "cdock.a/b.a7b2c8d",
        "cdock.../../x.a7b2c8d",
        f"cdock.{'x' * 37}.a7b2c8d",
        "cdock.add-login.a7b2c8d\n",
        " cdock.add-login.a7b2c8d",
        "dock.add-login.a7b2c8d",
        "cdock.add-lögin.a7b2c8d",
        "cdock.add.１２３４５６７",
    ],
)
def test_what_is_no_id_is_not_read_as_one(text: str) -> None:
    assert parse_task_id(text) is None


def test_a_collision_is_the_same_label_and_nothing_less() -> None:
    task = task_id("add-login", ONE)
    assert collides(task, {"bug", "cdock.add-login.a7b2c8d"})
    assert not collides(task, {"cdock.add-login.a7b2c8e", "cdock.add-logins.a7b2c8d", "add-login.a7b2c8d"})
    assert not collides(task, set())

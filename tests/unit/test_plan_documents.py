"""Plan documents: both formats as they are written, every fault with its place, and writing as the way back."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdock.core.planning.document import Plan, PlanTask, problems_of
from cdock.core.planning.faults import Unreadable
from cdock.core.planning.reading import SIZE_LIMIT, read_plan
from cdock.core.planning.writing import write_plan
from tests.unit.planning import NASTY, plans

FIXTURES = Path(__file__).parents[1] / "fixtures" / "plans"


def fixture(name: str) -> str:
    return (FIXTURES / f"{name}.md").read_text(encoding="utf-8")


def ours(block: str) -> str:
    """A document whose block begins in line 4."""
    return f"# Title\n\n```yaml\n{block}```\n"


def tasks(lines: str) -> str:
    """A document in whose block the tasks begin in line 7."""
    return ours(f"cdock:\n  version: 1\n  tasks:\n{lines}")


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(Unreadable) as caught:
        read_plan(text, name="PLAN.md")
    assert caught.value.code == "CD470"
    assert caught.value.exit_code == 2
    return [(fault.place.line, fault.place.column, str(fault)) for fault in caught.value.faults]


def test_the_example_of_flux_is_read_as_it_is_written() -> None:
    assert read_plan(fixture("flux")) == Plan(
        "Implement User Authentication",
        "[Freeform description of the plan...]",
        (
            PlanTask(
                "stage-1-models",
                "Data Models",
                "Create User, Session, Token models",
                group="foundation",
                acceptance=("cargo test --lib models", "cargo clippy -- -D warnings"),
                files=("src/models/*.rs",),
            ),
            PlanTask(
                "stage-2-api",
                "API Endpoints",
                "Implement auth endpoints",
                after=("stage-1-models",),
                acceptance=("cargo test --lib api",),
                files=("src/api/*.rs",),
            ),
            PlanTask(
                "stage-3-frontend",
                "Frontend Components",
                "Build login/signup UI",
                after=("stage-1-models",),
                group="implementation",
                acceptance=("npm test",),
                files=("src/components/*.tsx",),
            ),
        ),
    )


def test_every_key_of_ours_is_read() -> None:
    plan = read_plan(fixture("ours"))
    assert plan.title == "Log in with OAuth"
    assert plan.goal.splitlines()[-1] == "Passwords stay for those who want them."
    models, providers, pages = plan.tasks
    assert models == PlanTask(
        "models",
        "Models of users and sessions",
        "A user has any number of identities.\n\nKeep the old table.\n",
        stage=1,
        files=("src/models/*.py",),
        acceptance=("make test",),
        agent="claude",
        model="claude-sonnet-4-5",
        max_turns=40,
        max_cost=2.5,
    )
    assert (providers.after, providers.group) == (("models",), "outside")
    assert [(t.key, t.after) for t in providers.tasks] == [("github", ()), ("google", ("github",))]
    assert pages.after == ("models",), "`dependencies` is the same as `after`"


def test_what_the_yaml_says_comes_before_the_markdown() -> None:
    text = ours("cdock:\n  version: 1\n  title: Other\n  goal: Said\n  tasks: [{id: a, name: A}]\n")
    assert (read_plan(text).title, read_plan(text).goal) == ("Other", "Said")


@pytest.mark.parametrize("name", ["flux", "ours"])
@pytest.mark.parametrize("change", ["\ufeff{}", "crlf", "cr", "  \n{}"])
def test_editors_of_all_kinds(name: str, change: str) -> None:
    text = fixture(name)
    changed = {"crlf": text.replace("\n", "\r\n"), "cr": text.replace("\n", "\r")}.get(change)
    assert read_plan(changed or change.format(text)) == read_plan(text)


def test_words_of_yaml_1_1_are_words() -> None:
    (task,) = read_plan(tasks("    - {id: no, name: on, agent: y, files: [off]}\n")).tasks
    assert task == PlanTask("no", "on", agent="y", files=("off",))


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ("    - id: a\n      nmae: A\n", [(7, 7, "no 'name'"), (8, 7, "did you mean 'name'?")]),
        ("    - id: a\n      name: 12\n", [(8, 13, 'text is wanted: "12"')]),
        ("    - id: a\n      name: true\n", [(8, 13, 'text is wanted: "true"')]),
        ("    - id: a\n      name:\n", [(8, 12, "nothing is said here")]),
        ("    - id: a\n      name: [A]\n", [(8, 13, "this is a list; text is wanted")]),
        ("    - id: a\n      name: A\n      after: b\n", [(9, 14, "a list is wanted")]),
        ("    - id: a\n      name: A\n      after: [1]\n", [(9, 15, 'text is wanted: "1"')]),
        ("    - id: a\n      name: A\n      after: [b]\n", [(9, 15, "'b', which is not there")]),
        ("    - id: a\n      name: A\n      name: B\n", [(9, 7, "'name' is there twice")]),
        (
            "    - id: a\n      name: A\n      after: []\n      dependencies: []\n",
            [(10, 7, "'dependencies' is there twice")],
        ),
        ("    - id: a\n      name: A\n    - id: A\n      name: B\n", [(9, 11, "the id 'A' is there twice")]),
        ("    - id: a b\n      name: A\n", [(7, 11, "'a b' cannot be an id")]),
        ("    - id: a\n      name: A\n      stage: 0x1\n", [(9, 14, "'0x1' is no whole number")]),
        ("    - id: a\n      name: A\n      stage: -1\n", [(9, 14, "no whole number")]),
        ("    - id: a\n      name: A\n      max_cost: .inf\n", [(9, 17, "no amount")]),
        ("    - id: a\n      name: A\n      max_turns: '3'\n", [(9, 18, "no whole number")]),
        ("    - id: a\n      name: A\n      files: ['']\n", [(9, 15, "one line of 1 to 500")]),
        ("    - id: a\n      name: A\n      1: x\n", [(9, 7, "'1' is no key here; known are id")]),
        ("    - id: a\n      name: A\n      [b]: x\n", [(9, 7, "a list is no key here")]),
        ("    - just words\n", [(7, 7, "this is text; keys with values is wanted")]),
        (
            "    - id: a\n      name: A\n      tasks: []\n      stage: 1\n    -\n",
            [(11, 6, "this is nothing")],
        ),
        ("    - &x {id: a, name: A}\n", [(7, 7, "anchors and aliases are not taken")]),
        (
            "    - {id: a, name: !!python/name:os.system A}\n",
            [(7, 21, "tag:yaml.org,2002:python/name:os.system")],
        ),
        ("    - {id: a, name: 'A}\n", [(8, 1, "this is no YAML")]),
        ('    - {id: a, name: "A \\q"}\n', [(7, 25, "this is no YAML")]),
        ("    - {id: a, name: A\x07}\n", [(7, 22, "this character cannot stand in YAML")]),
        ("    - id: a\n\tname: A\n", [(8, 1, "this is no YAML")]),
        (
            "    - {id: a, name: A, after: [b]}\n    - {id: b, name: B, after: [a]}\n",
            [(7, 5, "wait for one another: ")],
        ),
    ],
)
def test_a_fault_is_told_with_its_place(lines: str, wanted: list[tuple[int, int, str]]) -> None:
    found = faults(tasks(lines))
    assert [(line, column) for line, column, _ in found] == [(line, column) for line, column, _ in wanted]
    for (_, _, said), (_, _, expected) in zip(found, wanted, strict=True):
        assert expected in said


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", (1, 1, "there is no plan in it")),
        ("# Only words\n", (1, 1, "there is no plan in it")),
        ("````markdown\n" + ours("cdock:\n") + "````\n", (1, 1, "there is no plan in it")),
        ("> ```yaml\n> cdock:\n> ```\n", (1, 1, "there is no plan in it")),
        (ours("cdock:\n") + ours("cdock:\n"), (8, 1, "a second plan begins here")),
        (ours("cdock:\n"), (4, 7, "this is nothing")),
        (ours("cdock: [1]\n"), (4, 8, "this is a list")),
        (ours("cdock:\n  tasks: [{id: a, name: A}]\n"), (5, 3, "the key 'version' is missing")),
        (ours("cdock:\n  version: 2\n  tasks: [{id: a, name: A}]\n"), (5, 12, "version '2' is not known")),
        (ours('cdock:\n  version: "1"\n  tasks: [{id: a, name: A}]\n'), (5, 12, "is not known")),
        (ours("cdock:\n  version: 1\n"), (5, 3, "the key 'tasks' is missing")),
        (ours("cdock:\n  version: 1\n  tasks: []\n"), (6, 10, "the plan has no tasks")),
        (ours("cdock:\n  version: 1\n  stages: []\n"), (6, 3, "'stages' is no key here")),
        (
            ours("cdock:\n  version: 1\n  tasks: []\n") + "<!-- FLUX METADATA -->\n",
            (8, 1, "no block of YAML"),
        ),
        (ours("cdock:\n  version: 1\n---\na: 1\n"), (6, 1, "a second document begins here")),
        (ours("cdock:\n  version: 1\nflux: 1\n"), (6, 1, "'flux' is no key here")),
        ("<!-- FLUX METADATA -->\n\n```yaml\nflux: 1\n```\n\nWords.\n", (1, 1, "this has no end")),
    ],
)
def test_a_document_that_is_no_plan(text: str, wanted: tuple[int, int, str]) -> None:
    line, column, said = faults(text)[[f[:2] for f in faults(text)].index(wanted[:2])]
    assert (line, column) == wanted[:2]
    assert wanted[2] in said


def test_a_plan_needs_a_title() -> None:
    text = "```yaml\ncdock:\n  version: 1\n  tasks: [{id: a, name: A}]\n```\n"
    assert faults(text) == [
        (3, 3, "the plan has no title; write it as the first heading, or as `title:`"),
    ]


def test_places_are_those_of_an_indented_block() -> None:
    text = "# T\n\n  ```yaml\n  cdock:\n    version: 1\n    tasks:\n      - {id: a, name: 1}\n  ```\n"
    assert faults(text) == [(7, 23, 'this is a number; text is wanted: "1"')]


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    text = tasks(
        "    - id: a\n      name: 1\n      afer: [x]\n    - id: b\n      name: B\n      after: [c, aa]\n"
    )
    with pytest.raises(Unreadable) as caught:
        read_plan(text, name="PLAN.md")
    assert caught.value.message.splitlines() == [
        "PLAN.md is no plan: 4 faults",
        '  PLAN.md:8:13: this is a number; text is wanted: "1"',
        "     8 |       name: 1",
        "       |             ^",
        "  PLAN.md:9:7: 'afer' is no key here; did you mean 'after'?",
        "     9 |       afer: [x]",
        "       |       ^",
        "  PLAN.md:12:15: 'b' depends on 'c', which is not there",
        "    12 |       after: [c, aa]",
        "       |               ^",
        "  PLAN.md:12:18: 'b' depends on 'aa', which is not there; did you mean 'a'?",
        "    12 |       after: [c, aa]",
        "       |                  ^",
    ]


def test_a_cycle_is_told_by_its_path() -> None:
    lines = "".join(f"    - {{id: {k}, name: N, after: [{a}]}}\n" for k, a in ("ab", "bc", "ca"))
    ((_, _, said),) = faults(tasks(lines))
    assert said == "tasks wait for one another: a → b → c → a"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(c)}: &{chr(c)} [{','.join(['*' + chr(c - 1)] * 9)}]\n" for c in range(ord("b"), ord("j"))
)


@pytest.mark.parametrize(
    "block",
    [
        f"cdock:\n{BOMB}",
        "cdock: " + "[" * 50_000,
        "cdock: " + "{" * 50_000,
        "cdock: " + "[{a: " * 25_000,
        "cdock:\n" + "- " * 50_000 + "\n",
        "cdock: " + "? " * 50_000,
        "cdock: &a [*a]\n",
        "cdock:\n  version: 1\n  tasks: [" + "{}," * 4_000 + "]\n",
        "cdock:\n" + "".join(f"  k{n}: 1\n" for n in range(4_000)),
        "cdock: {" + "a: 1, " * 4_000 + "}\n",
        'cdock: "\\U7fffffff"\n',
        'cdock: "\\ud800"\n',
        "%YAML 9.9\n---\ncdock: 1\n",
    ],
)
def test_hostile_yaml_ends_in_faults(block: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_plan(ours(block))
    assert len(caught.value.message) < 30_000


def test_a_huge_document_is_not_looked_at() -> None:
    assert faults(fixture("flux") + " " * SIZE_LIMIT) == [(1, 1, "it has more than 262,144 characters")]


@settings(deadline=None)
@given(st.text(max_size=300))
@example("```yaml\ncdock:\n - !!binary x\n```")
def test_no_text_makes_it_stumble(text: str) -> None:
    for document in (text, ours(f"cdock:\n{text}\n"), tasks(f"    - {text}\n"), f"{fixture('flux')}{text}"):
        try:
            assert problems_of(read_plan(document)) == ()
        except Unreadable:
            continue


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(plans())
def test_what_is_written_is_read_again(plan: Plan) -> None:
    text = write_plan(plan)
    assert read_plan(text) == plan
    assert write_plan(read_plan(text)) == text


@pytest.mark.parametrize(
    "nasty", [*NASTY, "# Title", "## Overview\n\nx", "Title #", "PLAN: x", "a\n---\nb", "***"]
)
@pytest.mark.parametrize("field", ["title", "goal", "description", "group", "files"])
def test_no_word_leaves_its_place(nasty: str, field: str) -> None:
    changes: dict[str, Any] = {"title": "T", "goal": "G", field: nasty}
    one = {k: v for k, v in changes.items() if k in ("description", "group")}
    files = (nasty.replace("\n", " ").replace("<!--", "<!-"),) if field == "files" else ()
    plan = Plan(changes["title"], changes["goal"], (PlanTask("a", "A", files=files, **one),))
    assert read_plan(write_plan(plan)) == plan


def test_a_plan_is_written_for_people() -> None:
    plan = Plan("Log in", "With an account.", (PlanTask("a-1", "Do it", "One.\n\nTwo: `x`.\n", after=()),))
    assert write_plan(plan) == (
        "# Log in\n\n## Overview\n\nWith an account.\n\n```yaml\ncdock:\n  version: 1\n  tasks:\n"
        '    - id: a-1\n      name: "Do it"\n      description: |\n        One.\n\n        Two: `x`.\n```\n'
    )

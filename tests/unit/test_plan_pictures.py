"""Pictures of plans: Mermaid that the real parser takes whatever the titles, and SVG that any reader of XML does."""

import html
import json
import os
import re
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cdock.core.planning.document import Plan, PlanTask, levels
from cdock.core.planning.drawing import drawing_of
from cdock.core.planning.mermaid import EDGES, graph_of
from cdock.core.planning.parts import State
from cdock.core.planning.picture import picture_of, reduced, title_line
from cdock.core.planning.reading import read_plan
from tests.unit.planning import NASTY, plans

ROOT = Path(__file__).parents[2]
TEXT_LIMIT, EDGE_LIMIT = 50_000, 500
"""What Mermaid draws by default, and so GitHub; the parser tells both."""
ROOM = 30_000
"""Characters that the comment around a graph can spare."""


@cache
def parser() -> Path:
    """Where `.ci/run` puts the real parser, by the version that it names."""
    version = re.search(r"^MERMAID_VERSION=(\S+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert version
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache_home / "cdock-ci" / f"mermaid-{version[1]}"
    if not (place / "node_modules" / "mermaid").is_dir():
        reason = f"Mermaid's parser is not here (.ci/run installs it into {place})"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return place


def parsed(diagrams: list[str]) -> list[dict[str, Any]]:
    """What the real parser finds in each, by one process for all of them."""
    done = subprocess.run(
        ["node", str(ROOT / "tests/mermaid_parser.mjs"), str(parser())],
        input=json.dumps(diagrams).encode(),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(found) == len(diagrams)
    return found


def words(label: str) -> str:
    """A label as it is drawn: Mermaid keeps entities in a notation of its own until then."""
    coded = label.replace("ﬂ°°", "&#").replace("ﬂ°", "&").replace("¶ß", ";")
    return html.unescape(coded)


def chain(titles: tuple[str, ...]) -> Plan:
    keys = [f"k{n}" for n in range(len(titles))]
    tasks = [
        PlanTask(key, title, after=(keys[n - 1],) if n else ())
        for n, (key, title) in enumerate(zip(keys, titles, strict=True))
    ]
    return Plan("T", tasks=tuple(tasks))


def full(width: int, *, title: str = "x", levels_: int = 2) -> Plan:
    """Layers of `width` tasks, each of which comes after the whole layer before it."""
    layers = [[f"l{n}-{i}" for i in range(width)] for n in range(levels_)]
    after = {key: tuple(before) for before, layer in pairwise(layers) for key in layer}
    return Plan(
        "T", tasks=tuple(PlanTask(key, title, after=after.get(key, ())) for layer in layers for key in layer)
    )


def test_a_graph_shows_stages_tasks_and_what_they_wait_for() -> None:
    plan = read_plan((ROOT / "tests/fixtures/plans/flux.md").read_text())
    text = graph_of(
        plan, states={"stage-1-models": "done", "stage-2-api": "failed"}, numbers={"stage-2-api": 12}
    )
    (found,) = parsed([text])
    assert found["type"].startswith("flowchart")
    assert {name: words(label) for name, label in found["nodes"].items() if name.startswith("t")} == {
        "t1": "Data Models<br>done",
        "t2": "#12 API Endpoints<br>failed",
        "t3": "Frontend Components",
    }
    assert [(s["title"], sorted(s["nodes"])) for s in found["stages"]] == [
        ("Stage 1", ["t1"]),
        ("Stage 2", ["t2", "t3"]),
    ]
    assert found["edges"] == [["t1", "t2"], ["t1", "t3"]]
    assert found["classes"] == ["done", "failed"]
    assert found["limits"] == f"{EDGE_LIMIT} {TEXT_LIMIT}"


def test_every_state_has_a_look_of_its_own() -> None:
    plan = chain(tuple(State))
    states = {f"k{n}": state.value for n, state in enumerate(State)}
    (found,) = parsed([graph_of(plan, states=states)])
    assert sorted(found["classes"]) == sorted(State)


@pytest.mark.parametrize("word", ["unheard of", 'x"]', "end"])
def test_a_state_nobody_knows_is_a_word_only(word: str) -> None:
    (found,) = parsed([graph_of(chain(("a",)), states={"k0": word})])
    assert words(found["nodes"]["t1"]) == f"a<br>{word}"


def test_no_title_means_anything_to_the_parser() -> None:
    every = [
        chain(NASTY),
        *(chain((title, "b")) for title in NASTY),
        *(chain((f"a{c}b{c}", c * 30 + "b")) for c in map(chr, range(33, 127)) if not c.isalnum()),
    ]
    for plan, found in zip(every, parsed([graph_of(plan) for plan in every]), strict=True):
        assert "error" not in found
        assert sorted(n for n in found["nodes"] if n.startswith("t")) == sorted(
            f"t{n}" for n in range(1, len(plan.tasks) + 1)
        )
        assert len(found["edges"]) == len(plan.tasks) - 1
        assert found["classes"] == []
        for number, task in enumerate(plan.tasks, start=1):
            shown, whole = words(found["nodes"][f"t{number}"]), title_line(task)
            assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1].rstrip()))


@settings(
    deadline=None,
    max_examples=4,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(plans(), min_size=20, max_size=30))
def test_any_plan_is_parsed(every: list[Plan]) -> None:
    for plan, found in zip(every, parsed([graph_of(plan) for plan in every]), strict=True):
        assert "error" not in found, plan
        shown = {n for n in found["nodes"] if n.startswith("t")}
        assert len(shown) == len(plan.tasks)
        # No path through the drawing is missing or more than there is.
        stages = levels(plan.tasks)
        assert len(found["stages"]) == len(set(stages.values()))
        assert len(found["edges"]) == len(picture_of(plan).edges)


LARGE = {
    "emoji": full(50, title="👩‍💻" * 60),
    "quotes": full(50, title='"' * 250),
    "words": full(50, title="word " * 50),
    "wide": full(100, levels_=1),
    "long": full(1, levels_=100, title="x" * 250),
    "layers": full(10, levels_=10, title="x" * 250),
    "stages": Plan(
        "T",
        tasks=tuple(
            PlanTask(
                f"k{n}", "<" * 250, stage=n + 1, after=tuple(f"k{i}" for i in range(50)) if n > 49 else ()
            )
            for n in range(100)
        ),
    ),
}


def test_a_hundred_tasks_stay_below_the_limits() -> None:
    texts = {
        name: graph_of(
            plan,
            states={task.key: "dropped" for task in plan.tasks},
            numbers={task.key: 123_456 for task in plan.tasks},
        )
        for name, plan in LARGE.items()
    }
    for (name, text), found in zip(texts.items(), parsed(list(texts.values())), strict=True):
        assert len(text) < ROOM < TEXT_LIMIT, name
        assert "error" not in found, name
        assert len([n for n in found["nodes"] if n.startswith("t")]) == 100, name
        assert len(found["edges"]) <= EDGES < EDGE_LIMIT, name
        assert len(found["edges"]) >= len(found["stages"]) - 1, name


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_fewer_edges_say_the_same(plan: Plan) -> None:
    edges = {task.key: task.after for task in plan.tasks}
    fewer = reduced(edges)
    assert all(set(fewer[key]) <= set(edges[key]) for key in edges)
    for key in edges:
        assert _all_before(key, fewer) == _all_before(key, edges)
        for name in fewer[key]:
            without = {**fewer, key: tuple(other for other in fewer[key] if other != name)}
            assert name not in _all_before(key, without), "every edge that is left says something"


def _all_before(key: str, edges: Any) -> set[str]:
    found: set[str] = set()
    ahead = list(edges[key])
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += edges[name]
    return found


# SVG


def tree(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - of our own making


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_any_drawing_is_xml_in_which_nothing_lies_upon_another(plan: Plan) -> None:
    numbers = {task.key: 7 for task in plan.tasks}
    root = tree(drawing_of(plan, states={"t0": "failed"}, numbers=numbers))
    name = "{http://www.w3.org/2000/svg}"
    assert {element.tag.removeprefix(name) for element in root.iter()} <= {
        "svg",
        "title",
        "rect",
        "text",
        "path",
        "g",
    }
    boxes = [g.find(f"{name}rect") for g in root.iter(f"{name}g")]
    places = [(int(box.attrib["x"]), int(box.attrib["y"])) for box in boxes if box is not None]
    assert len(places) == len(set(places)) == len(plan.tasks)
    width, height = (int(root.attrib[side]) for side in ("width", "height"))
    assert all(0 <= x <= width - 240 and 0 <= y <= height - 52 for x, y in places)
    assert len(list(root.iter(f"{name}path"))) == len(picture_of(plan).edges)


def test_a_drawing_says_what_a_task_is_called_and_how_it_stands() -> None:
    plan = chain(("Models & <views>", "x" * 300))
    text = drawing_of(plan, states={"k0": "done"}, numbers={"k0": 12})
    root = tree(text)
    shown = [element.text for element in root.iter() if element.text and element.text.strip()]
    assert "#12 Models & <views>" in shown
    assert "k0 · done" in shown
    assert "x" * 33 + "…" in shown
    assert "Stage 2" in shown

"""A plan as a Mermaid flowchart, which GitHub draws in comments.

Titles are words of strangers in a language that knows keywords, directives, Markdown and HTML: all of them but letters
and figures become numeric entities. Mermaid draws at most 500 edges and 50,000 characters; with 100 tasks this stays
far below both, because the comment around it has a limit too.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.picture import Picture, picture_of, title_line

EDGES = 250
"""Dependencies that are drawn; with more, only the order of the stages is."""
LABELS = 12_000
"""Characters of all labels together."""
LABEL = (40, 240)
"""Least and most characters of one label, entities included."""

_LOOKS = {
    "later": "fill:#f6f8fa,stroke:#8c959f,color:#57606a",
    "ready": "fill:#ffffff,stroke:#0969da,color:#1f2328",
    "working": "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
    "worked": "fill:#fbefff,stroke:#8250df,color:#1f2328",
    "failed": "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
    "left": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4",
    "held": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "done": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "dropped": "fill:#f6f8fa,stroke:#8c959f,color:#8c959f,stroke-dasharray:4",
}


def graph_of(
    plan: Plan, *, states: Mapping[str, str] | None = None, numbers: Mapping[str, int] | None = None
) -> str:
    """The flowchart of a plan that can be carried out, without a fence around it.

    `states` are words shown under the titles, by key; `numbers` those of the issues.
    """
    shown = picture_of(plan)
    names = {task.key: f"t{n}" for n, task in enumerate(_tasks(shown), start=1)}
    return "\n".join(
        (
            "flowchart LR",
            *_nodes(shown, names, states or {}, numbers or {}),
            *_edges(shown, names),
            *_classes(names, states or {}),
        )
    )


def _tasks(shown: Picture) -> Iterator[PlanTask]:
    for tasks in shown.stages.values():
        yield from tasks


def _nodes(
    shown: Picture, names: Mapping[str, str], states: Mapping[str, str], numbers: Mapping[str, int]
) -> Iterator[str]:
    least, most = LABEL
    room = max(least, min(most, LABELS // max(1, len(names))))
    for stage, tasks in shown.stages.items():
        yield f'subgraph s{stage}["Stage {stage}"]'
        for task in tasks:
            label = _entities(title_line(task, number=numbers.get(task.key, 0)), room)
            if word := states.get(task.key, ""):
                label += f"<br/>{_entities(word, least)}"
            # A plan inside of this one has a double border.
            yield f'{names[task.key]}[["{label}"]]' if task.tasks else f'{names[task.key]}["{label}"]'
        yield "end"


def _entities(text: str, room: int) -> str:
    """`text` without any character that means something, cut to `room` characters."""
    parts = [c if c == " " or c.isalnum() else f"#{ord(c)};" for c in text]
    size = 0
    for count, part in enumerate(parts):
        size += len(part)
        if size > room:
            return "".join(parts[: max(0, count - 1)]).rstrip() + "…"
    return "".join(parts)


def _edges(shown: Picture, names: Mapping[str, str]) -> Iterator[str]:
    if len(shown.edges) <= EDGES:
        yield from (f"{names[before]} --> {names[key]}" for before, key in shown.edges)
        return
    yield from (f"s{before} --> s{after}" for before, after in pairwise(shown.stages))


def _classes(names: Mapping[str, str], states: Mapping[str, str]) -> Iterator[str]:
    worn: dict[str, list[str]] = {}
    for key, name in names.items():
        if states.get(key) in _LOOKS:
            worn.setdefault(states[key], []).append(name)
    for word, those in worn.items():
        yield f"classDef {word} {_LOOKS[word]}"
        yield f"class {','.join(those)} {word}"

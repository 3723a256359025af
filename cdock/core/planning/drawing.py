"""A plan as a drawing: SVG with a column for each stage and a line for each dependency, by nothing but arithmetic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.picture import picture_of, title_line

_WIDTH, _HEIGHT = 240, 52
_GAP_X, _GAP_Y = 72, 18
_MARGIN, _HEAD = 24, 56
_LETTERS = 34
"""Characters of a title that fit into its box."""
_FILLS = {
    "working": "#ddf4ff",
    "worked": "#fbefff",
    "failed": "#ffebe9",
    "held": "#fff8c5",
    "done": "#dafbe1",
    "dropped": "#eaeef2",
}


@dataclass(frozen=True)
class _Box:
    task: PlanTask
    x: int
    y: int


def drawing_of(
    plan: Plan, *, states: Mapping[str, str] | None = None, numbers: Mapping[str, int] | None = None
) -> str:
    """The SVG of a plan that can be carried out; `states` and `numbers` as in `mermaid.graph_of`."""
    shown = picture_of(plan)
    boxes = {
        task.key: _Box(task, _MARGIN + column * (_WIDTH + _GAP_X), _MARGIN + _HEAD + row * (_HEIGHT + _GAP_Y))
        for column, tasks in enumerate(shown.stages.values())
        for row, task in enumerate(tasks)
    }
    width = 2 * _MARGIN + len(shown.stages) * (_WIDTH + _GAP_X) - _GAP_X
    height = max((box.y for box in boxes.values()), default=_HEAD) + _HEIGHT + _MARGIN
    title = _words(plan.title, 10 * _LETTERS)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="sans-serif" font-size="13" role="img">',
            f"<title>{title}</title>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="{_MARGIN}" y="{_MARGIN + 6}" font-size="16" font-weight="bold">{title}</text>',
            *(
                f'<text x="{_MARGIN + column * (_WIDTH + _GAP_X)}" y="{_MARGIN + _HEAD - 12}" '
                f'fill="#57606a">Stage {stage}</text>'
                for column, stage in enumerate(shown.stages)
            ),
            *(_line(boxes[before], boxes[key]) for before, key in shown.edges),
            *(
                line
                for key, box in boxes.items()
                for line in _box(box, (states or {}).get(key, ""), (numbers or {}).get(key, 0))
            ),
            "</svg>\n",
        )
    )


def _line(before: _Box, after: _Box) -> str:
    """A curve from the right side of one box to the left side of another; within a stage, around their left sides."""
    y, end = before.y + _HEIGHT // 2, after.y + _HEIGHT // 2
    x, bend = before.x + _WIDTH, _GAP_X // 2
    path = f"M{x} {y}C{x + bend} {y} {after.x - bend} {end} {after.x} {end}"
    if before.x == after.x:
        path = f"M{before.x} {y}C{before.x - bend} {y} {after.x - bend} {end} {after.x} {end}"
    arrow = f"M{after.x - 7} {end - 4}L{after.x} {end}L{after.x - 7} {end + 4}"
    return f'<path d="{path}{arrow}" fill="none" stroke="#8c959f"/>'


def _box(box: _Box, state: str, number: int) -> Iterator[str]:
    fill = _FILLS.get(state, "#f6f8fa")
    border = 3 if box.task.tasks else 1
    said = title_line(box.task, number=number)
    below = " · ".join(part for part in (box.task.key, state) if part)
    yield f"<g><title>{_words(said, 10 * _LETTERS)}</title>"
    yield (
        f'<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{fill}" '
        f'stroke="#57606a" stroke-width="{border}"/>'
    )
    yield f'<text x="{box.x + 10}" y="{box.y + 22}">{_words(said, _LETTERS)}</text>'
    yield f'<text x="{box.x + 10}" y="{box.y + 40}" font-size="11" fill="#57606a">{_words(below, 40)}</text></g>'


def _words(text: str, room: int) -> str:
    """`text` on one line, with only what XML can hold, cut to `room` characters."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in text).split())
    return escape(line if len(line) <= room else line[: room - 1].rstrip() + "…")

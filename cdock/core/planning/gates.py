"""Between two stages of a plan a person decides: the comment that asks, and what its boxes and their words say."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cdock.core.choices import Choice, box, offered, ticked
from cdock.core.error_line import error_line
from cdock.core.issues import Comment, Issue
from cdock.core.marker import SAID, Marker, parse_marker
from cdock.core.planning.graph import followers
from cdock.core.planning.parts import SETTLED, STUCK, State, at_rest, stages_in, to_come
from cdock.core.planning.planned import LIMIT
from cdock.core.policy import Policy
from cdock.core.quoting import fenced, inline
from cdock.core.task import Task
from cdock.core.world import Part

APPROVE = "approve"
RETRY = "retry"
DROP = "drop"
EVIDENCE = 600
"""Characters shown of what the acceptance commands of a task printed last."""
SIZES = ((120, 20), (60, 10), (30, 5))
"""Characters of titles and errors, and how many tasks are shown with their evidence: the first that fits."""
TICKING = timedelta(seconds=20)
"""How long an issue must be quiet at most before half a choice counts as a whole one."""

NOBODY = ""
"""Who opens a stage where no person has to."""

SIGNS: Mapping[State, str] = {
    State.LATER: "○ later",
    State.READY: "○ ready",
    State.WORKING: "▶ working",
    State.WORKED: "◉ worked, in review",
    State.FAILED: "✗ failed",
    State.LEFT: "□ given up",
    State.HELD: "■ held back",
    State.DONE: "✓ done",
    State.DROPPED: "– dropped",
}
"""How a state reads."""


@dataclass(frozen=True)
class Decision:
    """What was chosen at the gate of a stage: keys of the boxes, and who ticked them; `NOBODY` where no one has to."""

    stage: int
    keys: tuple[str, ...]
    author: str


def gate_marker(task: Task, stage: int) -> Marker:
    """The marker of the comment of a stage's gate."""
    return Marker("gate", {"task": str(task.uuid), "stage": str(stage)})


_STAGE = re.compile(r"[0-9]{1,4}")


def gates_in(issue: Issue, task: Task) -> dict[int, Comment]:
    """The gates that are shown, by stage."""
    found = {}
    for comment in issue.comments:
        marker = parse_marker(comment.body) if comment.mine else None
        stage = marker.fields.get("stage", "") if marker and marker.kind == "gate" else ""
        # People may write in it, and what they make of its marker must not stop anything.
        if marker and _STAGE.fullmatch(stage) and marker.fields.get("task") == str(task.uuid):
            found[int(stage)] = comment
    return found


def decision(issue: Issue, task: Task, *, now: datetime, policy: Policy) -> Decision | None:
    """The oldest choice that was made and not acted upon; only people who may write can make one.

    One that another tick may still be added to is left alone for a moment: each tick is a change of its own.
    """
    for stage, comment in sorted(gates_in(issue, task).items()):
        if keys := _chosen(comment):
            whole = _whole(frozenset(keys), frozenset(offered(comment.body)))
            return Decision(stage, keys, comment.ticked_by) if whole or _quiet(issue, now, policy) else None
    return None


def _chosen(comment: Comment) -> tuple[str, ...]:
    """The boxes that people who may write have ticked, and nobody else has touched."""
    keys = ticked(comment.body) if comment.ticked_by_writer else ()
    return tuple(key for key in keys if key in (APPROVE, RETRY, DROP))


def _whole(keys: frozenset[str], boxes: frozenset[str]) -> bool:
    """Whether nothing can be added to a choice: to retry and to drop exclude one another."""
    return (APPROVE in keys or APPROVE not in boxes) and bool(
        keys & {RETRY, DROP} or not boxes & {RETRY, DROP}
    )


def _quiet(issue: Issue, now: datetime, policy: Policy) -> bool:
    changed = issue.updated_at
    return changed is None or not changed <= now < changed + min(policy.debounce, TICKING)


def gate_due(
    issue: Issue, task: Task, parts: tuple[Part, ...], states: Mapping[str, State]
) -> tuple[int, str] | None:
    """The stage whose gate has to be written, and its text; None when all read as they should.

    That of the stage which is open follows what happens; one that was passed is written once more, without boxes.
    """
    shown = gates_in(issue, task)
    for stage in range(1, stages_in(parts) + 1):
        there = shown.get(stage)
        passed = task.opened > stage
        if passed and (there is None or "<!-- cdock:choice" not in there.body):
            continue
        if not passed and (
            task.opened < stage or (there is None and not at_rest(parts, states, stage=stage))
        ):
            continue
        if there is not None and _chosen(there):
            continue  # written anew, it would lose their ticks
        text = gate_comment(task, parts, states, stage=stage)
        if there is None or _plain(there.body) != _plain(text):
            return stage, text
    return None


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def gate_comment(
    task: Task,
    parts: tuple[Part, ...],
    states: Mapping[str, State],
    *,
    stage: int,
    decided: Decision | None = None,
) -> str:
    """The text of a stage's gate: how its tasks came out, with evidence, and what a person can decide, or `decided`."""
    for size in SIZES:
        text = _gate_comment(task, parts, states, stage=stage, decided=decided, size=size)
        if len(text) <= LIMIT:
            break
    return text


def _gate_comment(
    task: Task,
    parts: tuple[Part, ...],
    states: Mapping[str, State],
    *,
    stage: int,
    decided: Decision | None,
    size: tuple[int, int],
) -> str:
    own = [part for part in parts if part.planned.stage == stage]
    passed, more = task.opened > stage, to_come(parts, states, stage=stage)
    lines = [
        str(gate_marker(task, stage)),
        f"### Stage {stage} of {stages_in(parts)}: {tally(states[part.planned.key] for part in own)}",
        "",
        *_rows(own, states, size),
    ]
    boxes = (
        [] if passed or not at_rest(parts, states, stage=stage) else list(_boxes(parts, states, stage, more))
    )
    if passed:
        lines += ["", _passed(stage + 1, decided)]
    elif boxes:
        lines += ["", "**Your decision** (tick a box, or comment `/cdock approve`):", ""]
        lines += [box(choice, shown=choice.text) for choice in boxes]
    elif not more and all(states[part.planned.key] is not State.WORKING for part in own):
        over = all(state in SETTLED for state in states.values())
        left = "Nothing is left to start: review and merge, or run `cdock land`."
        lines += ["", "Nothing is left to do." if over else left]
    return "\n".join(lines) + "\n"


def _passed(opened: int, decided: Decision | None) -> str:
    """How a stage was opened, for whoever reads it later."""
    if decided is None:
        return f"Approved: stage {opened} is open."
    who = f"Approved by {inline(decided.author, limit=40)}: " if decided.author else ""
    also = {RETRY: " What failed is tried again.", DROP: " What failed is dropped."}
    told = next((also[key] for key in (DROP, RETRY) if key in decided.keys), "")
    return f"{who}{'s' if who else 'S'}tage {opened} is open.{told}"


def tally(states: Iterable[State]) -> str:
    """For instance `3 worked, 1 failed`."""
    names = [_COUNTED[state] for state in states]
    return ", ".join(
        f"{names.count(name)} {name}" for name in dict.fromkeys(_COUNTED.values()) if name in names
    )


_COUNTED = {
    State.DONE: "worked",
    State.WORKED: "worked",
    State.FAILED: "failed",
    State.LEFT: "given up",
    State.HELD: "held back",
    State.DROPPED: "dropped",
    State.WORKING: "working",
    State.READY: "ready",
    State.LATER: "later",
}


def _rows(parts: list[Part], states: Mapping[str, State], size: tuple[int, int]) -> Iterator[str]:
    room, shown = size
    for part in parts:
        state = states[part.planned.key]
        title = inline(part.planned.title, limit=room)
        yield f"- {SIGNS[state]} · #{part.number} {title}{_about(part, state, room)}"
    for part in parts[:shown]:
        if evidence := _evidence(part, states[part.planned.key]):
            summary = f"<summary>What #{part.number} shows</summary>"
            yield f"\n<details>{summary}\n\n{fenced(evidence, limit=EVIDENCE)}\n\n</details>"


def _about(part: Part, state: State, room: int) -> str:
    task = part.claim.task if part.claim else None
    if task is None or not task.attempts:
        return ""
    count = len(task.attempts)
    tries = f" · {count} attempt{'s' if count != 1 else ''}"
    if state is State.FAILED and task.last and task.last.error:
        return f"{tries} · {inline(error_line(task.last.error), limit=room)}"
    return tries


def _evidence(part: Part, state: State) -> str:
    task = part.claim.task if part.claim else None
    if task is None:
        return ""
    if state is State.FAILED:
        return next((a.error for a in reversed(task.attempts) if a.error), "")
    return next((a.evidence for a in reversed(task.attempts) if a.evidence), "")


def _boxes(parts: tuple[Part, ...], states: Mapping[str, State], stage: int, more: bool) -> Iterator[Choice]:
    failed, held = dropped_by(parts, states, stage=stage)
    # Behind the last one nobody else asks.
    own = any(part.planned.stage == stage or not more for part in (*failed, *held))
    if more:
        yield Choice(APPROVE, f"Approve: start stage {stage + 1}")
    # What only waits for something that was dropped cannot be tried again.
    if own and failed:
        yield Choice(RETRY, "Retry what failed")
    if own:
        yield Choice(DROP, "Drop what failed, and all that comes after it")


def dropped_by(
    parts: Iterable[Part], states: Mapping[str, State], *, stage: int
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """What failed up to a stage, and what only waits for it: both go when it is dropped."""
    every = tuple(parts)
    failed = tuple(p for p in every if states[p.planned.key] in STUCK and p.planned.stage <= stage)
    gone = [p.planned.key for p in every if states[p.planned.key] is State.DROPPED]
    edges = [(part.planned.key, part.planned.after) for part in every]
    after = followers(edges, (*gone, *(part.planned.key for part in failed)))
    held = (p for p in every if states[p.planned.key] is State.HELD and p.planned.key in after)
    return failed, tuple(held)


def retry_words(task: Task, part: Part, author: str) -> tuple[str, str]:
    """The comment on a task that tries it again for a person: its marker, which names the try, and its text."""
    tries = len(part.claim.task.attempts) if part.claim else 0
    marker = str(Marker(SAID, {"gate": str(task.uuid), "after": str(tries)}))
    who = inline(author, limit=40) or "a person"
    return marker, f"{marker}\n/cdock retry\n\nAsked for by {who} in #{task.issue}.\n"


def drop_words(task: Task, author: str) -> tuple[str, str]:
    """The comment on a task that is dropped: its marker, and its text."""
    marker = str(Marker("dropped", {"gate": str(task.uuid)}))
    who = inline(author, limit=40) or "A person"
    return marker, f"{marker}\n{who} dropped this from the plan in #{task.issue}.\n"

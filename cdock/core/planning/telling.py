"""What is said on the issue of a plan: proposals while it is talked about, and how it stands once it is published."""

import json
import re
from collections.abc import Iterator, Mapping

from cdock.core.form import prose
from cdock.core.issues import Comment, Issue
from cdock.core.marker import Marker, parse_marker
from cdock.core.messages import status_marker
from cdock.core.planning.document import Plan, PlanTask, staged
from cdock.core.planning.gates import SIGNS, tally
from cdock.core.planning.mermaid import graph_of
from cdock.core.planning.parts import SETTLED, State, stages_in
from cdock.core.planning.proposal import Proposal, json_of, proposal_of
from cdock.core.quoting import code, inline
from cdock.core.task import Attempt, Task
from cdock.core.waiting import Waiting
from cdock.core.world import Part

COMMENT_LIMIT = 65_536
"""Characters of a comment that GitHub takes."""
TITLES = (120, 60, 30)
"""Characters of each title, the first that lets the comment fit."""
DESCRIPTION = 300
"""Characters of a task's description that a proposal shows; the whole stands in its data, and later in its issue."""
_DATA = "<details><summary>The plan as data</summary>"
_JSON = re.compile(re.escape(_DATA) + r"\n\n(?P<fence>`{3,})json\n(?P<json>[^\n]+)\n(?P=fence)\n")


def proposal_marker(task: Task, attempt: int) -> Marker:
    """The marker of the proposal that an attempt made."""
    return Marker("proposal", {"task": str(task.uuid), "attempt": str(attempt)})


def proposal_comment(task: Task, attempt: int, proposal: Proposal) -> str:
    """A proposal, for people to answer and for any poller to publish.

    Raises:
        ValueError: it is longer than a comment may be.
    """
    lines = [str(proposal_marker(task, attempt)), prose(proposal.say), ""]
    if plan := proposal.plan:
        lines += [
            f"## {inline(plan.title)}",
            "",
            prose(plan.goal),
            "",
            *_outline(plan),
            "",
            *_graph(plan),
            "",
        ]
        lines += ["Reply to change it, or comment `/cdock approve` to make it issues.", "", *_data(plan)]
    else:
        lines += ["Reply in a comment."]
    text = "\n".join(lines) + "\n"
    if len(text) > COMMENT_LIMIT:
        raise ValueError(
            f"the plan takes {len(text)} characters on GitHub, which takes {COMMENT_LIMIT}: shorten its descriptions"
        )
    return text


def unfit(task: Task, attempt: Attempt, text: str) -> str:
    """Why an agent's last words cannot be shown as a proposal, for the agent to mend; empty when they can."""
    try:
        proposal_comment(task, attempt.number, proposal_of(text))
    except ValueError as error:
        return str(error)
    return ""


def _outline(plan: Plan) -> Iterator[str]:
    stage = 0
    for task in staged(plan).tasks:
        if task.stage != stage:
            stage = task.stage
            yield f"\n**Stage {stage}**\n"
        yield f"- **{inline(task.title)}** (`{task.key}`){_details(task)}"


def _details(task: PlanTask) -> str:
    """What approving it approves: commands are run as they stand here, and limits are kept."""
    said = [
        f"after {', '.join(f'`{key}`' for key in task.after)}" if task.after else "",
        f"changes {', '.join(map(code, task.files))}" if task.files else "",
        f"done when {', '.join(map(code, task.acceptance))} pass" if task.acceptance else "",
        f"by {inline(task.agent)}" if task.agent else "",
        f"with {inline(task.model)}" if task.model else "",
        f"at most {task.max_turns} turns" if task.max_turns else "",
        f"at most ${task.max_cost:g}" if task.max_cost else "",
    ]
    about = " · ".join(part for part in said if part)
    what = f"\n  {inline(task.description, limit=DESCRIPTION)}" if task.description else ""
    return f"{f' · {about}' if about else ''}{what}"


def _graph(
    plan: Plan, *, states: Mapping[str, str] | None = None, numbers: Mapping[str, int] | None = None
) -> list[str]:
    return ["```mermaid", graph_of(plan, states=states or {}, numbers=numbers or {}), "```"]


def _data(plan: Plan) -> list[str]:
    # In one line, without what could be taken for a marker or the end of the block.
    text = json.dumps(json.loads(json_of(plan, say="-")), separators=(",", ":")).replace("<", "\\u003c")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [_DATA, "", f"{fence}json", text, fence, "", "</details>"]


def proposed(issue: Issue, task: Task, attempt: int) -> Plan | None:
    """The plan that an attempt proposed on the issue; None when it proposed none, or the comment is gone."""
    marker = proposal_marker(task, attempt)
    comment = next((c for c in issue.comments if c.mine and parse_marker(c.body) == marker), None)
    return _plan_in(comment) if comment else None


def _plan_in(comment: Comment) -> Plan | None:
    # The last one is ours; what an agent says above it may look the same, and is not what the outline shows.
    found = list(_JSON.finditer(comment.body.replace("\r\n", "\n")))
    try:
        return proposal_of(found[-1]["json"]).plan if found else None
    except ValueError:
        return None  # a person changed it to something else


def plan_comment(
    task: Task,
    parts: tuple[Part, ...],
    states: Mapping[str, State],
    *,
    waiting: Waiting | None,
) -> str:
    """The one status comment of a published plan: its graph and how far each task is."""
    plan = Plan(title=task.title, tasks=tuple(_again(part) for part in parts))
    shown = {key: state.value for key, state in states.items()}
    numbers = {part.planned.key: part.number for part in parts}
    over = all(state in SETTLED for state in states.values())
    where = "finished" if over else f"stage {max(task.opened, 1)} of {stages_in(parts)}"
    lines = [
        str(status_marker(task)),
        f"**Plan** · {where} · {tally(states.values())}",
        "",
        *_graph(plan, states=shown, numbers=numbers),
        "",
        "| Stage | Task | State |",
        "| --- | --- | --- |",
    ]
    end = ["", f"{waiting.why} {waiting.unblocks}"] if waiting else []
    for room in TITLES:
        text = "\n".join((*lines, *(_row(part, states, room) for part in parts), *end)) + "\n"
        if len(text) <= COMMENT_LIMIT:
            break
    return text


def _row(part: Part, states: Mapping[str, State], room: int) -> str:
    title = inline(part.planned.title, limit=room)
    return f"| {part.planned.stage} | #{part.number} {title} | {SIGNS[states[part.planned.key]]} |"


def _again(part: Part) -> PlanTask:
    planned = part.planned
    return PlanTask(planned.key, planned.title, after=planned.after, stage=planned.stage)

"""Do the steps of plans: publish what was agreed, let tasks start, ask at gates, and do what people chose there."""

import logging
from dataclasses import replace

from cdock.core.actions import HearDecision, ReleaseTasks, ShowGate
from cdock.core.errors import CdockError, Refused
from cdock.core.planning.drafts import PARENT, Card, Draft, Stand
from cdock.core.planning.gates import (
    APPROVE,
    DROP,
    RETRY,
    Decision,
    drop_words,
    dropped_by,
    gate_comment,
    gate_marker,
    retry_words,
)
from cdock.core.planning.parts import State, go_label, states_of
from cdock.core.planning.proposal import proposal_of
from cdock.core.planning.telling import proposal_comment, proposal_marker, proposed
from cdock.core.runs import Verdict
from cdock.core.task import Attempt, Task
from cdock.core.world import Case, Part
from cdock.reconciler.claiming import about, swap, task_of
from cdock.reconciler.house import House

log = logging.getLogger("cdock")

_COLUMNS = {
    State.WORKING: "In Progress",
    State.FAILED: "Needs Help",
    State.LEFT: "Needs Help",
    State.WORKED: "In Review",
    State.DONE: "Done",
    State.DROPPED: "Done",
}
"""The status of a card; the others are `Todo`."""


def propose(house: House, task: Task, attempt: Attempt, verdict: Verdict) -> str:
    """Say on the issue what an attempt proposes, and return its words without the plan.

    This comes before its end is on record, for nobody comes back to it after.
    """
    proposal = proposal_of(house.fit(verdict.text))
    marker = str(proposal_marker(task, attempt.number))
    body = proposal_comment(task, attempt.number, proposal)
    house.forge.ensure_comment(task.issue, marker=marker, body=body)
    house.memory.stale = True
    return proposal.say


def publish_agreed(house: House, case: Case) -> None:
    """Make issues of the proposal that a person approved.

    Raises:
        Refused: the proposal is not there any more, or was made unreadable; nothing is agreed then.
    """
    task = task_of(case)
    plan = proposed(case.issue, task, task.agreed)
    if plan is None:
        swap(house, case, replace(task, agreed=0))
        raise Refused(
            "the proposal that was approved has no plan that can be read",
            code="CD457",
            tried=f"reading the comment with the proposal of attempt {task.agreed} on #{task.issue}",
            fix="reply on the issue to let the agent propose it again, then comment `/cdock approve`",
        )
    draft = Draft(
        id=task.uuid,
        plan=plan,
        created_at=task.created_at,
        stand=Stand.APPROVED,
        agent=house.policy.planner,
        numbers={PARENT: task.issue},
    )
    kept = next((one for one in house.plans.list() if one.id == draft.id), None)
    if kept is None or (kept.stand is not Stand.PUBLISHED and kept.plan != plan):
        # Published at the end of this tick and the following ones: steps of other issues run beside this one, and two
        # deliveries at once could make an issue twice. Of a proposal that could not be published there may be issues.
        house.plans.put(replace(draft, numbers={**(kept.numbers if kept else {}), **draft.numbers}))


def release_tasks(house: House, step: ReleaseTasks) -> None:
    """Let tasks start; written down afterwards, so that one whose label people take off again stays without it."""
    task = task_of(step.case)
    for part in step.parts:
        house.forge.ensure_labels(part.number, add={go_label(part.planned, house.policy)}, remove=())
    house.memory.stale = True
    numbers = tuple(part.number for part in step.parts)
    swap(house, step.case, replace(task, released=tuple(dict.fromkeys((*task.released, *numbers)))))
    log.info("tasks may start", extra=about(task, text=", ".join(f"#{number}" for number in numbers)))


def show_gate(house: House, step: ShowGate) -> None:
    """Write the comment of a stage's gate."""
    task = task_of(step.case)
    marker = str(gate_marker(task, step.stage))
    house.forge.ensure_comment(task.issue, marker=marker, body=step.text)
    house.memory.stale = True


def hear_decision(house: House, step: HearDecision) -> None:
    """Do what a person chose at a gate. The comment is written anew after that, without their ticks."""
    task, chosen = task_of(step.case), step.decision
    parts = step.case.parts or ()
    states = states_of(parts, house.policy)
    failed, held = dropped_by(parts, states, stage=chosen.stage)
    if DROP in chosen.keys:
        for part in (*failed, *held):
            _drop(house, task, part, chosen.author)
    elif RETRY in chosen.keys:
        for part in failed:
            if states[part.planned.key] is State.LEFT:
                house.forge.ensure_labels(part.number, add={go_label(part.planned, house.policy)}, remove=())
                continue
            marker, body = retry_words(task, part, chosen.author)
            house.forge.ensure_comment(part.number, marker=marker, body=body)
    opened = chosen.stage + 1 if APPROVE in chosen.keys else task.opened
    claim = swap(house, step.case, replace(task, opened=max(task.opened, opened)))
    house.memory.stale = True
    if chosen.stage:
        # Now: the ticks would be obeyed again, and by then there may be other tasks that failed.
        changed = _changed(failed, held, chosen.keys)
        text = gate_comment(claim.task, parts, {**states, **changed}, stage=chosen.stage, decided=chosen)
        house.forge.ensure_comment(task.issue, marker=str(gate_marker(task, chosen.stage)), body=text)
    log.info("decided", extra=about(task, text=_told(chosen)))


def _told(chosen: Decision) -> str:
    stage = f"stage {chosen.stage}" if chosen.stage else "the plan"
    return f"{stage}: {', '.join(chosen.keys)}{f', by {chosen.author}' if chosen.author else ''}"


def _changed(failed: tuple[Part, ...], held: tuple[Part, ...], keys: tuple[str, ...]) -> dict[str, State]:
    """How the tasks stand that a decision was about, before it is seen."""
    if DROP in keys:
        return {part.planned.key: State.DROPPED for part in (*failed, *held)}
    # Of a stage that was passed it stays on record what was decided about.
    again = RETRY in keys and APPROVE not in keys
    return {part.planned.key: State.WORKING for part in failed} if again else {}


def _drop(house: House, task: Task, part: Part, author: str) -> None:
    marker, body = drop_words(task, author)
    house.forge.ensure_comment(part.number, marker=marker, body=body)
    house.forge.ensure_closed(part.number, dropped=True)


def show_board(house: House, case: Case) -> None:
    """Let the board follow the tasks, where there is one. A view that cannot be had now stops nothing."""
    if house.board is None or case.parts is None:
        return
    states = states_of(case.parts, house.policy)
    cards = [
        Card(part.issue, _COLUMNS.get(states[part.planned.key], "Todo"), part.planned.stage)
        for part in case.parts
        if part.issue and not part.issue.gone
    ]
    try:
        house.board.show(case.issue, cards)
    except CdockError as error:
        log.info("board waits", extra={"issue": case.issue.number, "error": error.message, "fix": error.fix})

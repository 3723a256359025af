"""Why a task of a published plan stands where it does, and what would change that: sentences for people."""

from collections.abc import Mapping
from dataclasses import dataclass

from cdock.core.planning.parts import State, states_of
from cdock.core.policy import Policy
from cdock.core.task import Task
from cdock.core.world import Part


@dataclass(frozen=True)
class Standing:
    """How one task of a plan stands. Nobody works on those that are only told of by this."""

    issue: int
    key: str
    title: str
    stage: int
    state: str
    why: str
    unblocks: str


def standings(task: Task, parts: tuple[Part, ...], policy: Policy) -> tuple[Standing, ...]:
    """How all tasks of the plan of `task` stand, in the order of their stages."""
    states = states_of(parts, policy)
    by_key = {part.planned.key: part for part in parts}
    return tuple(
        Standing(
            part.number,
            part.planned.key,
            part.planned.title,
            part.planned.stage,
            states[part.planned.key].value,
            *_said(task, part, states, by_key),
        )
        for part in parts
    )


def _said(task: Task, part: Part, states: Mapping[str, State], by_key: Mapping[str, Part]) -> tuple[str, str]:
    plan, stage = f"the plan in #{task.issue}", part.planned.stage
    match states[part.planned.key]:
        case State.LATER if stage > task.opened:
            approve = f"comment `/cdock approve` on #{task.issue}, or run `cdock approve {task.issue}`"
            return (
                f"Stage {stage} of {plan} is not open yet; stage {task.opened} is.",
                f"The end of stage {stage - 1}, and an approval: tick the box in the comment on it, {approve}.",
            )
        case State.LATER:
            return f"Stage {stage} of {plan} is open, and it is about to be let start.", "Nothing."
        case State.HELD:
            names = ", ".join(
                f"#{by_key[key].number} ({_WORDS.get(states[key].value, states[key].value)})"
                for key in part.planned.after
                if key in states and states[key] not in _ON_ITS_WAY
            )
            return f"What it comes after was not done: {names}.", f"A decision on that in #{task.issue}."
        case State.DROPPED:
            return f"It was dropped from {plan}.", "Reopen its issue to have it after all."
        case State.DONE:
            return "It is done.", "Nothing."
        case _:
            return f"It belongs to stage {stage} of {plan}.", f"#{part.number} tells."


_ON_ITS_WAY = (State.LATER, State.READY, State.WORKING, State.WORKED, State.DONE)
_WORDS = {"held": "held back", "left": "given up"}

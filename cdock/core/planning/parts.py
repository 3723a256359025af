"""How the tasks of a published plan stand, and what that means for its stages."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from cdock.core.asking import reason_to_ask
from cdock.core.depending import finished
from cdock.core.planning.graph import in_order
from cdock.core.planning.planned import PlannedTask
from cdock.core.policy import Policy
from cdock.core.world import Part


class State(StrEnum):
    """How one task of a plan stands."""

    LATER = "later"  # nobody has let it start yet
    READY = "ready"
    WORKING = "working"
    WORKED = "worked"  # its pull request waits for people
    FAILED = "failed"  # its agent is stuck, and a person is asked
    LEFT = "left"  # it was let start, and a person took its label off or closed its pull request
    HELD = "held"  # what it comes after failed or was dropped
    DONE = "done"
    DROPPED = "dropped"


SETTLED = frozenset({State.DONE, State.DROPPED})
STUCK = frozenset({State.FAILED, State.LEFT})
"""States of which a person has to say what becomes of it."""
AT_REST = SETTLED | STUCK | {State.WORKED, State.HELD}
"""States in which nothing happens before somebody acts."""


def states_of(parts: Iterable[Part], policy: Policy) -> Mapping[str, State]:
    """The state of each task, by key."""
    by_key = {part.planned.key: part for part in parts}
    found: dict[str, State] = {}
    for key in in_order({key: part.planned.after for key, part in by_key.items()}):
        part = by_key[key]
        alone = _alone(part, policy)
        lost = any(found.get(before) in (*STUCK, State.HELD, State.DROPPED) for before in part.planned.after)
        found[key] = State.HELD if lost and alone in (State.LATER, State.READY) else alone
    return found


def _alone(part: Part, policy: Policy) -> State:
    """Its state without regard to the others."""
    issue, claim = part.issue, part.claim
    if issue is None:
        return State.LATER
    if not issue.open:
        return State.DROPPED if issue.dropped else State.DONE
    if claim is None:
        if issue.wears(go_label(part.planned, policy)):
            return State.READY
        return State.LEFT if part.released else State.LATER
    if claim.task.plans:
        return State.WORKING
    if finished(claim) and not claim.task.question:
        return State.WORKED
    return State.FAILED if reason_to_ask(claim.task, None, policy) else State.WORKING


def go_label(task: PlannedTask, policy: Policy) -> str:
    """The label that lets a task of a plan start."""
    return policy.labels.plan if task.nested else policy.labels.ready


def stages_in(parts: Iterable[Part]) -> int:
    """How many stages there are."""
    return max((part.planned.stage for part in parts), default=0)


def at_rest(parts: Iterable[Part], states: Mapping[str, State], *, stage: int) -> bool:
    """Whether nothing of a stage, or of those before it, goes on by itself."""
    return all(states[part.planned.key] in AT_REST for part in parts if part.planned.stage <= stage)


def to_come(parts: Iterable[Part], states: Mapping[str, State], *, stage: int) -> bool:
    """Whether a stage after this one has anything that is not settled yet, and so is worth an approval."""
    return any(part.planned.stage > stage and states[part.planned.key] not in SETTLED for part in parts)


def to_release(
    parts: Iterable[Part], states: Mapping[str, State], *, opened: int, released: Iterable[int]
) -> tuple[Part, ...]:
    """Tasks of the stages that are open and that nobody has let start yet; each is let start once."""
    before = frozenset(released)
    return tuple(
        part
        for part in parts
        if part.planned.stage <= opened and states[part.planned.key] is State.LATER
        if part.number not in before and part.issue is not None
    )

"""When enough is enough: which limit a running attempt has reached, and what is left of the others."""

from datetime import UTC, datetime, timedelta

from cdock.core.policy import Policy
from cdock.core.task import Cap, Cause, Task
from cdock.core.world import Case, World


def share_of(cap: Cap | None, task: Task, policy: Policy) -> float:
    """What a person allows with one tick: as much again as was given at first; 0 for what is no amount."""
    match cap:
        case Cap.TURNS:
            return _lower(task.max_turns, policy.max_turns)
        case Cap.COST:
            return _lower(task.max_cost, policy.max_cost)
        case Cap.LINES:
            return policy.max_lines
        case _:
            return 0


def most_turns(task: Task, policy: Policy) -> int:
    """Turns that all attempts of the task may take together; 0 for no limit."""
    asked = _lower(task.max_turns, policy.max_turns)
    return int(asked + task.allowed.turns) if asked else 0


def most_cost(task: Task, policy: Policy) -> float:
    """US dollars that all attempts of the task may cost together; 0 for no limit."""
    asked = _lower(task.max_cost, policy.max_cost)
    return asked + task.allowed.cost if asked else 0.0


def most_lines(task: Task, policy: Policy) -> int:
    """Lines that the work may add and remove; 0 for no limit."""
    return policy.max_lines + task.allowed.lines if policy.max_lines else 0


def _lower(one: float, other: float) -> float:
    return min(one, other) if one and other else one or other


def turns_left(task: Task, policy: Policy) -> int:
    """For the next attempt: 0 for no limit, else at least one."""
    most = most_turns(task, policy)
    return max(1, most - sum(a.turns for a in task.attempts)) if most else 0


def cost_left(task: Task, policy: Policy) -> float:
    """For the next attempt, in US dollars: 0 for no limit, else at least a cent."""
    most = most_cost(task, policy)
    return max(0.01, most - sum(a.cost for a in task.attempts)) if most else 0.0


def reached(case: Case, task: Task, world: World, policy: Policy) -> Cap | None:
    """The limit that the running attempt has reached. A person at the terminal has none."""
    attempt, run, seen = task.running, case.run, case.progress
    if attempt is None or run is None or attempt.cause is Cause.PERSON:
        return None
    if world.now - attempt.started_at >= policy.time_box:
        return Cap.TIME
    if seen is None:
        return None
    if world.elapsed - seen.moved_at >= policy.stall.total_seconds():
        return Cap.STALL
    earlier = [a for a in task.attempts if a is not attempt]
    turns, cost = most_turns(task, policy), most_cost(task, policy)
    if turns and sum(a.turns for a in earlier) + seen.turns > turns:
        return Cap.TURNS
    if cost and sum(a.cost for a in earlier) + seen.cost > cost:
        return Cap.COST
    if policy.day_cost and world.spent_today + running_cost(world) > policy.day_cost:
        return Cap.DAY
    if too_large(case, task, policy):
        return Cap.LINES
    return None


def too_large(case: Case, task: Task, policy: Policy) -> bool:
    """Whether the work changes more lines than it may."""
    most = most_lines(task, policy)
    return bool(most and case.harvest and case.harvest.lines > most)


def running_cost(world: World) -> float:
    """US dollars that living runs of this machine cost so far."""
    return sum(seen.cost for _, seen in world.progress)


def day_over(world: World, policy: Policy) -> datetime | None:
    """When the next day's money is there, if that of today is used up."""
    if not policy.day_cost or world.spent_today + running_cost(world) < policy.day_cost:
        return None
    midnight = world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)

"""The loop: look, plan, act, look again. A tick that did something is followed by another at once."""

import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

from cdock.core.actions import Action, PublishWork, ReleaseClaim, RenewClaim, ShowStatus, StopRun, TakeClaim
from cdock.core.cases import cases_of
from cdock.core.errors import CdockError, ClaimLost, Limited, Overtaken, Refused, Unavailable
from cdock.core.plan import busy, plan, status_of
from cdock.core.task import Status
from cdock.core.world import World
from cdock.reconciler.approved import publish_approved
from cdock.reconciler.claiming import lose, publish
from cdock.reconciler.delivering import deliver
from cdock.reconciler.house import GIVE_UP, PLACE, House, Pause
from cdock.reconciler.mirror import write_mirror
from cdock.reconciler.observe import interval, observe
from cdock.reconciler.perform import perform

log = logging.getLogger("cdock")

LAG = 30.0
"""Seconds for which a write to an issue is not repeated because a read does not show it yet."""


def tick(house: House) -> tuple[Action, ...]:
    """One round: what was done, or tried."""
    PLACE.set(house.name)
    world = observe(house)
    steps = _ready(plan(world, house.policy), house, world)
    if house.neighbours:
        claiming = sum(isinstance(step, TakeClaim) for step in steps)
        house.memory.busy = busy(world, house.policy) + claiming
    lost = _move_claims([step for step in steps if isinstance(step, RenewClaim | PublishWork)], house, world)
    by_issue: dict[int, list[Action]] = defaultdict(list)
    for step in steps:
        if step.issue not in lost and not isinstance(step, RenewClaim | PublishWork):
            by_issue[step.issue].append(step)
    if len(by_issue) > 1 and house.workers > 1:
        with ThreadPoolExecutor(max_workers=house.workers) as pool:
            doing = [pool.submit(copy_context().run, _perform_all, own, house) for own in by_issue.values()]
            for done in doing:
                done.result()
    else:
        for own in by_issue.values():
            _perform_all(own, house)
    if house.memory.away_since is None and deliver(house):
        house.memory.doubt = True
    if house.memory.away_since is None and publish_approved(house):
        house.memory.doubt = True
    write_mirror(house, world)
    return steps


def _move_claims(steps: list[RenewClaim | PublishWork], house: House, world: World) -> frozenset[int]:
    """Heartbeats and new commits of all tasks, together; the issues of which nothing more is done in this tick."""
    if not steps:
        return frozenset()
    failed = publish(house, [(step.case, isinstance(step, PublishWork)) for step in steps])
    for step in steps:
        error = failed.get(step.issue)
        if error is None:
            _went_well(step, house)
        else:
            _went_wrong(step, error, house)
    return frozenset(
        step.issue
        for step in steps
        if (error := failed.get(step.issue))
        if isinstance(error, ClaimLost) or _lapsed(step, house, world)
    )


def _lapsed(step: Action, house: House, world: World) -> bool:
    """Whether our claim did not move for so long that another poller may have it by now."""
    claim = step.case.claim
    margin = house.policy.lease_margin.total_seconds()
    return claim is not None and world.elapsed - claim.seen_at >= claim.ttl - margin


def _ready(steps: tuple[Action, ...], house: House, world: World) -> tuple[Action, ...]:
    """The steps that were not done just now, and nothing urgent that failed just now."""
    return tuple(
        step
        for step in steps
        if not (isinstance(step, ShowStatus) and (_just_shown(step, house, world) or _saving(house, world)))
        if not (isinstance(step, RenewClaim | StopRun) and _just_failed(step, house, world))
    )


def _saving(house: House, world: World) -> bool:
    """Whether the forge's quota is kept for what cannot wait; what is true by then is shown later."""
    limited = house.memory.limited
    return limited is not None and limited.until > world.elapsed


def _just_failed(step: Action, house: House, world: World) -> bool:
    pause = house.memory.pauses.get(step.issue)
    return pause is not None and pause.until > world.elapsed and pause.step == type(step).__name__


def _just_shown(step: ShowStatus, house: House, world: World) -> bool:
    shown = house.memory.shown.get(step.issue)
    return shown is not None and shown[0] == _picture(step) and world.elapsed - shown[1] < LAG


def _picture(step: ShowStatus) -> str:
    return "\n".join((*sorted(step.add), "-", *sorted(step.remove), step.comment))


def _perform_all(steps: list[Action], house: House) -> None:
    """The steps of one issue, in order. After one that fails the issue pauses; what is true is shown all the same."""
    failed = False
    for step in steps:
        try:
            perform(step, house)
        except CdockError as error:
            if not failed:
                _went_wrong(step, error, house)
            if isinstance(error, ClaimLost):
                return
            # A status that has to wait for its turn keeps nothing else from being done.
            failed = failed or not (isinstance(step, ShowStatus) and isinstance(error, Limited))
            continue
        except Exception:
            # A fault of ours in one case must not stop the others; it is logged whole and tried again later.
            log.exception("step failed", extra={"issue": step.issue, "step": str(step)})
            _pause(house, step, CdockError("internal error, see the log"))
            failed = True
            continue
        if isinstance(step, ShowStatus):
            house.memory.shown[step.issue] = (_picture(step), house.clock.elapsed())
        if isinstance(step, ReleaseClaim):
            house.memory.shown.pop(step.issue, None)
        _went_well(step, house)


def _went_wrong(step: Action, error: CdockError, house: House) -> None:
    """Say what failed, and when it is tried again."""
    if isinstance(error, ClaimLost):
        lose(house, step.issue)
        if isinstance(step, TakeClaim):
            _yield(house, step)
        log.info("claim lost", extra={"issue": step.issue, "step": str(step), "error": error.message})
    elif isinstance(error, Overtaken):
        # What was in the way is seen now, and the next plan goes round it: nothing to wait for.
        log.info("not pushed", extra={"issue": step.issue, "step": str(step), "error": error.message})
    elif isinstance(error, Limited) and isinstance(step, ShowStatus):
        _save_quota(house, error)
    else:
        _pause(house, step, error)


def _yield(house: House, step: TakeClaim) -> None:
    """Whoever was quicker shows at the next look. A claim that nobody can read shows never, and stays in the way."""
    before = house.memory.pauses.get(step.issue)
    failures = (before.failures if before else 0) + 1
    pause = _backoff(house, failures - 1) if failures > 1 else 0.0
    house.memory.pauses[step.issue] = Pause(
        until=house.clock.elapsed() + pause, failures=failures, step=type(step).__name__
    )


def _save_quota(house: House, error: Limited) -> None:
    left = max(1.0, (error.until - house.clock.now()).total_seconds())
    until = house.clock.elapsed() + left
    if house.memory.limited is None or until - house.memory.limited.until > 1:
        log.info("waiting", extra={"text": f"forge quota until {error.until:%H:%M:%S} UTC", "fix": error.fix})
    house.memory.limited = Pause(until=until, failures=0, step="", quota_until=error.until)


def _went_well(step: Action, house: House) -> None:
    """End the pause of an issue, but not because its heartbeat or its comment worked while something else does not."""
    pause = house.memory.pauses.get(step.issue)
    aside = isinstance(step, RenewClaim | ShowStatus)
    if pause and (not aside or pause.step == type(step).__name__):
        del house.memory.pauses[step.issue]


def _pause(house: House, step: Action, error: CdockError) -> None:
    before = house.memory.pauses.get(step.issue)
    failures = (before.failures if before else 0) + 1
    pause = _backoff(house, failures)
    quota = error.until if isinstance(error, Limited) else None
    if quota:
        # The heartbeat needs no quota and goes on, so this may take as long as it takes.
        pause = max(pause, (quota - house.clock.now()).total_seconds())
    house.memory.pauses[step.issue] = Pause(
        until=house.clock.elapsed() + pause, failures=failures, step=type(step).__name__, quota_until=quota
    )
    # Who may not start work changes nothing, however many issues they label.
    house.memory.doubt |= step.issue not in house.memory.unapproved
    level = logging.INFO if isinstance(error, Unavailable) else logging.WARNING
    log.log(
        level,
        "will look again" if isinstance(error, Unavailable) else "step refused",
        extra={
            "issue": step.issue,
            "step": str(step),
            "error": error.message,
            "fix": error.fix,
            "pause": round(pause, 1),
        },
    )


def _backoff(house: House, failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    policy = house.policy
    # A heartbeat that failed pauses too, so a pause must end well before the lease does.
    limit = min(policy.backoff_limit, policy.lease / 3)
    return min(policy.backoff * (1 << min(failures - 1, 16)), limit).total_seconds()


def given_up(house: House) -> frozenset[int]:
    """Issues whose steps failed again and again."""
    return frozenset(n for n, pause in house.memory.pauses.items() if pause.failures >= GIVE_UP)


def settled(house: House) -> bool:
    """Whether nothing is left to do or to wait for, leaving aside the issues that were given up."""
    house.memory.doubt = True
    if house.memory.pressing:
        return False
    world = observe(house)
    hopeless = given_up(house)
    if any(step.issue not in hopeless for step in plan(world, house.policy)):
        return False
    if any(issue.number in world.paused - hopeless for issue in world.issues):
        return False
    waiting = (Status.CLAIMED, Status.IN_PROGRESS, Status.FAILED)
    return not any(
        case.claim
        and case.claim.holder == house.me
        and case.issue.number not in hopeless
        and status_of(case, world, house.policy) in waiting
        for case in cases_of(world)
    )


@dataclass
class _Turn:
    """One house among those that take turns."""

    house: House
    before: tuple[str, ...] = ()
    not_before: float = 0.0
    """When a forge that was never reached is tried again."""
    acted: bool = False
    done: bool = False


def run(*houses: House, once: bool = False) -> int:
    """Tick in turns until asked to end; with `once`, until everything found is finished or waits for a person.

    Each house begins a round in its turn, so that none takes all the room for itself. Returns how many issues were
    given up. Raises:
        Refused: a forge will not have us; repeating would not help.
        Unavailable: with `once`, a forge could not be read at all.
    """
    for house in houses:
        house.neighbours = tuple(other for other in houses if other is not house)
    clock = houses[0].clock
    turns = deque(_Turn(house) for house in houses)
    while True:
        for turn in turns:
            _take(turn, once=once)
            if clock.sleep(0):
                return _given_up(houses)
        turns.rotate(-1)
        if any(turn.acted for turn in turns):
            continue
        if once and all(turn.done for turn in turns):
            return _given_up(houses)
        if clock.sleep(min(max(_wait(turn.house), turn.not_before - clock.elapsed()) for turn in turns)):
            return _given_up(houses)


def _take(turn: _Turn, *, once: bool) -> None:
    house = turn.house
    if house.clock.elapsed() < turn.not_before:
        turn.acted = False
        return
    try:
        steps = tick(house)
    except (Unavailable, Refused) as error:
        # What is wrong with one of several repositories is no reason to leave the others alone.
        alone = isinstance(error, Refused) and not house.neighbours
        if alone or (once and house.memory.snapshot is None):
            raise
        log.warning("cannot look now", extra={"error": error.message, "fix": error.fix})
        steps = ()
        if house.memory.snapshot is None:
            turn.not_before = house.clock.elapsed() + interval(house)
    # The same again means that what was done does not show yet; a forge that lags behind must not be hammered.
    again, turn.before = turn.before, tuple(str(step) for step in steps)
    turn.acted = bool(steps) and turn.before != again
    turn.done = once and not turn.acted and settled(house)


def _wait(house: House) -> float:
    """Seconds after which there may be something to do."""
    memory, now = house.memory, house.clock.elapsed()
    if memory.claims or memory.doubt or memory.knocks != house.clock.knocks():
        return house.look_every
    # A pause that is over and brought no step is of an issue of which nothing is wanted any more.
    pauses = (pause.until - now for pause in memory.pauses.values() if pause.until > now - house.look_every)
    return min([interval(house), *(max(left, house.look_every) for left in pauses)])


def _given_up(houses: Sequence[House]) -> int:
    return sum(len(given_up(house)) for house in houses)

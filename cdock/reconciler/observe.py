"""Look at everything and say what is there. Nothing is decided here and nothing changed but our copies of logs."""

import logging
import zlib
from collections.abc import Collection, Mapping
from dataclasses import replace

from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Reading
from cdock.core.form import brief_of
from cdock.core.ids import TaskId
from cdock.core.issues import Snapshot, Watch
from cdock.core.planning.planned import planned_of
from cdock.core.runs import CheckResult, Progress, Role, Run, RunState, Verdict
from cdock.core.task import Claim, Task
from cdock.core.world import World
from cdock.ports import Agent
from cdock.reconciler.checking import lock_of
from cdock.reconciler.house import GIVE_UP, House

log = logging.getLogger("cdock")

CLAIMS_EVERY = 60.0
"""Seconds after which the claims are listed again although nothing changed, to see whose leases do not move."""
KNOCK_EVERY = 3.0
"""Least seconds between two reads of the forge that are only made for knocks: anybody who may comment causes them."""
REPLICAS = 15.0
"""Seconds for which two lists of a forge may tell of different times."""
QUIET = 10
"""Reads of the forge without news after which the interval begins to grow, and doubles each time."""
TAIL = 16_384
"""Bytes of output that explain an end."""
GONE_AFTER = 60.0
"""Seconds for which a claimed issue must not be there to count as deleted: one wrong answer must not end its work."""
LOG_SHARE = 20
"""One part in so many of the time may go into asking for the output of a living run."""
LINE_LIMIT = 4_000_000
"""Bytes of one line of output that are read; the rest of a longer one is junk to every agent's reader."""


def observe(house: House, *, keep_logs: bool = True) -> World:
    """Everything seen now. Without `keep_logs` nothing is written at all, for a look beside a running poller.

    Raises:
        Unavailable: the forge cannot be read and was never read before by this process.
        Refused: the forge says that this token may not, and it was never read before by this process.
    """
    shown = _shown(house)
    claims = tuple(house.memory.claims.values())
    tasks = {claim.task.id: claim.task for claim in claims}
    runs = tuple(run for run in house.runner.list() if run.task in tasks or not _minded(house, run.task))
    workspaces = house.workspaces.list()
    verdicts, checks, progress = [], [], []
    for run in runs:
        if keep_logs:
            _keep_log(house, run)
        task = tasks.get(run.task)
        if run.role is Role.AGENT and task:
            reading = _read(house, run, task)
            # Until its end is on record, what it has read and cost is known from nowhere else.
            if run.alive or (task.running and task.running.number == run.attempt):
                progress.append((run.name, _progress(house, run, task, reading)))
            if run.state is RunState.EXITED and (verdict := _verdict(house, run, task, reading)):
                verdicts.append((run.name, verdict))
        elif run.role is Role.CHECK and run.state is RunState.EXITED and run.exit_code is not None:
            checks.append((run.name, CheckResult(run.exit_code, _tail(house, run))))
    wishes = house.wishes.list()
    there = {seen.task for found in (runs, workspaces, wishes) for seen in found}
    now = house.clock.elapsed()
    return World(
        now=house.clock.now(),
        elapsed=now,
        me=house.me,
        process=house.process,
        issues=shown.issues,
        claims=claims,
        workspaces=workspaces,
        runs=runs,
        pulls=shown.pulls,
        helps=shown.helps,
        harvests=tuple(house.memory.harvests.items()),
        verdicts=tuple(verdicts),
        checks=tuple(checks),
        pushed_at=house.memory.pushed_at,
        progress=tuple(progress),
        wishes=wishes,
        sent=dict(house.memory.sent),
        capped=dict(house.memory.capped),
        spent_today=_spent_today(house),
        only=house.only,
        elsewhere=sum(neighbour.memory.busy for neighbour in house.neighbours),
        new_claims=1 if house.neighbours else None,
        gone=house.memory.gone,
        unpushable=tuple(house.memory.unpushable.items()),
        left=frozenset(house.memory.left),
        lately=_lately_held(house, there),
        unapproved=_unapproved(house, shown),
        unsettled=_unsettled(house, shown),
        stuck=frozenset(n for n, pause in house.memory.pauses.items() if pause.failures >= GIVE_UP),
        paused=frozenset(n for n, pause in house.memory.pauses.items() if pause.until > now),
    )


def _shown(house: House) -> Snapshot:
    """The forge's side: read again at the poll interval, else as last seen, with our own writes since."""
    memory, now = house.memory, house.clock.elapsed()
    knocks = house.clock.knocks()
    knocked = knocks != memory.knocks and now - memory.knocked_at >= KNOCK_EVERY
    due = memory.doubt or knocked or now - memory.read_at >= interval(house)
    if memory.snapshot and not due and not memory.stale:
        return memory.snapshot
    memory.knocked_at = now if knocked else memory.knocked_at
    try:
        doubted = memory.snapshot is None or memory.doubt or memory.unlisted
        if doubted or now - memory.listed_at >= _claims_every(house):
            _list_claims(house)
        shown = _look(house, fresh=due)
        if due and shown is not memory.snapshot and memory.listed_at < now and _list_claims(house):
            shown = _look(house, fresh=False)
    except (Unavailable, Refused) as error:
        # After a first success a refusal is often about one thing or one moment: an issue deleted between two reads,
        # a replica that does not know the token. Whatever it is, what runs has to be looked after.
        if memory.snapshot is None:
            raise
        away = isinstance(error, Unavailable)
        if memory.away_since is None:
            memory.away_since = house.clock.now()
            log.warning(
                f"forge {'not reachable' if away else 'refuses'}, going on with what was last seen",
                extra={"error": error.message, "fix": error.fix},
            )
        memory.away_why = error.message
        memory.unlisted |= memory.doubt
        memory.read_at, memory.stale, memory.doubt, memory.knocks = now, False, False, knocks
        return memory.snapshot
    if memory.away_since is not None:
        log.info("forge is back", extra={"text": f"it was away since {memory.away_since:%H:%M:%S} UTC"})
    if due:
        memory.quiet = memory.quiet + 1 if shown is memory.snapshot and not knocked else 0
        memory.knocks = knocks
        memory.read_at, memory.seen_at, memory.away_since, memory.away_why = now, house.clock.now(), None, ""
        _note_absent(house, shown, now)
    memory.snapshot = shown
    memory.stale = memory.doubt = False
    return shown


def _look(house: House, *, fresh: bool) -> Snapshot:
    """What the forge shows; what is seen to matter only by that is looked at before anything is decided by it."""
    watch = _watch(house, house.memory.snapshot)
    shown = house.forge.look(watch, fresh=fresh)
    more = _watch(house, shown)
    return shown if more.held <= watch.held else house.forge.look(more, fresh=False)


def interval(house: House) -> float:
    """Seconds from one read of the forge to the next: it grows while nothing changes, and is never quite the same."""
    doublings = max(0, house.memory.quiet - QUIET) / QUIET
    wanted = min(house.poll_every * 2 ** min(doublings, 30.0), max(house.poll_idle, house.poll_every))
    # Pollers that were started together must not stay together.
    return wanted * (0.9 + 0.2 * (zlib.crc32(f"{house.process}/{house.memory.read_at}".encode()) / 2**32))


def _claims_every(house: House) -> float:
    """Seconds after which claims are listed again: several times in a lease, or its end would be guessed."""
    return min(CLAIMS_EVERY, house.policy.lease.total_seconds() / 5)


def _list_claims(house: House) -> bool:
    """Read all claims; whether another set of issues is claimed now."""
    memory, now = house.memory, house.clock.elapsed()
    before = memory.claims
    memory.claims = {claim.issue: _since(before, claim, now) for claim in house.claims.list()}
    memory.listed_at, memory.unlisted = now, False
    return memory.claims.keys() != before.keys()


def _minded(house: House, task: TaskId) -> bool:
    """Whether somebody sees to the end of what runs apart from all tasks; one that was killed does not any more."""
    if not task.apart:
        return False
    lock = lock_of(task)
    if not house.locks.hold(lock):
        return True
    house.locks.release(lock)
    return False


def _note_absent(house: House, shown: Snapshot, now: float) -> None:
    """Remember which of the issues that were asked for the forge does not show, and since when."""
    memory = house.memory
    absent = _watch(house, shown).held - {issue.number for issue in shown.issues}
    memory.absent = {number: memory.absent.get(number, now) for number in absent}
    memory.gone = frozenset(n for n, since in memory.absent.items() if now - since >= GONE_AFTER)


def _lately_held(house: House, there: Collection[TaskId]) -> frozenset[TaskId]:
    """Those of the tasks `there` that no claim names, but only by lists of claims of less than a minute.

    A replica that lags behind shows claims of a while ago, or none; what an agent has not committed yet, and what was
    said to it, would be gone for good.
    """
    memory = house.memory
    held = {claim.task.id for claim in memory.claims.values()}
    memory.unheld = {task: memory.unheld.get(task, memory.listed_at) for task in there if task not in held}
    return frozenset(t for t, since in memory.unheld.items() if memory.listed_at - since < GONE_AFTER)


def _unsettled(house: House, shown: Snapshot) -> frozenset[int]:
    """Issues that were closed, as far as is seen only a moment ago, while their pull request seems open.

    A merge closes both, and lists of a forge come from replicas that lag behind one another: what was merged would be
    taken for given up.
    """
    memory, now = house.memory, house.memory.read_at
    closed = {issue.number for issue in shown.issues if not issue.open}
    heads = {pull.head for pull in shown.pulls if pull.open}
    prefix = house.policy.branch_prefix
    both = {n for n, claim in memory.claims.items() if n in closed and claim.task.id.branch(prefix) in heads}
    memory.closed = {n: memory.closed.get(n, now) for n in both}
    return frozenset(n for n, since in memory.closed.items() if now - since < REPLICAS)


def _unapproved(house: House, shown: Snapshot) -> frozenset[int]:
    """Issues that nobody who may has labelled, unless something was done to them since that was found out."""
    changed = {issue.number: issue.updated_at for issue in shown.issues}
    memory = house.memory
    memory.unapproved = {n: at for n, at in memory.unapproved.items() if n in changed and changed[n] == at}
    return frozenset(memory.unapproved)


def _watch(house: House, shown: Snapshot | None) -> Watch:
    """What has to be seen: all that is ready or claimed, and of our own tasks the help issues and pull requests."""
    claims = house.memory.claims.values()
    ours = [claim for claim in claims if claim.holder == house.me]
    looked_at = _looked_at(shown, {claim.issue for claim in ours if claim.task.plans})
    return Watch(
        ready=house.policy.labels.ready,
        help=house.policy.labels.help_issue,
        held=frozenset(claim.issue for claim in claims) | looked_at,
        asking=frozenset(claim.issue for claim in ours),
        branches=frozenset(claim.task.id.branch(house.policy.branch_prefix) for claim in ours),
        plan=house.policy.labels.plan,
    )


def _looked_at(shown: Snapshot | None, plans: Collection[int]) -> frozenset[int]:
    """Issues that others wait for: what comes before one that is ready or held, and the tasks of our plans."""
    found: set[int] = set()
    for issue in shown.issues if shown else ():
        if issue.open:
            found.update(brief_of(issue.body).depends)
        if issue.number in plans:
            notes = (planned_of(comment) for comment in issue.comments)
            found.update(task.number for note in notes if note for task in note.tasks)
    return frozenset(found)


def _since(known: Mapping[int, Claim], claim: Claim, now: float) -> Claim:
    """The claim with the moment we first saw it at this commit."""
    before = known.get(claim.issue)
    return replace(claim, seen_at=before.seen_at if before and before.oid == claim.oid else now)


def _keep_log(house: House, run: Run) -> None:
    """Copy what the run printed since we last looked; what we hold says from where."""
    began = house.clock.elapsed()
    at, took = house.memory.copied.get(run.name, (0.0, 0.0))
    if run.alive and began - at < took * LOG_SHARE:
        # Asking costs an engine time for all that was ever printed, however little of it is new.
        return
    fresh = house.runner.output(run.name, offset=house.logs.size(run.task, run.name))
    house.memory.copied[run.name] = (began, house.clock.elapsed() - began)
    if fresh:
        house.logs.append(run.task, run.name, fresh)


def _read(house: House, run: Run, task: Task) -> Reading:
    """Fold whole new lines of the run's log; the last one of an ended run may lack its newline."""
    agent = _agent_of(house, run, task)
    done, reading = house.memory.readings.get(run.name, (0, Reading()))
    if agent is None:
        return reading
    fresh = house.logs.read(run.task, run.name, offset=done)
    whole = len(fresh) if run.state is RunState.EXITED else fresh.rfind(b"\n") + 1
    at = done
    for raw in fresh[:whole].splitlines(keepends=True):
        line = raw.rstrip(b"\r\n")
        reading, events = agent.read(reading, line[:LINE_LIMIT].decode("utf-8", "replace"))
        for event in events:
            text = house.fit(event.text)
            log.info(
                "agent",
                extra={
                    "task": str(task.id),
                    "issue": task.issue,
                    "kind": event.kind,
                    "text": text,
                    "run": run.name,
                    # Where in the log the line begins: after a restart it is read, and told, once more.
                    "offset": at,
                },
            )
        at += len(raw)
    house.memory.readings[run.name] = (done + whole, reading)
    return reading


def _progress(house: House, run: Run, task: Task, reading: Reading) -> Progress:
    """What the run did so far; it has moved when it printed, committed, or changed a file that was looked at."""
    agent, now = _agent_of(house, run, task), house.clock.elapsed()
    harvest = house.memory.harvests.get(run.task)
    picture = (
        house.logs.size(run.task, run.name),
        house.memory.heads.get(run.task, ("", "")),
        harvest.lines if harvest else 0,
    )
    before = house.memory.moved.get(run.name)
    since = before[1] if before and before[0] == picture else now
    house.memory.moved[run.name] = (picture, since)
    return Progress(
        moved_at=since,
        turns=reading.turns,
        tokens=reading.tokens,
        cost=reading.cost,
        context=reading.context,
        window=reading.window,
        heard=reading.heard,
        live=run.alive and agent is not None and agent.can.live,
    )


def _spent_today(house: House) -> float:
    if not house.policy.day_cost:
        return 0.0
    today = house.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return house.ledger.spent(today)


def _agent_of(house: House, run: Run, task: Task) -> Agent | None:
    """The agent of a run's attempt; None for one of a former configuration."""
    attempt = next((a for a in task.attempts if a.number == run.attempt), None)
    return house.agents.get(attempt.agent) if attempt else None


def _verdict(house: House, run: Run, task: Task, reading: Reading) -> Verdict | None:
    agent = _agent_of(house, run, task)
    if agent is None or run.exit_code is None:
        return None
    return agent.end(reading, exit_code=run.exit_code, tail=_tail(house, run))


def _tail(house: House, run: Run) -> str:
    start = max(0, house.logs.size(run.task, run.name) - TAIL)
    tail = house.logs.read(run.task, run.name, offset=start)
    if start:
        # Half a line is cut elsewhere in each run, and would make the same error look like another one.
        tail = tail.partition(b"\n")[2] or tail
    return tail.decode("utf-8", "replace")

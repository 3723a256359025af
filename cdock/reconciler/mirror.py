"""Write down what was seen, for people and for commands that must not wait for the forge."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from cdock.core.answers import question_of
from cdock.core.bodies import choices_of
from cdock.core.cases import cases_of
from cdock.core.errors import CdockError
from cdock.core.explaining import explain, explain_ready
from cdock.core.form import brief_of
from cdock.core.ids import TaskId
from cdock.core.plan import status_of
from cdock.core.planning.standing import standings
from cdock.core.record import dump_record, record_of
from cdock.core.runs import Progress
from cdock.core.taking import startable
from cdock.core.task import Status
from cdock.core.waiting import with_a_person
from cdock.core.world import Case, World
from cdock.reconciler.claiming import branch_of
from cdock.reconciler.house import About, House, Told

log = logging.getLogger("cdock")

QUEUE = 100
"""Issues nobody has claimed yet that are told, oldest first."""
SEEN_EVERY = timedelta(minutes=1)
"""How far behind the mirror may be about when the forge answered last."""


def write_mirror(house: House, world: World) -> None:
    """The mirror, and the note in each worktree, say what is true now."""
    before, house.memory.told = house.memory.told, {}
    cases = cases_of(world)
    above = _above(cases)
    for case in cases:
        # Of a task that another poller took over it is told where the work is that only this machine has.
        if case.claim is None or (case.claim.holder != house.me and case.workspace is None):
            continue
        number = case.issue.number
        about = _about(case, house, world)
        about = replace(about, above=above.get(branch_of(house, about.task.id), ()))
        told = before.get(number)
        if told is None or told.about != about:
            told = _told(about, house)
        if not told.noted and about.worktree:
            told = replace(told, noted=_note(house, told.record, about.task.id))
        house.memory.told[number] = told
    tasks = [told.entry for told in house.memory.told.values()]
    record = {
        "version": 1,
        "isolation": house.runner.isolation,
        "forge": _forge(house),
        "stall": house.policy.stall.total_seconds(),
        "tasks": tasks,
        "queue": _queue(cases, house, world),
    }
    try:
        house.mirror.save(record)
    except CdockError as error:
        _warn_once(house, "mirror not written", error)


def _above(cases: Sequence[Case]) -> Mapping[str, tuple[TaskId, ...]]:
    """The tasks that build upon each branch."""
    found: dict[str, list[TaskId]] = {}
    for case in cases:
        if case.claim and case.claim.task.onto:
            found.setdefault(case.claim.task.onto, []).append(case.claim.task.id)
    return {branch: tuple(sorted(tasks)) for branch, tasks in found.items()}


def _queue(cases: Sequence[Case], house: House, world: World) -> list[Mapping[str, object]]:
    """The issues that are ready and that nobody has claimed, and why."""
    waiting = [case for case in cases if case.claim is None and startable(case, house.policy)]
    return [
        {
            "issue": case.issue.number,
            "title": case.issue.title,
            "url": case.issue.url,
            "batch": brief.batch,
            "plan": brief.plan,
            "worktree": brief.worktree,
            "why": why.why,
            "unblocks": why.unblocks,
        }
        for case in waiting[:QUEUE]
        for why, brief in ((explain_ready(case, world, house.policy), brief_of(case.issue.body)),)
    ]


def _forge(house: House) -> Mapping[str, object]:
    """How the forge does. When it was seen last is brought up to date once a minute, not at every look."""
    memory = house.memory
    seen, told = memory.seen_at, memory.told_seen_at
    if seen and (told is None or seen - told >= SEEN_EVERY or memory.away_since):
        memory.told_seen_at = seen
    limited = memory.limited if memory.limited and memory.limited.until > house.clock.elapsed() else None
    return {
        "seen_at": _iso(memory.told_seen_at),
        "away_since": _iso(memory.away_since),
        "why": memory.away_why,
        "quota_until": _iso(limited.quota_until if limited else None),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _about(case: Case, house: House, world: World) -> About:
    assert case.claim is not None, "asked for claimed issues only"  # noqa: S101 - for the type checker
    claim = house.memory.claims.get(case.issue.number)
    task = claim.task if claim else case.claim.task
    status = status_of(case, world, house.policy)
    ours = case.claim.holder == house.me
    explained = explain(case, task, status, world, house.policy) if ours else None
    asked = explained.reason if explained else None
    return About(
        task=task,
        status=status,
        explained=explained,
        progress=_rounded(case.progress),
        run=case.run.name if case.run and case.run.alive else "",
        question=question_of(task, task.round) or task.question,
        choices=choices_of(task, asked, house.policy) if asked else (),
        labels=case.issue.labels,
        pull=case.pull,
        worktree=case.workspace.path if case.workspace else "",
        help=case.help.number if case.help and case.help.open else None,
        url=case.issue.url,
        said=_said(house, task.id.run(task.last.number)) if task.last else "",
        quota_until=_quota(house, case.issue.number),
        away=house.memory.away_since is not None and status in _NEEDS_FORGE,
        parts=standings(task, case.parts, house.policy) if case.parts else (),
    )


def _quota(house: House, issue: int) -> datetime | None:
    pause = house.memory.pauses.get(issue)
    return pause.quota_until if pause and pause.until > house.clock.elapsed() else None


def _told(about: About, house: House) -> Told:
    record = dump_record(
        record_of(
            about.task,
            policy=house.policy,
            status=about.status,
            labels=tuple(sorted(about.labels)),
            pull=about.pull,
        ).model_copy(update=_neighbours(about, house))
    )
    extra = {
        "worktree": about.worktree,
        "help_number": about.help,
        "url": about.url,
        "said": about.said,
        "waiting": _waiting(about),
        "parts": [asdict(part) for part in about.parts],
        **_doing(about),
    }
    return Told(about=about, record=record, entry=record | extra)


def _neighbours(about: About, house: House) -> Mapping[str, object]:
    """The worktree that this one was branched from, and those that were branched from it."""
    below = about.task.onto.removeprefix(house.policy.branch_prefix)
    return {
        "parent_worktree": f"worktrees/{below}" if below else None,
        "sub_worktrees": tuple(f"worktrees/{task.name}" for task in about.above),
    }


def _rounded(progress: Progress | None) -> Progress | None:
    """Without what changes all the time and is not told."""
    if progress is None:
        return None
    # A hundredth of the window is the finest anybody reads.
    full = round(progress.full, 2)
    return replace(
        progress, moved_at=0.0, tokens=0, context=round(full * 100), window=100 if full else 0, heard=_NONE
    )


_NONE: frozenset[str] = frozenset()
_NEEDS_FORGE = (Status.CLAIMED, Status.FAILED)
"""What cannot go on without a forge; agents at work can."""


def _waiting(about: About) -> Mapping[str, object] | None:
    if about.quota_until:
        why = "The forge's limits for writes are reached."
        until = _iso(about.quota_until)
        return {"kind": "quota", "why": why, "until": until, "unblocks": "It goes on by itself."}
    if about.away:
        why = "The forge does not answer."
        return {"kind": "github", "why": why, "until": None, "unblocks": "It is asked again all the time."}
    waits = about.explained.waiting if about.explained else None
    if waits is None:
        return None
    return {
        "kind": waits.kind.value,
        "why": waits.why,
        "until": _iso(waits.until),
        "unblocks": waits.unblocks,
    }


def _doing(about: About) -> Mapping[str, object]:
    explained, progress = about.explained, about.progress
    attempts = about.task.attempts
    return {
        "why": explained.why if explained else "",
        "unblocks": explained.unblocks if explained else "",
        "next": explained.next if explained else "",
        "since": _iso(explained.since if explained else None),
        "stuck": bool(explained and explained.reason and explained.reason.stuck),
        "question": about.question,
        "choices": [{"key": choice.key, "text": choice.text} for choice in about.choices],
        "attached": with_a_person(about.task),
        "run": about.run,
        "context": progress.full if progress and progress.window else None,
        "turns": sum(a.turns for a in attempts) + (progress.turns if progress else 0),
        "cost": round(sum(a.cost for a in attempts) + (progress.cost if progress else 0.0), 4),
    }


def _note(house: House, record: Mapping[str, object], task: TaskId) -> bool:
    """For people and other programs; the claim is what counts, so the work goes on without it."""
    try:
        house.workspaces.note(record, task=task)
    except CdockError as error:
        # An agent may have committed something of that name, and must not stop anything by it.
        _warn_once(house, "note not written", error, task=str(task))
        return False
    return True


def _warn_once(house: House, sentence: str, error: CdockError, **fields: str) -> None:
    told = f"{sentence} {fields} {error.message}"
    if told not in house.memory.warned:
        house.memory.warned.add(told)
        log.warning(sentence, extra={**fields, "error": error.message, "fix": error.fix})


def _said(house: House, run: str) -> str:
    found = house.memory.readings.get(run)
    return " ".join(house.fit(found[1].text).split())[:200] if found else ""

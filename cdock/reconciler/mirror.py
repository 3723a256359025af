"""Write down what was seen, for people and for commands that must not wait for the forge."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cdock.core.cases import cases_of
from cdock.core.errors import CdockError
from cdock.core.ids import TaskId
from cdock.core.world import Case, World
from cdock.core.plan import status_of
from cdock.core.record import dump_record, record_of
from cdock.reconciler.house import About, House, Told

log = logging.getLogger("cdock")

SEEN_EVERY = timedelta(minutes=1)
"""How far behind the mirror may be about when the forge answered last."""


def write_mirror(house: House, world: World) -> None:
    """The mirror, and the note in each worktree, say what is true now."""
    before, house.memory.told = house.memory.told, {}
    for case in cases_of(world):
        # Of a task that another poller took over it is told where the work is that only this machine has.
        if case.claim is None or (case.claim.holder != house.me and case.workspace is None):
            continue
        number = case.issue.number
        about = _about(case, house, world)
        told = before.get(number)
        if told is None or told.about != about:
            told = _told(about, house)
        if not told.noted and about.worktree:
            told = replace(told, noted=_note(house, told.record, about.task.id))
        house.memory.told[number] = told
    tasks = [told.entry for told in house.memory.told.values()]
    record = {"version": 1, "isolation": house.runner.isolation, "forge": _forge(house), "tasks": tasks}
    try:
        house.mirror.save(record)
    except CdockError as error:
        _warn_once(house, "mirror not written", error)


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
    return About(
        task=task,
        status=status_of(case, world, house.policy),
        labels=case.issue.labels,
        pull=case.pull,
        worktree=case.workspace.path if case.workspace else "",
        help=case.help.number if case.help and case.help.open else None,
        url=case.issue.url,
        said=_said(house, task.id.run(task.last.number)) if task.last else "",
        quota_until=_quota(house, case.issue.number),
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
        )
    )
    extra = {
        "worktree": about.worktree,
        "help_number": about.help,
        "url": about.url,
        "said": about.said,
        "waiting": {"for": "GitHub quota", "until": _iso(about.quota_until)} if about.quota_until else None,
    }
    return Told(about=about, record=record, entry=record | extra)


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

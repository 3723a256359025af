"""Write down what was seen, for people and for commands that must not wait for the forge."""

import logging
from collections.abc import Mapping

from cdock.core.errors import CdockError
from cdock.core.ids import TaskId
from cdock.core.model import World
from cdock.core.plan import cases_of, status_of
from cdock.core.record import dump_record, record_of
from cdock.reconciler.house import House

log = logging.getLogger("cdock")


def write_mirror(house: House, world: World) -> None:
    """The mirror, and the note in each worktree, say what is true now."""
    tasks = []
    for case in cases_of(world):
        if case.claim is None or case.claim.holder != house.me:
            continue
        claim = house.memory.claims.get(case.issue.number)
        task = claim.task if claim else case.claim.task
        record = record_of(
            task,
            policy=house.policy,
            status=status_of(case, world, house.policy),
            labels=tuple(sorted(case.issue.labels)),
            pull=case.pull,
        )
        dumped = dump_record(record)
        if case.workspace:
            _note(house, dumped, task.id)
        extra = {
            "worktree": case.workspace.path if case.workspace else "",
            "help_number": case.help.number if case.help and case.help.open else None,
            "url": case.issue.url,
            "said": _said(house, task.id.run(task.last.number)) if task.last else "",
        }
        tasks.append(dumped | extra)
    try:
        house.mirror.save({"version": 1, "isolation": house.runner.isolation, "tasks": tasks})
    except CdockError as error:
        _warn_once(house, "mirror not written", error)


def _note(house: House, record: Mapping[str, object], task: TaskId) -> None:
    """For people and other programs; the claim is what counts, so the work goes on without it."""
    try:
        house.workspaces.note(record, task=task)
    except CdockError as error:
        # An agent may have committed something of that name, and must not stop anything by it.
        _warn_once(house, "note not written", error, task=str(task))


def _warn_once(house: House, sentence: str, error: CdockError, **fields: str) -> None:
    told = f"{sentence} {fields} {error.message}"
    if told not in house.memory.warned:
        house.memory.warned.add(told)
        log.warning(sentence, extra={**fields, "error": error.message, "fix": error.fix})


def _said(house: House, run: str) -> str:
    found = house.memory.readings.get(run)
    return " ".join(house.fit(found[1].text).split())[:200] if found else ""

"""Change a draft in an editor: its document is opened, checked, and opened again until it is a plan."""

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from cdock.adapters.files.plans import FilePlans
from cdock.cli.console import clean
from cdock.cli.plans import called, find_draft
from cdock.cli.tasks import find_state
from cdock.core.errors import Refused
from cdock.core.planning.document import Plan
from cdock.core.planning.drafts import Draft, Stand
from cdock.core.planning.faults import Unreadable
from cdock.core.planning.reading import read_plan
from cdock.core.planning.writing import write_plan

_NOTE = "<!-- cdock: this cannot be used yet. Mend it and save; save nothing to give up.\n"
_END = "\n-->\n"
_NOTES = re.compile(re.escape(_NOTE) + r".*?" + re.escape(_END), re.DOTALL)


def edit(start: Path, named: str) -> int:
    """Let a person change the draft with this name.

    Raises:
        Refused: it is on the forge already, or somebody else changed it meanwhile; what was written is kept.
    """
    plans = FilePlans(find_state(start) / "plans")
    draft = find_draft(start, named)
    _require_changeable(draft)
    plan, file = offered(draft.plan, called=str(draft.id)[:8])
    if plan is None or plan == draft.plan:
        click.echo(f"nothing was changed{f'; what you wrote is in {file}' if plan is None else ''}", err=True)
        if plan is not None:
            file.unlink()
        return 0 if plan is not None else 1
    now = next((each for each in plans.list() if each.id == draft.id), None)
    if now != draft:
        raise Refused(
            "the plan was changed by somebody else meanwhile",
            code="CD472",
            tried=f"keeping what you wrote, which is in {file}",
            fix=f"look at it (`cdock plan show {called(draft)}`), then edit it again",
        )
    plans.put(replace(draft, plan=plan))
    file.unlink()
    click.echo(f"{called(draft)} {clean(plan.title)}: {sum(1 for _ in plan.every())} tasks")
    return 0


def offered(plan: Plan, *, called: str) -> tuple[Plan | None, Path]:
    """The plan as a person leaves its document in their editor, None when they give up; and the file it stands in."""
    handle, name = tempfile.mkstemp(prefix=f"cdock-plan-{called}-", suffix=".md")
    file = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(write_plan(plan))
    return _edited(file), file


def _require_changeable(draft: Draft) -> None:
    if draft.stand is Stand.PUBLISHED or draft.numbers:
        raise Refused(
            f"the plan {clean(draft.plan.title)!r} is on the forge as {called(draft)}, or on its way",
            code="CD472",
            tried="editing it",
            fix="change its issues there; or `cdock plan export` it and import the changed document as a new plan",
        )


def _edited(file: Path) -> Plan | None:
    """The plan in `file` once the person is done with it; None when they gave up."""
    while True:
        before = file.read_bytes()
        click.edit(filename=str(file))
        text = file.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        said = _NOTES.sub("", text, count=1)
        again = text.startswith(_NOTE)
        if not said.strip() or (again and file.read_bytes() == before):
            return None
        try:
            return read_plan(said, name=file.name)
        except Unreadable as error:
            file.write_text(_with_note(said, error, name=file.name), encoding="utf-8")


def _with_note(text: str, error: Unreadable, *, name: str) -> str:
    """The text under a comment that says what is wrong with it, by the lines as they are then."""
    lines = error.message.count("\n") + _NOTE.count("\n") + _END.count("\n")
    try:
        read_plan("\n" * lines + text, name=name)
    except Unreadable as moved:
        error = moved
    # Nothing that is quoted from the text may end the comment.
    return f"{_NOTE}{error.message.replace('-->', '-- >')}{_END}{text}"

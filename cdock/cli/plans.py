"""Plans for commands: finding the one a person means, keeping it, and handing it over to be published."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import click

from cdock.core.errors import Refused, Unavailable
from cdock.core.planning.document import Plan
from cdock.core.planning.drafts import PARENT, Draft, Stand

if TYPE_CHECKING:
    from cdock.wiring import Site

IMPORTED = UUID("a0f1c7de-52b5-4a3c-8f0e-6d0b5a1f2e77")
"""What stands for plans from files: the same plan is the same draft, however often it is imported."""


@dataclass(frozen=True)
class Found:
    """A plan that was named; `draft` is None for one that only stands in a file."""

    plan: Plan
    draft: Draft | None = None


def find_plan(start: Path, named: str) -> Found:
    """The plan named by a file, the number of its issue, or the beginning of its id.

    Raises:
        Refused: none or several are.
        Unreadable: the file is no plan.
    """
    path = start / named
    if path.is_file():
        return Found(plan_in(path, named))
    draft = find_draft(start, named)
    return Found(draft.plan, draft)


def plan_in(path: Path, named: str) -> Plan:
    """The plan in a file, called `named` in messages.

    Raises:
        Misconfigured: it cannot be read; `Unreadable` when it is no plan.
    """
    from cdock.cli.outgoing import text_of
    from cdock.core.planning.reading import read_plan

    return read_plan(text_of(None, str(path)), name=named)


def find_draft(start: Path, named: str) -> Draft:
    """The draft named by the number of its issue or the beginning of its id.

    Raises:
        Refused: none or several are.
    """
    from cdock.adapters.files.plans import FilePlans
    from cdock.cli.tasks import find_state, issue_of

    drafts = FilePlans(find_state(start) / "plans").list()
    number, prefix = issue_of(named), named.strip().lower()
    found = [draft for draft in drafts if number and draft.numbers.get(PARENT) == number]
    # An id may begin with figures only.
    found = found or [draft for draft in drafts if prefix and str(draft.id).startswith(prefix)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(called(draft) for draft in (found or drafts)) or "none"
    raise Refused(
        f"{'several plans begin with' if found else 'there is no plan'} {named!r}",
        code="CD471",
        tried=f"the plans that this clone keeps: {known}",
        fix="`cdock plan list` shows them; a file is named by its path",
    )


def called(draft: Draft) -> str:
    """What people call a draft: the number of its issue, or else the beginning of its id."""
    number = draft.numbers.get(PARENT)
    return f"#{number}" if number else str(draft.id)[:8]


def draft_of(plan: Plan, *, kept: tuple[Draft, ...]) -> Draft:
    """The draft of a plan from a file: the one that is kept already, or a new one."""
    from datetime import UTC, datetime

    from cdock.core.planning.writing import write_plan

    id_ = uuid5(IMPORTED, write_plan(plan))
    before = next((draft for draft in kept if draft.id == id_), None)
    return before or Draft(id_, plan, datetime.now(UTC).replace(microsecond=0))


def publish_now(here: "Site", draft: Draft) -> tuple[Draft, str]:
    """Have a draft published; the draft as it is kept then, and why it is not published yet.

    Raises:
        Refused: a person has to act; the draft is kept.
    """
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli.outgoing import because
    from cdock.reconciler.publishing import publish
    from cdock.wiring import post

    if draft.stand is Stand.TALK:
        draft = replace(draft, stand=Stand.APPROVED)
        here.plans.put(draft)
    if draft.stand is Stand.PUBLISHED:
        return draft, ""
    if poller_runs(here.clone.state):
        return draft, "the poller publishes it"
    try:
        office = post(here)
        with only_poller(here.clone.state):
            return publish(office, draft), ""
    except Unavailable as error:
        return _kept(here, draft), because(error)


def _kept(here: "Site", draft: Draft) -> Draft:
    return next((each for each in here.plans.list() if each.id == draft.id), draft)


def report(here: "Site", draft: Draft) -> None:
    """Publish a draft, and say what became of it."""
    say_published(*publish_now(here, draft))


def say_published(draft: Draft, why: str) -> None:
    """Say what publishing came to: the numbers of a plan's issues, or `why` it has none yet."""
    from cdock.cli.console import clean

    title = clean(draft.plan.title)
    if draft.stand is not Stand.PUBLISHED:
        click.echo(
            f"kept {str(draft.id)[:8]} {title!r}: {why}; `cdock sync` or the poller publishes it, once",
            err=True,
        )
        return
    click.echo(f"{called(draft)} {title}")
    for task in draft.plan.every():
        click.echo(f"  #{draft.numbers[task.key]} {clean(task.title)}")

"""Approved plans on their way to the forge, as `cdock sync` shows, publishes and drops them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import CdockError, Misconfigured, Refused

if TYPE_CHECKING:
    from cdock.adapters.files.plans import FilePlans
    from cdock.core.planning.drafts import Draft
    from cdock.reconciler.publishing import Press


def plans_at(state: Path) -> "FilePlans":
    """What is planned in the clone with this state directory."""
    from cdock.adapters.files.plans import FilePlans

    return FilePlans(state / "plans")


def approved(plans: "FilePlans") -> "list[Draft]":
    """The plans that wait to be published, or are half published."""
    from cdock.core.planning.drafts import Stand

    return [draft for draft in plans.read()[0] if draft.stand is Stand.APPROVED]


def named(plans: "FilePlans", prefix: str) -> "Draft | None":
    """The waiting plan whose id begins so; None when none does.

    Raises:
        Misconfigured: several do.
    """
    found = [draft for draft in approved(plans) if prefix and str(draft.id).startswith(prefix)]
    if len(found) > 1:
        raise Misconfigured(
            f"several plans begin with {prefix!r}", code="CD444", fix="`cdock sync --dry-run` lists them"
        )
    return found[0] if found else None


def publish_all(
    press: "Press", state: Path, *, deliver: Callable[[], CdockError | None]
) -> Mapping[str, CdockError]:
    """Publish one plan after the other; what keeps some of them waiting, by id.

    `deliver` waits for what may arrive soon; what it returns keeps that from arriving.
    """
    plans = plans_at(state)
    return {
        str(draft.id): error
        for draft in approved(plans)
        if (error := _publish(press, draft, state, deliver=deliver))
    }


def _publish(
    press: "Press", draft: "Draft", state: Path, *, deliver: Callable[[], CdockError | None]
) -> CdockError | None:
    from cdock.adapters.files.poller import only_poller
    from cdock.reconciler.publishing import publish

    before = -1
    while True:
        try:
            with only_poller(state):
                publish(press, draft)
            return None
        except Refused as error:
            return error
        except CdockError as error:
            kept = next((one for one in plans_at(state).list() if one.id == draft.id), None)
            if kept is None or len(kept.numbers) == before or deliver() is not None:
                return error
            # An answer was lost: by now it is known what came of it.
            draft, before = kept, len(kept.numbers)


def drop(plans: "FilePlans", draft: "Draft", *, forget: Callable[[Sequence[str]], object]) -> None:
    """Take back that a plan is to be published; the plan itself is kept. `forget` is told the ops of its issues."""
    from cdock.core.planning.drafts import PARENT, Stand

    forget([str(draft.op(key)) for key in (PARENT, *(task.key for task in draft.plan.every()))])
    plans.put(replace(draft, stand=Stand.TALK))
    numbers = ", ".join(f"#{number}" for number in sorted(draft.numbers.values()))
    left = f"; its issues {numbers} are there already and are left as they are" if numbers else ""
    click.echo(
        f"dropped {str(draft.id)[:8]}: {what(draft)}{left}; `cdock plan publish` takes it up again", err=True
    )


def what(draft: "Draft") -> str:
    """`plan: Log in with OAuth (3 of 6 issues made)`."""
    from cdock.cli.console import clean

    every = 1 + sum(1 for _ in draft.plan.every())
    made = f" ({len(draft.numbers)} of {every} issues made)" if draft.numbers else ""
    return f"plan: {clean(draft.plan.title)}{made}"


def show(plans: "FilePlans", before: "Sequence[Draft]", errors: Mapping[str, CdockError]) -> int:
    """Print what became of the plans that waited before; 3 when a person has to see to one, else 0."""
    from cdock.cli.console import clean
    from cdock.core.planning.drafts import PARENT, Stand

    drafts, damaged = plans.read()
    known = {draft.id for draft in before}
    code = 0
    for draft in drafts:
        if draft.id not in known and draft.stand is not Stand.APPROVED:
            continue
        error = errors.get(str(draft.id))
        done = draft.stand is Stand.PUBLISHED
        word = "done" if done else "parked" if isinstance(error, Refused) else "approved"
        number = f"  #{draft.numbers[PARENT]}" if done else ""
        click.echo(
            f"{str(draft.id)[:8]}  {word:<8} {what(draft) if not done else clean(draft.plan.title)}{number}"
        )
        if error is not None:
            click.echo(f"          why: {clean(error.message)}")
            click.echo(f"          fix: {clean(error.fix)}")
            code = 3 if isinstance(error, Refused) else code
    for name, why in damaged.items():
        click.echo(f"{name}  damaged: {clean(why)}")
        click.echo("          fix: mend the file or remove it; it is left alone")
    return 3 if damaged else code

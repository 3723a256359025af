"""What publishing a plan makes, said before it is done; and the doing."""

from typing import TYPE_CHECKING, Any

import click

from cdock.core.planning.drafts import PARENT, Draft, Stand

if TYPE_CHECKING:
    from cdock.cli.planningtalk import Talk
    from cdock.wiring import Site


def summary(here: "Site", draft: Draft) -> str:
    """`This makes 6 issues, a plan with 5 tasks in 3 stages; labels agent-plan, stage-1, …; a board`."""
    from cdock.core.planning.document import staged

    labels = here.settings.policy().labels
    every = tuple(staged(draft.plan).every())
    stages = sorted({task.stage for task in every})
    tasks = f"{len(every)} task{'s' if len(every) != 1 else ''}"
    named = ", ".join([labels.plan, *(labels.stage(stage) for stage in stages)])
    board = here.settings.plan.board and here.settings.repository.forge == "github"
    return (
        f"This makes {len(every) + 1} issues: a plan with {tasks} in {len(stages)} "
        f"stage{'s' if len(stages) != 1 else ''}; labels {named}{'; a board, where the token may' if board else ''}."
        " A poller starts stage 1 then."
    )


def confirm_and_publish(here: "Site", about: "Talk") -> bool:
    """Say what will be made, ask, and make it; whether the conversation is over by that."""
    about.look_again()
    about.require_plan()
    if about.draft.stand is Stand.PUBLISHED:
        about.require_open()
    click.echo(summary(here, about.draft), err=True)
    if made := len(about.draft.numbers):
        click.echo(
            f"{made} of them {'is' if made == 1 else 'are'} there already, and left as they are.", err=True
        )
    if not click.confirm("Publish it?", default=False, err=True):
        return False
    publish(here, about)
    return True


def publish(here: "Site", about: "Talk", *, quiet: bool = False) -> str:
    """Publish the plan, or leave it to whoever can; why it is not published yet, empty when it is.

    Raises:
        Refused: a person has to act; the plan is kept.
    """
    from cdock.cli.planningtalk import forget_published
    from cdock.cli.plans import publish_now, say_published

    about.look_again()
    about.draft, why = publish_now(here, about.draft)
    if not quiet:
        say_published(about.draft, why)
    forget_published(about.table)
    return why


def outcome(draft: Draft, said: str) -> dict[str, Any]:
    """A draft as JSON: the plan, and the numbers of its issues once there are any."""
    from cdock.core.planning.document import staged
    from cdock.core.planning.writing import fields_of

    plan = staged(draft.plan)
    return {
        "id": str(draft.id),
        "title": plan.title,
        "stand": draft.stand.value,
        "published": draft.stand is Stand.PUBLISHED,
        "number": draft.numbers.get(PARENT),
        "agent": draft.agent,
        "say": said,
        "tasks": [{**fields_of(task), "number": draft.numbers.get(task.key)} for task in plan.tasks],
    }

"""`cdock orchestrate`: a goal is talked over with an agent until it is a plan, which becomes issues."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from cdock.cli.planningtalk import Talk
    from cdock.core.planning.drafts import Draft
    from cdock.reconciler.conversing import Table
    from cdock.wiring import Site

NEWEST = "-"
"""Stands for the draft that was talked about last."""


@click.command(short_help="Talk a goal over with an agent; it becomes a plan, and issues.")
@click.argument("goal", required=False)
@click.option(
    "--resume",
    is_flag=False,
    flag_value=NEWEST,
    metavar="[PLAN]",
    help="Go on with the conversation about PLAN, or with the last one.",
)
@click.option(
    "--from", "file", metavar="FILE", help="The goal, or a plan document, from a file; - is standard input."
)
@click.option("--agent", "agent", metavar="NAME", help="Who plans, in place of the configured one.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: publish what the agent proposes.")
@click.option("--dry-run", is_flag=True, help="Show what would be published, and publish nothing.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as JSON; with --yes or --dry-run.")
@click.pass_obj
def command(
    start: Path,
    goal: str | None,
    resume: str | None,
    file: str | None,
    agent: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Talk about GOAL with an agent that reads the repository, until its plan is yours; then publish it.

    The plan becomes an issue with a sub-issue for each task, in stages. Everything said is kept on this machine after
    every turn, and `--resume` goes on with it. `/help` lists what can be typed beside words.

    \b
    Examples:
      cdock orchestrate "Add an authentication system"
      cdock orchestrate --from goal.md --yes
      cdock orchestrate --resume
    """
    from cdock.cli.checks import ended_by_signals

    if as_json and not (yes or dry_run):
        raise click.UsageError("--json answers no questions: use it with --yes or --dry-run")
    if resume and (goal or file):
        raise click.UsageError(
            "--resume goes on with a goal that is known: say what is new in the conversation"
        )
    given = _given(start, goal, file)
    with ended_by_signals():
        here, about, words = _begin(start, given, resume=resume, agent=agent, alone=yes or dry_run)
        if yes or dry_run:
            return _straight(here, about, words, dry_run=dry_run, as_json=as_json)
        return _converse(start, here, about, words)


def _given(start: Path, goal: str | None, file: str | None) -> str:
    from cdock.cli.outgoing import text_of

    text = text_of(goal, str(start / file) if file and file != "-" else file)
    if (goal is not None or file) and not text.strip():
        raise Misconfigured(
            "the goal is empty", code="CD442", fix="say in a sentence what is to be different"
        )
    return text


def _begin(
    start: Path, given: str, *, resume: str | None, agent: str | None, alone: bool
) -> "tuple[Site, Talk, str]":
    """The talk, and what is to be said first, if anything; `alone` when nobody answers questions."""
    from cdock.cli.planningtalk import Talk, forget_published, table_of
    from cdock.reconciler.conversing import begun
    from cdock.wiring import build, site
    from cdock.wiring.agents import credential_of

    here = site(start)
    house = build(here, max_parallel=0)
    table = table_of(house)
    if resume:
        draft, words = _resumed(start, table, resume), ""
    elif _is_document(given):
        draft, words = _drafted(table, given), ""
    elif alone and given and (same := _same(table, given)):
        draft, words = same, ""
    else:
        draft, words = begun(table, given, agent=agent or ""), given
    changed = agent or draft.agent or table.policy.planner
    if changed != draft.agent:
        draft = replace(draft, agent=changed, session="")
    if changed not in here.settings.agent.names:
        raise Misconfigured(
            f"the agent {changed!r} is not configured here",
            code="CD490",
            tried="looking at [agent] in cdock.toml",
            fix=f"choose one of {', '.join(here.settings.agent.names)}, or give it a table there",
        )
    credential_of(here, changed)
    forget_published(table)
    return here, Talk(table, draft), words


def _resumed(start: Path, table: "Table", named: str) -> "Draft":
    from cdock.cli.plans import find_draft
    from cdock.core.planning.drafts import Stand

    if named != NEWEST:
        return find_draft(start, named)
    unfinished = [draft for draft in table.plans.list() if draft.stand is not Stand.PUBLISHED]
    if not unfinished:
        raise Refused(
            "there is no conversation to go on with",
            code="CD471",
            tried="looking at the plans that this clone keeps",
            fix='begin one: `cdock orchestrate "GOAL"`',
        )
    return unfinished[-1]


def _same(table: "Table", goal: str) -> "Draft | None":
    """The unfinished talk about the same goal: whoever repeats a command that was killed does not want two plans."""
    from cdock.core.planning.drafts import Stand
    from cdock.reconciler.planwords import PERSON

    kept = [draft for draft in table.plans.list() if draft.stand is not Stand.PUBLISHED]
    return next((draft for draft in reversed(kept) if draft.turns[:1] == ((PERSON, goal.strip()),)), None)


def _is_document(text: str) -> bool:
    """Whether it is a plan document, which needs nobody to break it down."""
    from cdock.core.planning.markdown import FLUX_BEGIN, document_of

    return bool(text.strip()) and (FLUX_BEGIN in text or document_of(text).block is not None)


def _drafted(table: "Table", text: str) -> "Draft":
    from cdock.cli.plans import draft_of
    from cdock.core.planning.reading import read_plan

    return draft_of(read_plan(text), kept=table.plans.list())


def _straight(here: "Site", about: "Talk", words: str, *, dry_run: bool, as_json: bool) -> int:
    """Without questions: one proposal, published."""
    from cdock.cli.planningpublish import outcome, publish, summary
    from cdock.cli.planningtalk import ALONE, show_plan, show_words
    from cdock.cli.plans import called
    from cdock.core.planning.drafts import Stand

    if about.draft.stand is Stand.PUBLISHED:
        click.echo(f"it is published already: {called(about.draft)}", err=True)
        return 0
    said = ""
    if words or not about.draft.plan.tasks:
        if not words and not about.draft.turns:
            raise click.UsageError("there is no goal: give one, or --from FILE")
        said = about.propose(words or ALONE).say
    if not as_json:
        show_words(said)
        show_plan(about.draft.plan)
    about.table.plans.put(about.draft)
    why = ""
    if dry_run:
        click.echo(summary(here, about.draft), err=True)
    else:
        why = publish(here, about, quiet=as_json)
    if as_json:
        click.echo(json.dumps({"schema": 1, "data": outcome(about.draft, said), "meta": {"why": why}}))
    return 0


def _converse(start: Path, here: "Site", about: "Talk", words: str) -> int:
    from cdock.cli.planninginput import Asking, PlainLines, TerminalLines
    from cdock.cli.planningloop import Loop
    from cdock.cli.planningpublish import confirm_and_publish
    from cdock.cli.planningtalk import show_plan

    def tasks() -> list[str]:
        return [task.key for task in about.draft.plan.every()]

    asking: Asking = PlainLines()
    if sys.stdin.isatty() and sys.stdout.isatty():
        asking = TerminalLines(here.clone.state / "orchestrate-history", tasks)
    if about.draft.numbers and confirm_and_publish(here, about):
        # It was being published when something ended that.
        return 0
    about.require_open()
    _recall(about)
    if about.draft.plan.tasks:
        about.table.plans.put(about.draft)
        show_plan(about.draft.plan)
    if not words and not about.draft.turns and not about.draft.plan.tasks:
        click.echo(
            "What is to be done? A sentence is enough to begin with; /help lists the commands.", err=True
        )
    return Loop(start, about, asking, lambda one: confirm_and_publish(here, one)).run(words)


def _recall(about: "Talk") -> None:
    """Where the conversation stood."""
    from cdock.cli.planningtalk import show_words
    from cdock.reconciler.planwords import AGENT

    turns: tuple[tuple[str, str], ...] = about.draft.turns
    if not turns:
        return
    who, words = turns[-1]
    if who == AGENT:
        show_words(words)
    else:
        click.echo("the agent has not answered yet; what you say next is said together with:", err=True)
        show_words(words)

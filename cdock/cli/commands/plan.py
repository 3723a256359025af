"""`cdock plan`: plans as documents, as pictures, and on their way to the forge."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cdock.cli.plans import Found


@click.group(short_help="Plans: import, list, show, graph, edit, export, publish.")
def command() -> None:
    """Read plans from documents, look at them, change them, and publish them as issues.

    PLAN is the beginning of a draft's id, the number of a published plan's issue, or a file.
    """


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--publish/--draft", default=None, help="Make its issues now, or keep it on this machine.")
@click.option("-y", "--yes", is_flag=True, help="Publish without a question.")
@click.option("--dry-run", is_flag=True, help="Check and show the plan, and do nothing.")
@click.pass_obj
def import_(start: Path, file: Path, publish: bool | None, yes: bool, dry_run: bool) -> int:
    """Read a plan from FILE: Markdown with a block of YAML, in cdock's format or in Flux's.

    The same plan is published once, however often it is imported.

    \b
    Examples:
      cdock plan import doc/plans/PLAN-auth.md --dry-run
      cdock plan import doc/plans/PLAN-auth.md --publish
    """
    from cdock.cli.console import data
    from cdock.cli.plans import called, draft_of, plan_in, report
    from cdock.cli.plantree import tree_of
    from cdock.core.planning.drafts import Stand
    from cdock.wiring import site

    plan = plan_in(start / file, str(file))
    if dry_run or (publish is None and not yes):
        data().print(tree_of(plan, numbers={}), soft_wrap=True)
    if dry_run:
        return 0
    if publish is None and not yes:
        # Without a terminal this is refused, and nothing is kept that nobody asked for.
        publish = click.confirm("Make these issues now?", default=False, err=True)
    here = site(start)
    draft = draft_of(plan, kept=here.plans.list())
    if draft.stand is Stand.PUBLISHED:
        click.echo(f"it is published already: {called(draft)}", err=True)
        return 0
    if publish is False:
        here.plans.put(draft)
        click.echo(str(draft.id)[:8])
        click.echo(f"`cdock plan publish {str(draft.id)[:8]}` makes its issues", err=True)
        return 0
    report(here, draft)
    return 0


@command.command("publish")
@click.argument("named", metavar="PLAN")
@click.pass_obj
def publish_(start: Path, named: str) -> int:
    """Make the issues of a draft. Repeating it goes on where it stopped, and makes nothing twice."""
    from cdock.cli.plans import find_draft, report
    from cdock.wiring import site

    report(site(start), find_draft(start, named))
    return 0


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def list_(start: Path, as_json: bool) -> int:
    """The plans that this clone keeps, oldest first, and how far each has come."""
    from cdock.adapters.files.plans import FilePlans
    from cdock.cli.console import clean
    from cdock.cli.tasks import find_state
    from cdock.core.planning.drafts import PARENT

    drafts, damaged = FilePlans(find_state(start) / "plans").read()
    if as_json:
        rows = [
            {
                "id": str(draft.id),
                "title": draft.plan.title,
                "stand": draft.stand.value,
                "number": draft.numbers.get(PARENT),
                "tasks": sum(1 for _ in draft.plan.every()),
                "created_at": draft.created_at.isoformat(),
            }
            for draft in drafts
        ]
        click.echo(json.dumps({"schema": 1, "data": rows, "meta": {"damaged": damaged}}, ensure_ascii=False))
        return 0
    for draft in drafts:
        number = f"#{draft.numbers[PARENT]}" if PARENT in draft.numbers else ""
        tasks = sum(1 for _ in draft.plan.every())
        said = f"{draft.stand.value:<9}  {number:<6}  {tasks:>3} tasks  {clean(draft.plan.title)}"
        click.echo(f"{str(draft.id)[:8]}  {said}")
    for name, why in damaged.items():
        click.echo(f"{name}  damaged: {clean(why)}", err=True)
    if not drafts:
        click.echo("no plans are kept here", err=True)
    return 0


@command.command("show")
@click.argument("named", metavar="PLAN")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the keys of the document.")
@click.pass_obj
def show_(start: Path, named: str, as_json: bool) -> int:
    """A plan as a tree of its stages, with how its tasks stand once they are worked on."""
    from cdock.cli.console import data
    from cdock.cli.plans import find_plan
    from cdock.cli.plantree import tree_of
    from cdock.core.planning.document import staged
    from cdock.core.planning.writing import fields_of

    found = find_plan(start, named)
    numbers = found.draft.numbers if found.draft else {}
    states = _states(start, found)
    if as_json:
        plan = staged(found.plan)
        shown = {
            "title": plan.title,
            "goal": plan.goal,
            "tasks": [fields_of(task) for task in plan.tasks],
            "numbers": dict(numbers),
            "states": states,
        }
        click.echo(json.dumps({"schema": 1, "data": shown, "meta": {}}, ensure_ascii=False))
        return 0
    data().print(tree_of(found.plan, states=states, numbers=numbers), soft_wrap=True)
    return 0


@command.command("graph")
@click.argument("named", metavar="PLAN")
@click.option(
    "--format",
    "form",
    type=click.Choice(("tree", "mermaid", "svg")),
    default="tree",
    show_default=True,
    help="A tree of words, a flowchart for Markdown, or a drawing.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it into FILE.")
@click.pass_obj
def graph_(start: Path, named: str, form: str, output: Path | None) -> int:
    """A picture of a plan: stages, tasks, and what waits for what."""
    from cdock.cli.plans import find_plan
    from cdock.core.planning.drawing import drawing_of
    from cdock.core.planning.mermaid import graph_of

    found = find_plan(start, named)
    numbers = found.draft.numbers if found.draft else {}
    if form == "tree":
        text = _tree_text(start, found)
    else:
        states = {key: _LOOKS[word] for key, word in _states(start, found).items() if word in _LOOKS}
        draw = graph_of if form == "mermaid" else drawing_of
        text = draw(found.plan, states=states, numbers=numbers)
    _write(start, text, output)
    return 0


# What pictures call the states of the mirror.
_LOOKS = {
    "ready": "ready",
    "claimed": "working",
    "in-progress": "working",
    "waiting": "held",
    "needs-help": "failed",
    "failed": "failed",
    "in-review": "worked",
    "done": "done",
    "cancelled": "dropped",
    "later": "later",
    "held": "held",
    "left": "failed",
    "dropped": "dropped",
}


def _tree_text(start: Path, found: "Found") -> str:
    from io import StringIO

    from rich.console import Console

    from cdock.cli.plantree import tree_of

    written = StringIO()
    numbers = found.draft.numbers if found.draft else {}
    tree = tree_of(found.plan, states=_states(start, found), numbers=numbers)
    Console(file=written, highlight=False, width=120).print(tree, soft_wrap=True)
    return written.getvalue()


def _states(start: Path, found: "Found") -> dict[str, str]:
    """How the tasks of a published plan stand, by key, as far as this clone's mirror knows."""
    from cdock.cli.tasks import find_state, read_mirror

    if found.draft is None:
        return {}
    keys = {number: key for key, number in found.draft.numbers.items() if key}
    tasks = read_mirror(find_state(start))["tasks"]
    known = {part["issue"]: str(part["state"]) for task in tasks for part in task.get("parts") or ()}
    known |= {task["github"]["issue_number"]: str(task["status"]) for task in tasks}
    return {key: known[number] for number, key in keys.items() if number in known}


@command.command("export")
@click.argument("named", metavar="PLAN")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it into FILE.")
@click.pass_obj
def export_(start: Path, named: str, output: Path | None) -> int:
    """A plan as a document in cdock's format, which `cdock plan import` reads."""
    from cdock.cli.plans import find_plan
    from cdock.core.planning.writing import write_plan

    _write(start, write_plan(find_plan(start, named).plan), output)
    return 0


def _write(start: Path, text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    (start / output).write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


@command.command("edit")
@click.argument("named", metavar="PLAN")
@click.pass_obj
def edit_(start: Path, named: str) -> int:
    """Change a draft in your editor ($VISUAL or $EDITOR). What is wrong is shown in it, and it opens again.

    A published plan is changed on its issues.
    """
    from cdock.cli.planediting import edit

    return edit(start, named)

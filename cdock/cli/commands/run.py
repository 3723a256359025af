"""`cdock run`: the poller."""

import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from cdock.cli.tasklists import TaskList
    from cdock.reconciler.house import House
    from cdock.wiring import Site


LEAST_SPACE = 200 * 1024**2
"""Bytes of free disk without which no work is begun."""


@click.command(short_help="The poller.")
@click.option("--once", is_flag=True, help="End when everything found is finished or waits for a person.")
@click.option(
    "--supervise",
    type=click.IntRange(min=1),
    is_flag=False,
    flag_value=1,
    metavar="[ROUNDS]",
    help="As --once, and then try again, with what was learnt, what ran out of tries; --supervise=3 up to 3 times.",
)
@click.option(
    "--issue", "issues", type=int, multiple=True, metavar="N", help="Claim only this issue (repeatable)."
)
@click.option(
    "--tasks",
    "tasks",
    metavar="FILE",
    help="Make issues of the tasks in FILE (a JSON object a line, or a script that prints them); claim only these.",
)
@click.option(
    "--manual",
    is_flag=True,
    help="Start no agents: claim what is ready, make the worktrees, and print what to start in each.",
)
@click.option(
    "--stage", type=click.IntRange(min=1), metavar="N", help="With --manual, only tasks of this stage."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done now, and do nothing.")
@click.option("--max-parallel", type=click.IntRange(min=1), metavar="N", help="Attempts at the same time.")
@click.option(
    "--webhook",
    metavar="ADDR",
    help="Listen on HOST:PORT for GitHub's webhooks, which then wake the poll; CDOCK_WEBHOOK_SECRET verifies them.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks of internal errors.")
@click.argument("clones", nargs=-1, type=click.Path(path_type=Path), metavar="[CLONE]...")
@click.pass_obj
def command(
    start: Path,
    once: bool,
    supervise: int | None,
    issues: tuple[int, ...],
    tasks: str | None,
    manual: bool,
    stage: int | None,
    dry_run: bool,
    max_parallel: int | None,
    webhook: str | None,
    verbose: bool,
    clones: tuple[Path, ...],
) -> int:
    """Claim issues labelled agent-ready, run an agent on each, push, report, open pull requests.

    Works on the repository of the current directory, or of each CLONE that is named: these share the room for attempts
    and take turns. Ctrl-C ends the poller, not the agents: the next `cdock run` finds and adopts them.

    \b
    Examples:
      cdock run
      cdock run --once --issue 42
      cdock run --supervise=2
      cdock run --manual --stage 1
      cdock run --once --tasks tasks.jsonl
    """
    from cdock.adapters.files.doorbell import hearing
    from cdock.adapters.files.poller import only_poller
    from cdock.adapters.system import SystemClock
    from cdock.adapters.webhook import listening
    from cdock.cli.console import talk
    from cdock.cli.live import journaled, listen
    from cdock.cli.tasklists import numbers_of, tasks_from
    from cdock.reconciler.loop import run
    from cdock.wiring import build, repository, site

    sites = [site(start / clone) for clone in clones or (Path(),)]
    if issues and len(sites) > 1:
        raise click.UsageError("--issue names an issue of one repository: use it with one clone")
    if tasks and (issues or len(sites) > 1):
        raise click.UsageError("--tasks is for one clone, and without --issue")
    if manual and (once or supervise or webhook or tasks or len(sites) > 1):
        raise click.UsageError("--manual is for one clone, and goes with --issue, --stage and --max-parallel")
    if stage and not manual:
        raise click.UsageError("--stage goes with --manual")
    listed = tasks_from(sites[0], start, tasks) if tasks else None
    console = talk()
    clock = SystemClock()
    with ExitStack() as stack:
        houses = []
        for here, name in zip(sites, _names(sites), strict=True):
            if not dry_run:
                require_space(here.clone.state, here.clone.shown)
                stack.enter_context(only_poller(here.clone.state))
            house = build(here, clock=clock, only=frozenset(issues), max_parallel=max_parallel)
            house.name = name
            houses.append(house)
        if dry_run and listed:
            return _dry_run_of(listed)
        if dry_run:
            return max(_dry_run(house) for house in houses)
        if manual:
            from cdock.cli.manual import prepare

            _ensure_labels(houses[0], console, patient=False)
            return prepare(sites[0], houses[0], stage=stage)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: clock.end())
        if webhook:
            secret = sites[0].env.get("CDOCK_WEBHOOK_SECRET", "")
            port = stack.enter_context(listening(webhook, secret=secret, knock=clock.knock))
            console.print(f"listening for webhooks on port {port}", style="dim")
        for here, house in zip(sites, houses, strict=True):
            console.print(
                f"working on {repository(here)} as {house.policy.agent}; Ctrl-C ends the poller, agents go on",
                markup=False,
            )
            console.print(house.runner.isolation, style="dim", markup=False)
            _ensure_labels(house, console, patient=not (once or supervise or listed))
        if listed:
            houses[0].only = numbers_of(listed, houses[0])
            console.print(f"{len(houses[0].only)} issues of {listed.source}", markup=False)
        left = [here.clone.state / name for here in sites for name in ("outbox", "wishes")]
        stack.enter_context(hearing(*left, ring=clock.knock))
        named = {house.name: here for here, house in zip(sites, houses, strict=True)}
        stack.enter_context(journaled(named))
        listen(console, verbose=verbose)
        given_up = run(*houses, once=once or supervise is not None)
        for turn in range(1, (supervise or 0) + 1):
            again = sum(_try_again(here.clone.state) for here in sites)
            if not again or clock.sleep(0):
                break
            console.print(f"round {turn} of {supervise}: trying {again} again, with what was learnt")
            given_up = run(*houses, once=True)
        if supervise:
            _sum_up(console, sites)
    if given_up:
        console.print(f"{given_up} of the issues could not be worked on, see above")
        return 3
    return 0


def _names(sites: "Sequence[Site]") -> list[str]:
    """What the repositories are called in the log, each by a name of its own; nothing when there is only one."""
    from cdock.wiring import repository

    if len(sites) == 1:
        return [""]
    places = [repository(here) for here in sites]
    short = [place.name for place in places]
    return [place.name if short.count(place.name) == 1 else str(place) for place in places]


def _try_again(state: Path) -> int:
    """Ask for a new round of all tasks that ran out of tries; how many there are."""
    from cdock.cli import wishing
    from cdock.cli.commands.retry import out_of_tries
    from cdock.cli.tasks import read_mirror
    from cdock.core.wishes import WishKind

    stuck = [task for task in read_mirror(state)["tasks"] if out_of_tries(task)]
    for task in stuck:
        wishing.wish(state, WishKind.RETRY, task)
    return len(stuck)


def _sum_up(console: "Console", sites: "Sequence[Site]") -> None:
    """How many tasks are in which state now: `2 in-review, 1 needs-help`."""
    from cdock.cli.tasks import read_mirror

    states = Counter(task["status"] for here in sites for task in read_mirror(here.clone.state)["tasks"])
    told = ", ".join(f"{count} {status}" for status, count in sorted(states.items()))
    console.print(f"in the end: {told or 'no tasks'}", markup=False)


def _ensure_labels(house: "House", console: "Console", *, patient: bool) -> None:
    """Make the labels that are missing; a `patient` poller begins without a forge, and makes them at its next start."""
    from cdock.core.errors import Unavailable

    try:
        house.forge.ensure_repository_labels(house.policy.labels)
    except Unavailable as error:
        if not patient:
            raise
        console.print(f"the forge is away, waiting for it: {error.message}", style="yellow", markup=False)


def require_space(*directories: Path) -> None:
    """Refuse to begin work that a full disk would end half-way.

    Raises:
        Refused: there is too little room.
    """
    import shutil

    from cdock.core.errors import Refused

    for directory in directories:
        there = next(path for path in (directory, *directory.parents) if path.is_dir())
        free = shutil.disk_usage(there).free
        if free < LEAST_SPACE:
            raise Refused(
                f"the disk is full: {free / 1024**2:.0f} MiB are free, {LEAST_SPACE // 1024**2} MiB are needed",
                code="CD111",
                tried=f"looking at the disk of {directory}, where repositories, worktrees or logs are kept",
                fix="make room, then run it again; nothing was begun",
            )


def _dry_run_of(listed: "TaskList") -> int:
    from cdock.cli.console import clean, data

    for task in listed.tasks:
        number = f"#{listed.made[task.id]}" if task.id in listed.made else "new issue"
        data().print(f"{number:<9}  {task.worktree}  {clean(task.headline)}", markup=False, soft_wrap=True)
    return 0


def _dry_run(house: "House") -> int:
    from cdock.cli.console import data
    from cdock.core.plan import plan
    from cdock.reconciler.observe import observe

    steps = plan(observe(house, keep_logs=False), house.policy)
    for step in steps:
        data().print(str(step), markup=False)
    if not steps:
        data().print("nothing to do")
    return 0

"""`cdock sync`: deliver what was said while the forge was away, and see what happened there meanwhile."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import CdockError, Misconfigured, Refused, Unavailable

if TYPE_CHECKING:
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.core.outbox import Entry
    from cdock.reconciler.delivering import Post
    from cdock.reconciler.house import House
    from cdock.wiring import Site

PATIENCE = 60.0
"""Seconds to wait for what can be tried again soon, or for a poller that delivers."""
STEP = 0.2
"""Seconds between two looks at what a poller delivers."""


@click.command(short_help="Deliver what was held back, and read the forge anew.")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Make mirror and worktrees anew from the forge, after cdock's state was damaged or deleted.",
)
@click.option("--dry-run", is_flag=True, help="Show what is held back, and do nothing.")
@click.option(
    "--retry", "retries", metavar="ID", multiple=True, help="Try a parked entry again (repeatable)."
)
@click.option(
    "--drop",
    "drops",
    metavar="ID",
    multiple=True,
    help="Forget an entry, or leave a plan unpublished (repeatable).",
)
@click.pass_obj
def command(
    start: Path, rebuild: bool, dry_run: bool, retries: tuple[str, ...], drops: tuple[str, ...]
) -> int:
    """Deliver new tasks and answers that were kept while the forge was away, and publish approved plans, each once.

    What no longer fits, because its question was closed meanwhile or the forge refused it, is parked: it is shown with
    the reason and the way out, and the exit code is 3. Then the forge is read once, and `cdock status` shows what is
    true now. While a poller runs, that does it all, and this command only waits and reports.
    """
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli.approved import approved, drop, named, plans_at, show
    from cdock.cli.tasks import find_state

    state = find_state(start)
    outbox, plans = FileOutbox(state / "outbox"), plans_at(state)
    unwanted = [draft for name in dict.fromkeys(drops) if (draft := named(plans, name.strip().lower()))]
    rest = [name for name in dict.fromkeys((*retries, *drops)) if not named(plans, name.strip().lower())]
    chosen = [(_named(outbox, name), name in drops) for name in rest]
    if dry_run:
        return max(_show(outbox, outbox.read()[0], quiet=bool(approved(plans))), show(plans, (), {}))
    if poller_runs(state):
        if rebuild:
            raise _while_it_runs("rebuilding")
        if unwanted:
            raise _while_it_runs(f"dropping the plan {str(unwanted[0].id)[:8]}, which it may be publishing")
        _see_to(outbox, chosen, alone=False)
        return _watch(outbox, state)
    from cdock.wiring import site

    here = site(start)
    with only_poller(state):
        _see_to(outbox, chosen, alone=True)
        for draft in unwanted:
            drop(plans, draft, forget=partial(_forget, outbox))
    return _sync(here, outbox, rebuild=rebuild)


def _forget(outbox: "FileOutbox", ops: Sequence[str]) -> None:
    for entry in outbox.read()[0]:
        if str(entry.op) in ops:
            outbox.remove(entry.op)


def _named(outbox: "FileOutbox", name: str) -> "Entry":
    """The entry whose `op` begins with `name`.

    Raises:
        Misconfigured: none does, or several do.
    """
    found = [entry for entry in outbox.read()[0] if str(entry.op).startswith(name.strip().lower() or "?")]
    if len(found) == 1:
        return found[0]
    raise Misconfigured(
        f"{'several entries begin' if found else 'no entry begins'} with {name!r}",
        code="CD444",
        fix="`cdock sync --dry-run` lists them",
    )


def _see_to(outbox: "FileOutbox", chosen: "Sequence[tuple[Entry, bool]]", *, alone: bool) -> None:
    """Drop or try again what a person chose; what a poller may be sending right now is left to it."""
    from cdock.core.outbox import State, unparked

    for entry, drop in chosen:
        if entry.state is not State.PARKED and drop and not alone:
            raise _while_it_runs(f"dropping {entry.name}, which it may be sending")
        if drop:
            outbox.remove(entry.op)
            may_be = " (a former try may have arrived all the same)" if entry.sent_at else ""
            click.echo(f"dropped {entry.name}: {_what(entry)}{may_be}", err=True)
        elif entry.state is State.PARKED:
            outbox.put(unparked(entry))


def _while_it_runs(doing: str) -> Refused:
    return Refused(
        "a poller runs in this clone", code="CD402", tried=doing, fix="end it first, then do this again"
    )


def _watch(outbox: "FileOutbox", state: Path) -> int:
    """Wait until the poller has delivered what it can, and say what became of it."""
    from cdock.adapters.files.poller import poller_runs
    from cdock.cli.approved import approved, plans_at, show
    from cdock.cli.asof import away, quota
    from cdock.cli.tasks import read_mirror

    plans = plans_at(state)
    before, waiting = [entry for entry in outbox.read()[0] if entry.waits], approved(plans)
    if before or waiting:
        click.echo("a poller runs: it delivers", err=True)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and (any(entry.waits for entry in outbox.read()[0]) or approved(plans)):
        mirror = read_mirror(state)
        if gone := away(mirror) or quota(mirror):
            raise Unavailable(
                gone,
                tried=f"delivering {len(before) + len(waiting)} held back",
                fix="nothing: the poller delivers it by itself",
            )
        if not poller_runs(state):
            raise Unavailable("the poller ended", tried="waiting for it", fix="cdock sync")
        time.sleep(STEP)
    known = {entry.op for entry in before}
    entries = [entry for entry in outbox.read()[0] if entry.op in known or not _over(entry)]
    return max(_show(outbox, entries, quiet=bool(waiting)), show(plans, waiting, {}))


def _sync(here: "Site", outbox: "FileOutbox", *, rebuild: bool) -> int:
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli.approved import approved, publish_all, show
    from cdock.reconciler.mirror import write_mirror
    from cdock.reconciler.observe import observe
    from cdock.wiring import build, post

    house: House | None = None
    trouble: CdockError | None = None
    try:
        # No slots: this command begins no work.
        house = build(here, max_parallel=0)
    except CdockError as error:
        # Without an engine or an agent's key, words can be delivered all the same.
        trouble = error
    before = {entry.op for entry in outbox.read()[0] if not _over(entry)}
    press = house or post(here)
    waiting = approved(here.plans)
    errors: Mapping[str, CdockError] = {}
    stopped = _deliver(press, here.clone.state)
    if stopped is None:
        errors = publish_all(press, here.clone.state, deliver=lambda: _deliver(press, here.clone.state))
    if poller_runs(here.clone.state):
        # One was started while this command waited; it delivers, and keeps the mirror.
        return _watch(outbox, here.clone.state)
    entries = [entry for entry in outbox.read()[0] if entry.op in before or not _over(entry)]
    code = max(_show(outbox, entries, quiet=bool(waiting)), show(here.plans, waiting, errors))
    if stopped := stopped or next((e for e in errors.values() if not isinstance(e, Refused)), None):
        raise stopped
    if house is None:
        assert trouble is not None, "there is a house, or a reason why not"  # noqa: S101 - for the type checker
        raise trouble
    with only_poller(here.clone.state):
        if rebuild:
            return max(code, _rebuild(house))
        write_mirror(house, observe(house))
    return code


def _over(entry: "Entry") -> bool:
    from cdock.core.outbox import State

    return entry.state is State.DONE


def _deliver(post: "Post", state: Path) -> CdockError | None:
    """Deliver, again and again while something can be tried again soon; what keeps the rest waiting.

    The clone is left to others while this waits. A poller that is started then is left to deliver.
    """
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.core.outbox import State
    from cdock.reconciler.delivering import deliver_all

    end = post.clock.elapsed() + PATIENCE
    while True:
        with only_poller(state):
            trouble = deliver_all(post).trouble
        now = post.clock.now()
        waiting = [entry for entry in post.outbox.list() if entry.waits]
        doubtful = any(entry.state is not State.PENDING or entry.not_before for entry in waiting)
        if not waiting or (trouble is not None and not doubtful) or isinstance(trouble, Refused):
            return trouble
        pause = min(max((entry.free_at(now) - now).total_seconds(), 1.0) for entry in waiting)
        if post.clock.elapsed() + pause > end:
            return trouble or _later(waiting, now)
        click.echo(f"waiting {pause:.0f} s before the next try", err=True)
        post.clock.sleep(pause)
        if poller_runs(state):
            return None


def _later(waiting: "Sequence[Entry]", now: datetime) -> Unavailable:
    from cdock.cli.asof import clock

    first = min(entry.free_at(now) for entry in waiting)
    return Unavailable(
        f"{len(waiting)} held back until {clock(first)}",
        tried="delivering",
        fix="`cdock sync` again after that, or leave it to the poller",
    )


def _show(outbox: "FileOutbox", entries: "Sequence[Entry]", *, quiet: bool) -> int:
    """Print the entries; 3 when a person has to see to one, else 0. With `quiet`, that there are none is not said."""
    from cdock.cli.console import clean
    from cdock.core.outbox import State

    for entry in entries:
        place = f"  {entry.url}" if entry.state is State.DONE else ""
        click.echo(f"{entry.name}  {entry.state.value:<8} {clean(_what(entry))}{place}")
        if entry.state is State.PARKED:
            click.echo(f"          why: {clean(entry.error)}")
            click.echo(f"          fix: {clean(entry.fix)}")
        elif entry.waits and entry.error:
            click.echo(f"          why: {clean(entry.error)}")
    damaged = outbox.read()[1]
    for name, why in damaged.items():
        click.echo(f"{name}  damaged: {clean(why)}")
        click.echo("          fix: mend the file or remove it; it is left alone")
    if not entries and not damaged and not quiet:
        click.echo("nothing is held back", err=True)
    return 3 if damaged or any(entry.state is State.PARKED for entry in entries) else 0


def _what(entry: "Entry") -> str:
    from cdock.core.outbox import Kind

    if entry.kind is Kind.ISSUE:
        number = f"#{entry.number} " if entry.number else ""
        return f"{number}new task: {entry.title}"
    said = " ".join(entry.body.split())
    return f"#{entry.on or entry.number} answer: {said if len(said) <= 60 else said[:59] + '…'}"


def _rebuild(house: "House") -> int:
    """Make mirror and worktrees anew, and say who holds the rest; 3 when something could not be made."""
    from cdock.cli.asof import clock
    from cdock.cli.console import clean
    from cdock.reconciler.rebuilding import rebuild

    found = rebuild(house)
    for claim in found.ours:
        task = claim.task
        if error := found.failed.get(claim.issue):
            click.echo(f"#{claim.issue} {task.id}: no worktree: {clean(error.message)}")
            click.echo(f"          fix: {clean(error.fix)}")
        else:
            click.echo(f"#{claim.issue} {task.id}: {clean(task.title)}")
    for claim in found.others:
        # Leases are judged by how long a claim did not move since we looked first, which is now.
        free = datetime.now(UTC) + timedelta(seconds=claim.ttl) + house.policy.lease_margin
        click.echo(
            f"#{claim.issue} {claim.task.id}: held by another poller on {clean(claim.machine) or 'a machine'}"
            f" ({claim.holder[:8]}); free after {clock(free)} if that is gone"
        )
    return 3 if found.failed else 0

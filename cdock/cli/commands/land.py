"""`cdock land`: finished work onto the default branch."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.landing import METHODS

if TYPE_CHECKING:
    from cdock.adapters.git.landing import Heads, LandingGround
    from cdock.core.landing import Landing, Work
    from cdock.core.policy import Policy
    from cdock.core.runs import CheckResult
    from cdock.ports import Clock, Forge, Workspaces
    from cdock.wiring import Site

WAIT = 600.0
"""Seconds to wait for a merge queue."""


@dataclass(frozen=True)
class _Yard:
    """See `cdock.reconciler.landing.Yard`."""

    forge: "Forge"
    workspaces: "Workspaces"
    clock: "Clock"
    policy: "Policy"


@click.command(short_help="Finished work onto the default branch.")
@click.argument("tasks", nargs=-1, metavar="[TASK|PATTERN]...")
@click.option("--plan", type=click.IntRange(min=1), metavar="N", help="All tasks of the plan of issue N.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    help="Through pull requests, or as commits that are pushed at once; [land] method without it.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be landed, and in which order.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=WAIT,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a merge queue.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(
    start: Path,
    tasks: tuple[str, ...],
    plan: int | None,
    method: str | None,
    yes: bool,
    dry_run: bool,
    wait: float,
    as_json: bool,
) -> int:
    """Land the work of TASKs, or of all tasks in review: what others build upon first, one after the other.

    It asks first. What is in conflict is left out and named, with the commands to go on by, and the rest is landed.
    Your checkout is not touched. With another method than `pull`, [validate] commands have to pass before anything is
    pushed; with `pull` they are run afterwards.

    \b
    Examples:
      cdock land
      cdock land 42 'auth-*' --method squash
      cdock land --plan 7 --dry-run
    """
    from cdock.cli import landable, landwords
    from cdock.core.landing import Fate, ordered, summary
    from cdock.reconciler.landing import with_pulls
    from cdock.wiring import site

    if tasks and plan:
        raise click.UsageError("name tasks, or a plan, not both")
    here = site(start)
    chosen_method = method or here.settings.land.method
    every = landable.every_task(here)
    yard, ground = _yard(here), _ground(here)
    heads = ground.heads(here.settings.branch.prefix)
    chosen = landable.chosen(every, tasks, plan)
    works = with_pulls(yard, ordered(landable.on_forge(chosen, every=every, ground=ground, heads=heads)))
    unsettled = {
        task["github"]["issue_number"] for task in every if task["status"] not in ("done", "cancelled")
    }
    expected = landable.expected(works, method=chosen_method, unsettled=unsettled)
    landwords.show_plan(expected, heads=heads)
    able = sum(landing.fate is Fate.LANDED for landing in expected)
    if dry_run or not able:
        if as_json:
            still = [landing for landing in expected if landing.fate is not Fate.LANDED]
            click.echo(
                landwords.as_json(
                    still, works=works, method=chosen_method, heads=heads, after="", checked=None
                )
            )
        if not able:
            click.echo("there is nothing to land", err=True)
        return 0 if dry_run else landwords.exit_code(expected, None)
    if not yes:
        _ask(able, method=chosen_method, default=heads.default)
    land = _Land(here, yard, ground, heads, method=chosen_method, unsettled=unsettled, wait=wait)
    landings, checked, after = land.run(works)
    landwords.show_end(landings)
    click.echo(summary(landings), err=True)
    _say_who_clears_up(here, landings)
    if as_json:
        click.echo(
            landwords.as_json(
                landings, works=works, method=chosen_method, heads=heads, after=after, checked=checked
            )
        )
    return landwords.exit_code(landings, checked)


class _Land:
    """One landing, by one of the ways."""

    def __init__(
        self,
        here: "Site",
        yard: _Yard,
        ground: "LandingGround",
        heads: "Heads",
        *,
        method: str,
        unsettled: set[int],
        wait: float,
    ) -> None:
        self._here = here
        self._yard = yard
        self._ground = ground
        self._heads = heads
        self._method = method
        self._unsettled = unsettled
        self._wait = wait
        self._names = (here.settings.repository.remote, heads.default)

    def run(self, works: "Sequence[Work]") -> "tuple[tuple[Landing, ...], CheckResult | None, str]":
        """What became of each, what the validation said, and where the default branch is then."""
        if self._method == "pull":
            return self._pulls(works)
        return self._commits(works)

    def _pulls(self, works: "Sequence[Work]") -> "tuple[tuple[Landing, ...], CheckResult | None, str]":
        from cdock.core.landing import Fate
        from cdock.reconciler.landing import land_pulls

        landings = land_pulls(
            self._yard,
            self._ground,
            works,
            unsettled=self._unsettled,
            names=self._names,
            wait=self._wait,
            say=_say,
        )
        after, checked = self._heads.commit, None
        if any(landing.fate is Fate.LANDED for landing in landings):
            after = self._ground.heads(self._here.settings.branch.prefix).commit
            checked = self._validated(after)
            if checked and checked.exit_code:
                _say(
                    f"{self._heads.default} does not pass at {after[:12]}: it was merged, and has to be mended"
                )
        return landings, checked, after

    def _commits(self, works: "Sequence[Work]") -> "tuple[tuple[Landing, ...], CheckResult | None, str]":
        from cdock.adapters.git.clone import person_of
        from cdock.core.landing import Person
        from cdock.reconciler.landing import land_commits, settle

        before = self._heads.commit
        after, landings = land_commits(
            self._ground,
            works,
            method=self._method,
            start=before,
            by=Person(*person_of(self._here.clone)),
            unsettled=self._unsettled,
            names=self._names,
        )
        checked = None
        if after != before:
            checked = self._validated(after)
            if checked and checked.exit_code:
                return _held_back(landings, checked), checked, before
            self._ground.push(after, default=self._heads.default, expected=before)
        settle(
            self._yard,
            landings,
            others=works,
            method=self._method,
            default=self._heads.default,
            say=_say,
        )
        return landings, checked, after

    def _validated(self, commit: str) -> "CheckResult | None":
        from cdock.cli.checks import desk, run_checks

        commands = self._here.settings.validation.commands
        if not commands:
            return None
        _say(f"validating {commit[:12]}")
        return run_checks(desk(self._here), commit, commands, name=f"landing on {self._heads.default}")


def _held_back(landings: "Sequence[Landing]", checked: "CheckResult") -> "tuple[Landing, ...]":
    """Nothing red is pushed: what would have been landed is refused."""
    from dataclasses import replace

    from cdock.core.landing import Fate

    why = f"the validation ended with exit code {checked.exit_code}, so nothing was pushed"
    return tuple(
        replace(landing, fate=Fate.REFUSED, why=why, retry=(f"cdock land {landing.work.issue}",), commit="")
        if landing.fate is Fate.LANDED
        else landing
        for landing in landings
    )


def _yard(here: "Site") -> _Yard:
    from cdock.adapters.system import SystemClock
    from cdock.wiring import credential, forge, workspaces

    by = credential(here)
    return _Yard(
        forge=forge(here, by=by),
        workspaces=workspaces(here, by=by),
        clock=SystemClock(),
        policy=here.settings.policy(),
    )


def _ground(here: "Site") -> "LandingGround":
    from cdock.adapters.git.landing import LandingGround
    from cdock.wiring import credential, repository

    return LandingGround(here.place, url=repository(here).clone_url, token=credential(here).token)


def _ask(count: int, *, method: str, default: str) -> None:
    """Raises `Refused` where nobody could answer; aborts the command when the answer is no."""
    from cdock.core.errors import Misconfigured

    if not sys.stdin.isatty():
        raise Misconfigured(
            "this would ask before it lands anything, and nobody is there to answer",
            code="CD465",
            tried="looking for a terminal",
            fix="cdock land --yes, or --dry-run to only look",
        )
    how = "by their pull requests" if method == "pull" else f"by {method}, in one push"
    click.confirm(f"Land {count} on {default} {how}?", abort=True, err=True)


def _say(line: str) -> None:
    from cdock.cli.console import clean

    click.echo(clean(line), err=True)


def _say_who_clears_up(here: "Site", landings: "Sequence[Landing]") -> None:
    from cdock.adapters.files.poller import poller_runs
    from cdock.core.landing import Fate

    if any(landing.fate is Fate.LANDED for landing in landings) and not poller_runs(here.clone.state):
        _say("no poller runs in this clone: `cdock run --once` clears up the worktrees of what was landed")

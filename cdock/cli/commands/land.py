"""`cdock land`: finished work onto the default branch."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdock.core.landing import METHODS

if TYPE_CHECKING:
    from cdock.adapters.git.landing import Heads, LandingGround
    from cdock.core.landing import Landing, Work
    from cdock.core.model import CheckResult
    from cdock.core.policy import Policy
    from cdock.ports import Clock, Forge, Workspaces
    from cdock.wiring import Site

WAIT = 600.0
"""Seconds to wait for a merge queue."""
GLYPHS = {"landed": "✓", "queued": "◔", "empty": "○", "conflict": "✗", "refused": "✗", "skipped": "■"}


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
    from cdock.core.landing import Fate, ordered, summary
    from cdock.reconciler.landing import with_pulls
    from cdock.wiring import site

    if tasks and plan:
        raise click.UsageError("name tasks, or a plan, not both")
    here = site(start)
    chosen_method = method or here.settings.land.method
    every = _every(here)
    yard, ground = _yard(here), _ground(here)
    heads = ground.heads(here.settings.branch.prefix)
    chosen = ordered(_on_forge(_chosen(every, tasks, plan), every=every, ground=ground, heads=heads))
    works = with_pulls(yard, chosen)
    unsettled = {
        task["github"]["issue_number"] for task in every if task["status"] not in ("done", "cancelled")
    }
    expected = _expected(works, method=chosen_method, unsettled=unsettled)
    _show_plan(expected, heads=heads)
    able = sum(landing.fate is Fate.LANDED for landing in expected)
    if dry_run or not able:
        if as_json:
            still = [landing for landing in expected if landing.fate is not Fate.LANDED]
            click.echo(
                _as_json(still, works=works, method=chosen_method, heads=heads, after="", checked=None)
            )
        if not able:
            click.echo("there is nothing to land", err=True)
        return 0 if dry_run else _exit_code(expected, None)
    if not yes:
        _ask(able, method=chosen_method, default=heads.default)
    land = _Land(here, yard, ground, heads, method=chosen_method, unsettled=unsettled, wait=wait)
    landings, checked, after = land.run(works)
    _show_end(landings)
    click.echo(summary(landings), err=True)
    _say_who_clears_up(here, landings)
    if as_json:
        click.echo(
            _as_json(landings, works=works, method=chosen_method, heads=heads, after=after, checked=checked)
        )
    return _exit_code(landings, checked)


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


def _every(here: "Site") -> list[dict[str, Any]]:
    from cdock.cli.tasks import read_mirror

    found: list[dict[str, Any]] = read_mirror(here.clone.state)["tasks"]
    return found


def _chosen(every: list[dict[str, Any]], names: Sequence[str], plan: int | None) -> list[dict[str, Any]]:
    from cdock.cli.tasks import find_tasks
    from cdock.core.errors import Refused

    if names:
        return find_tasks(every, names)
    if plan is None:
        return [task for task in every if task["status"] == "in-review"]
    found = [task for task in every if plan in _plans_of(task, every) and not task.get("plans")]
    if not found:
        raise Refused(
            f"no task of the plan of #{plan} is known here",
            code="CD403",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="cdock status lists the tasks; the poller that works on the plan knows them",
        )
    return found


def _plans_of(task: dict[str, Any], every: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The plans that a task belongs to, from the inside out: their numbers, with what is known here of them."""
    known = {one["github"]["issue_number"]: one for one in every}
    found: dict[int, dict[str, Any]] = {}
    plan = (task.get("brief") or {}).get("plan")
    while plan and plan not in found:
        found[plan] = known.get(plan, {})
        plan = (found[plan].get("brief") or {}).get("plan")
    return found


def _depends(task: dict[str, Any], every: list[dict[str, Any]]) -> tuple[int, ...]:
    """The issues that come before a task, or before a plan that it is in."""
    around = (task, *_plans_of(task, every).values())
    return tuple(
        dict.fromkeys(number for one in around for number in (one.get("brief") or {}).get("depends", ()))
    )


def _on_forge(
    tasks: list[dict[str, Any]],
    *,
    every: list[dict[str, Any]],
    ground: "LandingGround",
    heads: "Heads",
) -> "list[Work]":
    """The tasks with what their branches are on the forge now."""
    from cdock.cli.tasks import task_id_of
    from cdock.core.landing import Work

    works = []
    for task in tasks:
        tip = heads.tips.get(task["branch"], "")
        works.append(
            Work(
                issue=task["github"]["issue_number"],
                title=str(task.get("title", "")),
                task=task_id_of(task),
                branch=task["branch"],
                status=task["status"],
                depends=_depends(task, every),
                onto=str(task.get("onto") or ""),
                tip=tip,
                ahead=ground.ahead(tip, of=heads.commit) if tip else 0,
            )
        )
    return works


def _expected(works: "Sequence[Work]", *, method: str, unsettled: set[int]) -> "list[Landing]":
    """What becomes of each, if all that is tried lands."""
    from cdock.core.landing import Fate, Landing, not_tried

    done: list[Landing] = []
    for work in works:
        kept = not_tried(work, done, method=method, unsettled=unsettled)
        done.append(kept or Landing(work, Fate.LANDED))
    return done


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


def _show_plan(expected: "Sequence[Landing]", *, heads: "Heads") -> None:
    """What there is to land, in order, with the number of commits and what is in the way."""
    from cdock.cli.console import clean

    if not expected:
        return
    click.echo(f"onto {heads.default} at {heads.commit[:12]}:", err=True)
    for landing in expected:
        work = landing.work
        pull = f"PR #{work.pull.number}" if work.pull else "no PR"
        commits = f"{work.ahead} commit{'' if work.ahead == 1 else 's'}"
        line = f"  #{work.issue:<6} {commits:<12} {pull:<10} {clean(work.title)[:60]}"
        click.echo(f"{line}  ({clean(landing.why)})" if landing.why else line, err=True)


def _show_end(landings: "Sequence[Landing]") -> None:
    from cdock.cli.console import clean

    for landing in landings:
        line = f"{GLYPHS[landing.fate]} #{landing.work.issue} {landing.fate}"
        click.echo(f"{line}: {clean(landing.why)}" if landing.why else line, err=True)
        for command_ in landing.retry:
            click.echo(f"    {command_}", err=True)


def _say(line: str) -> None:
    from cdock.cli.console import clean

    click.echo(clean(line), err=True)


def _say_who_clears_up(here: "Site", landings: "Sequence[Landing]") -> None:
    from cdock.adapters.files.poller import poller_runs
    from cdock.core.landing import Fate

    if any(landing.fate is Fate.LANDED for landing in landings) and not poller_runs(here.clone.state):
        _say("no poller runs in this clone: `cdock run --once` clears up the worktrees of what was landed")


def _exit_code(landings: "Sequence[Landing]", checked: "CheckResult | None") -> int:
    """0 when all is landed and passes, 3 when some is, 1 when nothing is or the default branch does not pass."""
    if checked and checked.exit_code:
        return 1
    if all(landing.fine for landing in landings):
        return 0
    return 3 if any(landing.fine for landing in landings) else 1


def _as_json(
    landings: "Sequence[Landing]",
    *,
    works: "Sequence[Work]",
    method: str,
    heads: "Heads",
    after: str,
    checked: "CheckResult | None",
) -> str:
    became = {landing.work.issue: landing for landing in landings}
    rows = []
    for work in works:
        landing = became.get(work.issue)
        rows.append(
            {
                "issue": work.issue,
                "task": work.task,
                "title": work.title,
                "branch": work.branch,
                "commits": work.ahead,
                "pull": work.pull.number if work.pull else None,
                "fate": landing.fate.value if landing else None,
                "why": landing.why if landing else "",
                "retry": list(landing.retry) if landing else [],
            }
        )
    meta = {
        "method": method,
        "branch": heads.default,
        "before": heads.commit,
        "after": after or heads.commit,
        "validation": checked.exit_code if checked else None,
    }
    return json.dumps({"schema": 1, "data": rows, "meta": meta}, ensure_ascii=False)

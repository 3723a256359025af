"""What `cdock land` says: before, after, as JSON, and by its exit code."""

import json
from collections.abc import Sequence

import click

from cdock.adapters.git.landing import Heads
from cdock.cli.console import clean
from cdock.core.landing import Landing, Work
from cdock.core.runs import CheckResult

GLYPHS = {"landed": "✓", "queued": "◔", "empty": "○", "conflict": "✗", "refused": "✗", "skipped": "■"}


def show_plan(expected: Sequence[Landing], *, heads: Heads) -> None:
    """What there is to land, in order, with the number of commits and what is in the way."""
    if not expected:
        return
    click.echo(f"onto {heads.default} at {heads.commit[:12]}:", err=True)
    for landing in expected:
        work = landing.work
        pull = f"PR #{work.pull.number}" if work.pull else "no PR"
        commits = f"{work.ahead} commit{'' if work.ahead == 1 else 's'}"
        line = f"  #{work.issue:<6} {commits:<12} {pull:<10} {clean(work.title)[:60]}"
        click.echo(f"{line}  ({clean(landing.why)})" if landing.why else line, err=True)


def show_end(landings: Sequence[Landing]) -> None:
    """What became of each, and how to go on where it did not land."""
    for landing in landings:
        line = f"{GLYPHS[landing.fate]} #{landing.work.issue} {landing.fate}"
        click.echo(f"{line}: {clean(landing.why)}" if landing.why else line, err=True)
        for command_ in landing.retry:
            click.echo(f"    {command_}", err=True)


def exit_code(landings: Sequence[Landing], checked: CheckResult | None) -> int:
    """0 when all is landed and passes, 3 when some is, 1 when nothing is or the default branch does not pass."""
    if checked and checked.exit_code:
        return 1
    if all(landing.fine for landing in landings):
        return 0
    return 3 if any(landing.fine for landing in landings) else 1


def as_json(
    landings: Sequence[Landing],
    *,
    works: Sequence[Work],
    method: str,
    heads: Heads,
    after: str,
    checked: CheckResult | None,
) -> str:
    """The same for programs; work that was not tried has no fate."""
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

"""Running commands on a commit for somebody who waits at the terminal."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdock.core.secrets import redacted, secrets_in

if TYPE_CHECKING:
    from cdock.core.policy import Policy
    from cdock.core.runs import CheckResult
    from cdock.ports import Clock, Locks, Runner, Workspaces
    from cdock.wiring import Site


@dataclass(frozen=True)
class Desk:
    """See `cdock.reconciler.checking.Bench`."""

    runner: "Runner"
    workspaces: "Workspaces"
    locks: "Locks"
    clock: "Clock"
    policy: "Policy"
    secrets: frozenset[str]

    def fit(self, text: str) -> str:
        """`text` without secrets."""
        return redacted(text, secrets=self.secrets)


def desk(of: "Site") -> Desk:
    """What it takes to run commands for the clone.

    Raises:
        Refused: something is missing, such as the agent image.
    """
    from cdock.adapters.files.locks import FileLocks
    from cdock.adapters.system import SystemClock
    from cdock.wiring import lock_directory, repository, runner, workspaces

    return Desk(
        runner=runner(of),
        workspaces=workspaces(of),
        locks=FileLocks(lock_directory(of.env, repository(of))),
        clock=SystemClock(),
        policy=of.settings.policy(),
        secrets=secrets_in(of.env),
    )


def run_checks(at: Desk, commit: str, commands: Sequence[str], *, name: str) -> "CheckResult":
    """Run the commands and show what they print, as it comes, on standard error."""
    import click

    from cdock.cli.console import clean
    from cdock.reconciler.checking import check

    def say(line: str) -> None:
        click.echo(f"  {clean(line)}", err=True)

    with ended_by_signals():
        return check(at, commit, commands, name=name, say=say)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Whoever asks this process to end by SIGTERM or SIGHUP interrupts it as Ctrl-C does, so that it clears up."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

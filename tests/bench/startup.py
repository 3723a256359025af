"""How fast commands answer that only read, or only keep what was said: the interpreter and click are the floor."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cdock.adapters.files.mirror import FileMirror
from cdock.core.ids import task_id
from cdock.core.policy import Policy
from cdock.core.record import dump_record, record_of
from cdock.core.task import Attempt, Outcome, Status, Task
from tests.bench.measure import (
    Figure,
    against,
    growth,
    interleaved,
    peak_memory,
    program,
)

MIB = 1024 * 1024
CDOCK = str(Path(sys.executable).with_name("cdock"))
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def help(rounds: int) -> Iterator[Figure]:  # noqa: A001 (the verb that is measured)
    """Goals: 1.5 F and 20 MiB, F being an interpreter that imports click."""
    floor = (sys.executable, "-P", "-c", "import click")
    taken = interleaved(
        {
            "floor": program(*floor),
            "bare": program(sys.executable, "-P", "-c", "pass"),
            "help": program(CDOCK, "--help"),
            "wrong verb": program(CDOCK, "status", "--help"),
        },
        rounds=rounds,
    )
    yield against("cdock --help", taken["help"], taken["floor"], goal=1.5)
    yield against("cdock status --help", taken["wrong verb"], taken["floor"], goal=1.5)
    yield against("(python -c pass)", taken["bare"], taken["floor"])
    peak, least = peak_memory(CDOCK, "--help"), peak_memory(*floor)
    yield Figure(
        "cdock --help, peak memory",
        f"{peak / MIB:.1f} MiB",
        "≤ 20 MiB",
        peak <= 20 * MIB,
        f"F {least / MIB:.1f} MiB",
    )


def status(rounds: int, *, sizes: Sequence[int] = (10, 100, 1000)) -> Iterator[Figure]:
    """Goal: 2 F at 1,000 tasks, F being an interpreter that imports click and json; growth at most in proportion."""
    floor = program(sys.executable, "-P", "-c", "import click, json")
    with tempfile.TemporaryDirectory() as scratch:
        clones = {size: _clone(Path(scratch) / str(size), tasks=size) for size in sizes}
        ways = {str(size): program(CDOCK, "status", cwd=str(clone)) for size, clone in clones.items()}
        asked = {
            f"json {size}": program(CDOCK, "status", "--json", "issue,status", cwd=str(clone))
            for size, clone in clones.items()
        }
        taken = interleaved({"floor": floor, **ways, **asked}, rounds=rounds)
        for size in sizes:
            goal = 2.0 if size == max(sizes) else None
            yield against(f"cdock status, {size} tasks", taken[str(size)], taken["floor"], goal=goal)
        largest = max(sizes)
        yield against(
            f"cdock status --json, {largest} tasks", taken[f"json {largest}"], taken["floor"], goal=2.0
        )
        yield growth("cdock status, growth", {size: taken[str(size)] for size in sizes}, goal=1)
        peak = peak_memory(CDOCK, "status", cwd=str(clones[largest]))
        yield Figure(f"cdock status, {largest} tasks, peak memory", f"{peak / MIB:.1f} MiB")


def submit(rounds: int, *, tasks: int = 1000) -> Iterator[Figure]:
    """Goal: 2.5 F until new tasks are safe on this disk, for the poller to deliver; F imports click."""
    floor = program(sys.executable, "-P", "-c", "import click")
    with tempfile.TemporaryDirectory() as scratch:
        clone = _clone(Path(scratch), tasks=tasks)
        told = ("--prompt", "The redirect after the login answers 302. Find out why.", "--no-wait")

        def kept(*argv: str) -> Callable[[], float]:
            way = program(CDOCK, *argv, *told, cwd=str(clone))

            def once() -> float:
                taken = way()
                shutil.rmtree(clone / ".git" / "cdock" / "outbox")
                return taken

            return once

        commands = {
            "cdock create": ("create", "Mend the redirect"),
            "cdock create, with acceptance": ("create", "Mend it", "--acceptance", "pytest -q"),
            "cdock fanout 5": ("fanout", "5", "redirect"),
            "cdock fanout 20": ("fanout", "20", "redirect"),
        }
        ways = {name: kept(*argv) for name, argv in commands.items()}
        taken = interleaved({"floor": floor, **ways}, rounds=rounds)
        for name in commands:
            yield against(f"{name}, {tasks} tasks known", taken[name], taken["floor"], goal=2.5)


def _clone(path: Path, *, tasks: int) -> Path:
    """A clone whose poller has written down that many tasks, with a history as a real one has."""
    (path / ".git" / "cdock").mkdir(parents=True)
    written = [_task(number) for number in range(1, tasks + 1)]
    mirror = {"version": 1, "isolation": "a container", "tasks": written}
    FileMirror(path / ".git" / "cdock" / "state.json").save(mirror)
    return path


def _task(number: int) -> dict[str, object]:
    uuid = UUID(int=(number << 96) + (4 << 76))
    states = (Status.IN_REVIEW, Status.DONE, Status.NEEDS_HELP, Status.IN_PROGRESS)
    status = states[number % len(states)]
    ended = [
        Attempt(
            number=tried,
            round=1,
            agent="claude",
            started_at=_BEGAN,
            session=str(uuid),
            ended_at=_BEGAN + timedelta(minutes=5),
            outcome=Outcome.FAILED,
            error="FAILED tests/test_login.py::test_redirect - assert 302 == 200\n" * 3,
            fingerprint="d41d8cd98f00b204e9800998ecf8427e",
            summary="The redirect after the login still answers 302.",
            turns=12,
            tokens=40_000,
            cost=0.31,
        )
        for tried in (1, 2)
    ]
    running = Attempt(number=3, round=1, agent="claude", started_at=_BEGAN, session=str(uuid))
    task = Task(
        id=task_id("add-oauth-login", uuid),
        uuid=uuid,
        issue=number,
        title="Add an OAuth login to the settings page",
        created_at=_BEGAN,
        base="0" * 40,
        attempts=(*ended, running) if status is Status.IN_PROGRESS else tuple(ended),
    )
    record = dump_record(record_of(task, policy=Policy(), status=status))
    more = {
        "worktree": f"/home/maria/hello/.cdock/worktrees/{task.id.name}",
        "help_number": number + 5000 if status is Status.NEEDS_HELP else None,
        "url": f"https://github.com/maria/hello/issues/{number}",
        "said": "Now the tests of the login pass; I look at the redirect next." * 2,
    }
    return record | more

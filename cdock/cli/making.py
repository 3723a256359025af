"""Issues of new tasks: a person's words, and below them the sections that cdock reads."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cdock.core.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from cdock.cli.outgoing import Handed
    from cdock.core.outbox import Entry

TITLE = 80
"""Characters of a title that is made of the first line of a prompt."""
OVER = ("done", "cancelled")
"""States of tasks that need their names no more."""


@dataclass(frozen=True)
class Wanted:
    """A task that a person asks for. Empty where they do not say; `depends` are numbers of issues."""

    title: str
    words: str
    worktree: str = ""
    batch: str = ""
    acceptance: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    depends: tuple[int, ...] = ()
    agent: str = ""
    model: str = ""


def body_of(wanted: Wanted) -> str:
    """The text of its issue.

    Raises:
        Misconfigured: something cannot stand in its section, or the words have such a section of their own.
    """
    if wanted == Wanted(wanted.title, wanted.words):
        return wanted.words
    from cdock.core import form
    from cdock.core.planning.document import PlanTask

    task = PlanTask(
        key="task",
        title=wanted.title,
        acceptance=wanted.acceptance,
        files=wanted.files,
        agent=wanted.agent,
        model=wanted.model,
    )
    sections = form.sections_of(task, depends=wanted.depends, batch=wanted.batch, worktree=wanted.worktree)
    words = form.closed(wanted.words.replace("\r\n", "\n").rstrip())
    body = f"{words}\n\n{sections}".lstrip("\n")
    read = form.brief_of(body)
    for name in ("acceptance", "files", "depends", "batch", "worktree"):
        said = getattr(wanted, name)
        if said and getattr(read, name) != said:
            raise Misconfigured(
                f"the section {name!r} of the issue would not say what you want of it",
                code="CD501",
                tried=f"reading it back: it says {getattr(read, name)!r}",
                fix=f"leave a section or comment of that kind out of the words, and give each {name} on one line",
            )
    return body


def entries_of(wanted: Iterable[Wanted], *, now: "datetime") -> "tuple[Entry, ...]":
    """One entry of the outbox for each, labelled so that work starts, delivered in this order.

    Raises:
        Misconfigured: one could never become an issue.
    """
    from cdock.core.outbox import new_issue

    every = tuple(wanted)
    # Of one moment they are delivered by their names.
    ops = sorted((uuid4() for _ in every), key=str)
    return tuple(
        new_issue(op, title=one.title, body=body_of(one), labels=(), ready=True, now=now)
        for op, one in zip(ops, every, strict=True)
    )


def title_of(prompt: str) -> str:
    """The first line of a prompt that says something, cut to the length of a title at a word."""
    lines = (line.strip().lstrip("#").strip() for line in prompt.splitlines())
    line = next((line for line in lines if line), "")
    if len(line) <= TITLE:
        return line
    return f"{line[:TITLE].rpartition(' ')[0] or line[: TITLE - 1]}…"


def names_in_use(state: Path) -> Mapping[str, str]:
    """The names of worktrees that open tasks of this clone have or ask for, and whose they are."""
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.cli.tasks import read_mirror
    from cdock.core.form import brief_of
    from cdock.core.outbox import Kind

    mirror = read_mirror(state)
    asked: list[dict[str, Any]] = mirror.get("queue") or []
    found = {one["worktree"]: f"#{one['issue']}" for one in asked if one.get("worktree")}
    claimed = {task["github"]["issue_number"] for task in mirror["tasks"]}
    for task in mirror["tasks"]:
        if task["status"] not in OVER:
            found[task["worktree_id"]] = f"#{task['github']['issue_number']}"
    for entry in FileOutbox(state / "outbox").read()[0]:
        name = brief_of(entry.body).worktree if entry.kind is Kind.ISSUE else ""
        if name and name not in found and entry.number not in claimed:
            found[name] = f"#{entry.number}" if entry.number else entry.name
    return found


def _mentioned(state: Path, names: Sequence[str]) -> bool:
    """Whether a name may stand in the mirror or the outbox: only to look for it is quicker than to read 1,000 tasks."""
    try:
        texts = [path.read_bytes() for path in (state / "state.json", *(state / "outbox").glob("*.json"))]
    except OSError:
        return True  # for the reader of the file to judge
    return any(name.encode() in text for text in texts for name in names)


def require_free(state: Path, names: Sequence[str]) -> None:
    """Refuse names of worktrees that open tasks have.

    Raises:
        Refused: some are taken.
    """
    if not _mentioned(state, names):
        return
    used = names_in_use(state)
    if taken := [f"{name} ({used[name]})" for name in names if name in used]:
        raise Refused(
            f"open tasks are called so already: {', '.join(taken)}",
            code="CD502",
            tried="looking into the mirror and the outbox of this clone",
            fix="choose another name, or `cdock kill` those",
        )


def require_agents(start: Path, names: Collection[str]) -> None:
    """Refuse agents that an issue may not ask for in this clone.

    Raises:
        Misconfigured: there are such.
    """
    if not names:
        return
    from cdock.wiring import known_agents, site
    from cdock.wiring.agents import to_ask_for

    here = site(start)
    known = to_ask_for(here.settings, {name: each.can for name, each in known_agents(here).items()})
    if wrong := sorted(set(names) - set(known)):
        raise Misconfigured(
            f"no agent that a task may ask for is called {wrong[0]!r}",
            code="CD503",
            tried=f"looking at the agents that are configured: {', '.join(known)}",
            fix="name one of these, or give it a table in cdock.toml ([agent.…])",
        )


def send(start: Path, state: Path, wanted: Sequence[Wanted], *, wait: bool) -> "tuple[Handed, ...]":
    """Make the issues: all are kept on this machine, then delivered.

    Raises:
        Misconfigured, Refused: nothing was kept.
    """
    from datetime import UTC, datetime

    from cdock.cli.outgoing import hand_over_all

    entries = entries_of(wanted, now=datetime.now(UTC).replace(microsecond=0))
    return hand_over_all(start, state, entries, wait=wait)


def tell(wanted: Sequence[Wanted], handed: "Sequence[Handed]") -> None:
    """Say what became of each: those that are issues on standard output, what is held back on standard error.

    Raises:
        Refused: the forge does not take one of them; all others were told before.
    """
    import click

    from cdock.cli.console import clean

    for one, each in zip(wanted, handed, strict=True):
        if each.done:
            click.echo(f"#{each.record['number']}\t{one.worktree}\t{each.record['url']}")
    if held := [each for each in handed if not each.done and each.record["state"] != "parked"]:
        click.echo(
            f"kept {len(held)} of {len(handed)} tasks; {clean(held[0].why)}; "
            "`cdock sync` or the poller delivers each, once",
            err=True,
        )
    for each in handed:
        each.require_accepted()


def as_rows(wanted: Sequence[Wanted], handed: "Sequence[Handed]") -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            **{name: each.record[name] for name in ("op", "state", "number", "url", "title")},
            "worktree": one.worktree,
            "agent": one.agent,
            "why": each.why,
        }
        for one, each in zip(wanted, handed, strict=True)
    ]

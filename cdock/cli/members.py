"""Which tasks a person means, claimed or not: those of the mirror, issues nobody has claimed, words not delivered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cdock.cli.tasks import find_task, is_pattern, issue_of, read_mirror, require_here, task_id_of
from cdock.core.errors import Refused

if TYPE_CHECKING:
    from cdock.core.issues import Issue
    from cdock.ports import Forge
    from cdock.settings import Settings

OVER = ("done", "cancelled")


@dataclass(frozen=True)
class Member:
    """A task that a person may mean. `task` is its entry in the mirror, once it is claimed.

    `issue` is 0 and `op` its entry in the outbox for as long as it is no issue yet.
    """

    issue: int
    title: str
    worktree: str
    batch: str
    plan: int = 0
    status: str = "ready"
    task: Mapping[str, Any] | None = None
    op: UUID | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What a pattern may match."""
        id_ = task_id_of(dict(self.task)).removeprefix("cdock.") if self.task else ""
        return tuple(name for name in (self.worktree, id_, self.batch) if name)

    @property
    def called(self) -> str:
        """What people call it."""
        return f"#{self.issue}" if self.issue else str(self.op)[:8]


def of_mirror(mirror: Mapping[str, Any]) -> tuple[Member, ...]:
    """The tasks that this clone's poller has claimed, those that are over left out."""
    found = []
    for task in mirror["tasks"]:
        brief = task.get("brief") or {}
        if task["status"] not in OVER:
            found.append(
                Member(
                    issue=task["github"]["issue_number"],
                    title=str(task.get("title", "")),
                    worktree=task["worktree_id"],
                    batch=str(brief.get("batch") or ""),
                    plan=int(brief.get("plan") or 0),
                    status=task["status"],
                    task=task,
                )
            )
    return tuple(found)


def of_queue(mirror: Mapping[str, Any]) -> tuple[Member, ...]:
    """The issues that nobody has claimed, as the poller saw them last."""
    return tuple(
        Member(
            issue=one["issue"],
            title=str(one.get("title", "")),
            worktree=str(one.get("worktree") or ""),
            batch=str(one.get("batch") or ""),
            plan=int(one.get("plan") or 0),
        )
        for one in mirror.get("queue") or ()
    )


def of_outbox(state: Path) -> tuple[Member, ...]:
    """The tasks that are kept on this machine and are no issues yet."""
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.core.form import brief_of
    from cdock.core.outbox import Kind, State

    found = []
    for entry in FileOutbox(state / "outbox").read()[0]:
        if entry.kind is Kind.ISSUE and entry.state is not State.DONE:
            brief = brief_of(entry.body)
            found.append(
                Member(0, entry.title, brief.worktree, brief.batch, brief.plan, status="kept", op=entry.op)
            )
    return tuple(found)


def of_forge(forge: "Forge", settings: "Settings") -> tuple[Member, ...]:
    """The open issues that are labelled so that work starts, as the forge shows them now.

    Raises:
        Unavailable: it does not answer.
    """
    from cdock.core.form import brief_of
    from cdock.core.issues import Watch

    labels = settings.policy().labels

    def member(issue: "Issue") -> Member:
        brief = brief_of(issue.body)
        return Member(issue.number, issue.title, brief.worktree, brief.batch, brief.plan)

    shown = forge.look(Watch(ready=labels.ready, help=labels.help_issue))
    return tuple(member(issue) for issue in shown.issues if issue.open and issue.wears(labels.ready))


def joined(*groups: Iterable[Member]) -> tuple[Member, ...]:
    """All of them, each issue once, as the first group that has it tells of it; by number, what is kept last."""
    found: dict[object, Member] = {}
    for member in (member for group in groups for member in group):
        found.setdefault(member.issue or member.op, member)
    return tuple(sorted(found.values(), key=lambda m: (m.issue == 0, m.issue, str(m.op))))


def chosen(
    every: Sequence[Member], named: Sequence[str], *, batch: str, tasks: list[dict[str, Any]]
) -> tuple[Member, ...]:
    """The members that any of the names means, and those of the batch; `tasks` are all of the mirror.

    A name is that of a task or a worktree, or a pattern of worktrees, ids and batches.

    Raises:
        Refused: a name means none, or is no pattern and means several; a task that is named is not here any more.
    """
    found = [member for member in every if batch and member.batch == batch]
    if batch and not found:
        raise _nothing(f"no open task is of the batch {batch!r}", every)
    for name in named:
        found += _meant(every, name, tasks=tasks)
    return joined(found)


def _meant(every: Sequence[Member], name: str, *, tasks: list[dict[str, Any]]) -> list[Member]:
    if is_pattern(name):
        wanted = name.strip().removeprefix("cdock.")
        matching = [member for member in every if any(fnmatchcase(own, wanted) for own in member.names)]
        if not matching:
            raise _nothing(f"no open task matches {name!r}", every)
        # Another poller's are not ours to end, unless they are named, which says so.
        return [member for member in matching if member.status != "foreign"]
    number = issue_of(name)
    exact = [m for m in every if (m.issue == number if number else m.worktree == name.strip())]
    if len(exact) == 1 and exact[0].status != "foreign":
        return exact
    task = require_here(find_task(tasks, name))
    return [member for member in every if member.issue == task["github"]["issue_number"]]


def _nothing(what: str, every: Sequence[Member]) -> Refused:
    batches = sorted({member.batch for member in every if member.batch})
    return Refused(
        what,
        code="CD403",
        tried=f"{len(every)} open tasks; their batches are: {', '.join(batches) or 'none'}",
        fix="quote a pattern, or your shell fills it in; `cdock list` shows tasks and batches",
    )


def open_members(state: Path) -> tuple[Member, ...]:
    """All that this machine knows of, without asking the forge."""
    mirror = read_mirror(state)
    return joined(of_mirror(mirror), of_queue(mirror), of_outbox(state))

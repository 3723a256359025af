"""In-memory ports that keep the promises of the real ones, shipped for tests of rules and loops.

`MemoryHub` is the forge with its git; any number of `MemoryMachine`s work with it. Both have verbs for what people
and agents do. `Faults` lets any port call fail on purpose.
"""

import itertools
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cdock.core.errors import CdockError, ClaimLost, Misconfigured, NotPermitted, Refused, Unavailable
from cdock.core.events import Ending, Event, Job, Launch, Reading, Remote, RunSpec
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.messages import parse_marker, speaks_for_cdock
from cdock.core.model import (
    Approval,
    Claim,
    Comment,
    HelpIssue,
    Issue,
    Move,
    Role,
    Run,
    RunState,
    Signals,
    Snapshot,
    Task,
    Verdict,
    Watch,
    Workspace,
)
from cdock.core.outbox import Entry
from cdock.core.policy import Labels
from cdock.core.pulls import PullRequest

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ROOT = "c0"


@dataclass
class MemoryClock:
    """A clock that moves only when told, or when somebody sleeps."""

    time: datetime = START
    seconds: float = 1000.0
    ended: bool = False
    knocked: int = 0

    def now(self) -> datetime:
        """See `Clock`."""
        return self.time

    def elapsed(self) -> float:
        """See `Clock`."""
        return self.seconds

    def sleep(self, seconds: float) -> bool:
        """Advance instead of waiting."""
        self.advance(seconds)
        return self.ended

    def knocks(self) -> int:
        """See `Clock`."""
        return self.knocked

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class MemoryIds:
    """Uuids in a fixed order; `seed` keeps two machines apart."""

    seed: int = 0
    count: int = 0

    def uuid(self) -> UUID:
        """See `Ids`."""
        self.count += 1
        chance = random.Random(f"{self.seed}/{self.count}")  # noqa: S311 - repeatable on purpose
        return UUID(int=chance.getrandbits(128), version=4)


@dataclass
class Faults:
    """Which calls fail: by name for as long as they are in `down`, or the n-th call of all, before or after it."""

    down: set[str] = field(default_factory=set)
    calls: int = 0
    crash_at: int | None = None
    crash_after: bool = False

    def before(self, port: str) -> None:
        """Called before a call of `port` has any effect."""
        self.calls += 1
        if self.crash_at == self.calls and not self.crash_after:
            raise Crash
        if port in self.down:
            raise Unavailable(f"{port} is down", fix="wait")

    def after(self) -> None:
        """Called when the effect is there but nobody has heard of it."""
        if self.crash_at == self.calls and self.crash_after:
            raise Crash


class Crash(BaseException):
    """The process dies here. No handler of the product sees it."""


@dataclass
class MemoryHub:
    """The forge: issues, pull requests, branches and claims, shared by all machines."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    bot: str = "cdock-bot"
    writers: set[str] = field(default_factory=lambda: {"cdock-bot", "maria"})
    issues: dict[int, Issue] = field(default_factory=dict)
    labelled_by: dict[tuple[int, str], str] = field(default_factory=dict)
    """Who put a label on an issue last."""
    allowed_at: dict[tuple[int, str], tuple[int, datetime | None]] = field(default_factory=dict)
    """When somebody who may put it on last, and which of all changes that was."""
    edited_by: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Who changed the text of an issue last, and which of all changes that was."""
    seen: set[int] = field(default_factory=set)
    """Comments that were acknowledged."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Labels as they were first written: their case makes no difference."""
    closed_by: dict[int, str] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    closes: dict[int, int] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=lambda: {ROOT: ""})
    branches: dict[str, str] = field(default_factory=lambda: {"main": ROOT})
    refs: dict[int, Claim] = field(default_factory=dict)
    numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))
    serial: int = 0

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    # What people do.

    def open_issue(self, title: str, *, body: str = "", by: str = "maria", labels: Sequence[str] = ()) -> int:
        """A person opens an issue; its number."""
        number = next(iter(self.numbers))
        self.issues[number] = Issue(
            number=number,
            id=7_000_000 + self._next(),
            title=title,
            body=body,
            author=by,
            url=f"memory://issues/{number}",
            created_at=self.clock.now(),
        )
        for label in labels:
            self.label(number, label, by=by)
        return number

    def label(self, number: int, label: str, *, by: str = "maria") -> None:
        """Somebody puts a label on."""
        known = self.spelled.setdefault(label.casefold(), label)
        self._edit(number, labels=self.issues[number].labels | {known})
        self.labelled_by[number, label.casefold()] = by
        if by in self.writers:
            self.allowed_at[number, label.casefold()] = self._next(), self.clock.now()

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        """Somebody changes the text of an issue."""
        issue = self.issues[number]
        self._edit(
            number,
            title=issue.title if title is None else title,
            body=issue.body if body is None else body,
        )
        self.edited_by[number] = by, self._next()

    def unlabel(self, number: int, label: str) -> None:
        """Somebody takes a label off."""
        known = self.spelled.get(label.casefold(), label)
        self._edit(number, labels=self.issues[number].labels - {known})

    def comment(self, number: int, body: str, *, by: str = "maria") -> int:
        """Somebody comments; the comment's id."""
        comment = Comment(
            id=8_000_000 + self._next(),
            author=by,
            body=body,
            created_at=self.clock.now(),
            mine=by == self.bot and speaks_for_cdock(body),
            by_writer=by in self.writers,
        )
        self._edit(number, comments=(*self.issues[number].comments, comment))
        return comment.id

    def edit_comment(self, number: int, body: str) -> None:
        """Somebody changes the newest comment of an issue."""
        *others, newest = self.issues[number].comments
        self._edit(number, comments=(*others, replace(newest, body=body)))

    def close(self, number: int, *, by: str = "maria") -> None:
        """Somebody closes an issue."""
        if self.issues[number].open:
            self._edit(number, open=False)
            self.closed_by[number] = by

    def reopen(self, number: int) -> None:
        """Somebody opens a closed issue again."""
        self._edit(number, open=True)
        self.closed_by.pop(number, None)

    def merge(self, pull: int) -> None:
        """Somebody merges a pull request; the issue it closes closes."""
        found = self.pulls[pull]
        self.pulls[pull] = replace(found, open=False, merged=True)
        self.branches["main"] = self.branches[found.head]
        if pull in self.closes:
            self.close(self.closes[pull])

    def close_pull(self, pull: int) -> None:
        """Somebody closes a pull request without merging it."""
        self.pulls[pull] = replace(self.pulls[pull], open=False)

    def push(self, branch: str) -> str:
        """Somebody pushes a commit of their own to a branch, new or old; the commit."""
        self.branches[branch] = self.commit(self.branches.get(branch, self.branches["main"]))
        return self.branches[branch]

    def commit(self, parent: str) -> str:
        """A new commit on `parent`."""
        oid = f"c{self._next()}"
        self.commits[oid] = parent
        return oid

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is in the history of `commit`."""
        while commit:
            if commit == ancestor:
                return True
            commit = self.commits[commit]
        return False

    def _edit(self, number: int, **changes: Any) -> None:
        self.issues[number] = replace(self.issues[number], **changes, updated_at=self.clock.now())


@dataclass
class MemoryForge:
    """See `Forge`."""

    hub: MemoryHub
    faults: Faults = field(default_factory=Faults)
    last: Snapshot = field(default_factory=Snapshot)

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        """See `Forge`."""
        self.faults.before("forge")
        issues = tuple(
            issue if number in watch.held else replace(issue, comments=())
            for number, issue in sorted(self.hub.issues.items())
            if number in watch.held or (issue.open and issue.wears(watch.ready))
        )
        helps = tuple(
            found
            for issue in self.hub.issues.values()
            if issue.wears(watch.help) and issue.author == self.hub.bot
            if (found := self._help(issue, watch.asking))
        )
        newest = {pull.head: pull for pull in self.hub.pulls.values() if pull.head in watch.branches}
        pulls = tuple(sorted(newest.values(), key=lambda pull: pull.number))
        snapshot = Snapshot(issues=issues, helps=helps, pulls=pulls)
        self.last = snapshot if snapshot != self.last else self.last
        return self.last

    def _help(self, issue: Issue, held: Collection[int]) -> HelpIssue | None:
        marker = parse_marker(issue.body)
        if marker is None or marker.kind != "help" or int(marker.fields["issue"]) not in held:
            return None
        closer = self.hub.closed_by.get(issue.number, "")
        return HelpIssue(
            number=issue.number,
            url=issue.url,
            open=issue.open,
            task=UUID(marker.fields["task"]),
            round=int(marker.fields["round"]),
            comments=issue.comments,
            closed_by=closer,
            closed_by_writer=closer in self.hub.writers,
            created_at=issue.created_at,
        )

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge`."""
        self.faults.before("forge")
        there = self.hub.issues[issue]
        by = self.hub.labelled_by.get((issue, label.casefold()), "") if there.wears(label) else ""
        at, moment = self.hub.allowed_at.get((issue, label.casefold()), (0, None))
        editor, edited = self.hub.edited_by.get(issue, ("", 0))
        strange = edited > at and editor not in self.hub.writers
        return Approval(
            by=by,
            granted=by in self.hub.writers,
            at=moment,
            digest=there.digest,
            edited_by=editor if strange else "",
        )

    def acknowledge(self, comment: int) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self.hub.seen.add(comment)
        self.faults.after()

    def _permit(self, what: str) -> None:
        if self.hub.bot not in self.hub.writers:
            raise NotPermitted(f"{self.hub.bot} may not {what}", fix="give the account write access")

    def ensure_repository_labels(self, labels: Labels) -> tuple[str, ...]:
        """See `Forge`; labels need no creation here."""
        self.faults.before("forge")
        return ()

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("label issues")
        for label in add:
            if not self.hub.issues[issue].wears(label):
                self.hub.label(issue, label, by=self.hub.bot)
        for label in remove:
            self.hub.unlabel(issue, label)
        self.faults.after()

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        comments = self.hub.issues[issue].comments
        ours = next((c for c in comments if c.author == self.hub.bot and c.body.startswith(marker)), None)
        if ours is None:
            self.hub.comment(issue, body, by=self.hub.bot)
        else:
            edited = tuple(replace(c, body=body) if c is ours else c for c in comments)
            self.hub._edit(issue, comments=edited)
        self.faults.after()

    def ensure_shown(
        self, issue: int, *, add: Collection[str], remove: Collection[str], marker: str, body: str
    ) -> None:
        """See `Forge`."""
        self.ensure_labels(issue, add=add, remove=remove)
        self.ensure_comment(issue, marker=marker, body=body)

    def ensure_issue(
        self, *, marker: str, title: str, body: str, labels: Collection[str], since: datetime
    ) -> Issue:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("label issues")
        issues = self.hub.issues.values()
        found = next((i for i in issues if i.author == self.hub.bot and i.body.startswith(marker)), None)
        if found is None:
            number = self.hub.open_issue(title, body=body, by=self.hub.bot, labels=tuple(labels))
            found = self.hub.issues[number]
        self.faults.after()
        return found

    def ensure_help(self, *, issue: int, marker: str, title: str, body: str, label: str) -> HelpIssue:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("label a help issue")
        issues = self.hub.issues.values()
        found = next((i for i in issues if i.author == self.hub.bot and i.body.startswith(marker)), None)
        if found is None:
            number = self.hub.open_issue(title, body=body, by=self.hub.bot, labels=[label])
        else:
            number = found.number
        self.faults.after()
        made = self._help(self.hub.issues[number], [issue])
        assert made is not None, "the marker of a help issue was not understood"  # noqa: S101
        return made

    def ensure_pull(self, *, head: str, title: str, body: str) -> PullRequest:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("open pull requests")
        if head not in self.hub.branches:
            raise Refused(f"no branch {head}", fix="push it first")
        there = [pull for pull in self.hub.pulls.values() if pull.head == head]
        if there:
            return there[-1]
        number = next(iter(self.hub.numbers))
        pull = PullRequest(number=number, url=f"memory://pulls/{number}", head=head)
        self.hub.pulls[number] = pull
        for line in body.splitlines():
            if line.startswith("Closes #"):
                self.hub.closes[number] = int(line.removeprefix("Closes #"))
        self.faults.after()
        return pull

    def ensure_closed(self, issue: int) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("close issues")
        self.hub.close(issue, by=self.hub.bot)
        self.faults.after()

    def close(self) -> None:
        """See `Forge`."""


@dataclass
class MemoryClaims:
    """See `Claims`."""

    hub: MemoryHub
    faults: Faults = field(default_factory=Faults)

    def list(self) -> tuple[Claim, ...]:
        """See `Claims`."""
        self.faults.before("claims")
        return tuple(self.hub.refs[issue] for issue in sorted(self.hub.refs))

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        """See `Claims`."""
        self.faults.before("claims")
        self._fence(issue, expected)
        oid = self._move(issue, claim)
        self.faults.after()
        return oid

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        """See `Claims`."""
        self.faults.before("claims")
        done: dict[int, str | CdockError] = {}
        for move in moves:
            try:
                done[move.claim.issue] = self._publish(move)
            except CdockError as error:
                done[move.claim.issue] = error
        self.faults.after()
        return done

    def _publish(self, move: Move) -> str:
        self._fence(move.claim.issue, move.claim.oid)
        there = self.hub.branches.get(move.branch) if move.branch else None
        if there and not self.hub.contains(move.commit, there):
            raise Refused(f"{move.branch} has other commits on the forge", fix="look at the branch")
        oid = self._move(move.claim.issue, move.claim)
        if move.branch:
            self.hub.branches[move.branch] = move.commit
        return oid

    def _fence(self, issue: int, expected: str) -> None:
        there = self.hub.refs.get(issue)
        if (there.oid if there else "") != expected:
            raise ClaimLost(f"the claim of #{issue} moved")

    def _move(self, issue: int, claim: Claim | None) -> str:
        if claim is None:
            self.hub.refs.pop(issue, None)
            return ""
        oid = f"claim-{self.hub._next()}"
        # What only means something in one process is not written down.
        self.hub.refs[issue] = replace(claim, oid=oid, seen_at=0.0)
        return oid


@dataclass
class MemoryLocks:
    """See `Locks`. `held` is shared by the processes of one machine; `me` is one of them."""

    me: object = field(default_factory=object)
    held: dict[int, object] = field(default_factory=dict)

    def hold(self, issue: int) -> bool:
        """See `Locks`."""
        return self.held.setdefault(issue, self.me) is self.me

    def release(self, issue: int) -> None:
        """See `Locks`."""
        if self.held.get(issue) is self.me:
            del self.held[issue]


@dataclass
class MemoryOutbox:
    """See `Outbox`."""

    kept: dict[UUID, Entry] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def list(self) -> tuple[Entry, ...]:
        """See `Outbox`."""
        return tuple(sorted(self.kept.values(), key=lambda entry: (entry.created_at, str(entry.op))))

    def put(self, entry: Entry) -> None:
        """See `Outbox`."""
        self.faults.before("outbox")
        self.kept[entry.op] = entry
        self.faults.after()

    def remove(self, op: UUID) -> None:
        """See `Outbox`."""
        self.kept.pop(op, None)


@dataclass
class MemoryRun:
    """A run with what an agent did in it."""

    run: Run
    printed: bytes = b""


@dataclass
class MemoryMachine:
    """One machine: worktrees and runs. Its verbs are what agents do, and what breaks."""

    hub: MemoryHub
    trees: dict[TaskId, Workspace] = field(default_factory=dict)
    heads: dict[TaskId, str] = field(default_factory=dict)
    runs: dict[str, MemoryRun] = field(default_factory=dict)
    signals: dict[TaskId, Signals] = field(default_factory=dict)
    notes: dict[TaskId, Mapping[str, object]] = field(default_factory=dict)
    started: list[RunSpec] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Commits of tasks that are gone, which nobody else has."""
    unreadable: bool = False
    """Whether agents left repositories that cannot be fetched from."""
    deaf: set[str] = field(default_factory=set)
    """Names of runs that do not listen when they are asked to end."""

    def commit(self, task: TaskId) -> str:
        """The agent commits in its workspace."""
        self.heads[task] = self.hub.commit(self.heads[task])
        return self.heads[task]

    def print(self, name: str, text: str) -> None:
        """The run prints."""
        self.runs[name].printed += text.encode()

    def exit(self, name: str, code: int = 0, *, said: str = "", asks: str = "", error: str = "") -> None:
        """The run ends."""
        if said:
            self.print(name, f"{said}\n")
        found = self.runs[name]
        if asks:
            self.signals[found.run.task] = Signals(help=asks)
        found.run = replace(
            found.run,
            state=RunState.EXITED,
            exit_code=code,
            finished_at=self.hub.clock.now(),
            error=error,
        )

    def lose(self, name: str) -> None:
        """The run is gone without a trace."""
        self.runs.pop(name, None)

    @property
    def alive(self) -> tuple[str, ...]:
        """Names of runs that have not ended."""
        return tuple(name for name, found in self.runs.items() if found.run.alive)


@dataclass
class MemoryWorkspaces:
    """See `Workspaces`."""

    machine: MemoryMachine
    faults: Faults = field(default_factory=Faults)

    @property
    def objects(self) -> str:
        """See `Workspaces`."""
        return "memory://objects"

    def list(self) -> tuple[Workspace, ...]:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        branches = self.machine.hub.branches
        return tuple(
            replace(tree, pushed=branches.get(_branch_of(tree.task, branches), ""))
            for tree in self.machine.trees.values()
        )

    def ensure(self, task: Task, *, branch: str) -> Workspace:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        if task.id not in self.machine.trees:
            branches = self.machine.hub.branches
            base = task.base or branches["main"]
            self.machine.trees[task.id] = Workspace(
                task=task.id,
                path=f"memory://worktrees/{task.id.name}",
                base=base,
                head=branches.get(branch, base),
                pushed=branches.get(branch, ""),
            )
        self.faults.after()
        return self.machine.trees[task.id]

    def harvest(self, task: TaskId, *, closes: int, branch: str, remote: Remote) -> Workspace:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        if self.machine.unreadable:
            raise Unavailable("the run's repository cannot be read", fix="look at the workspace")
        tree = self.machine.trees[task]
        head = self.machine.heads.get(task, tree.head)
        if not self.machine.hub.contains(head, tree.base):
            raise Refused("the branch does not contain its base", fix="look at the branch")
        self.machine.trees[task] = replace(tree, head=head)
        self.faults.after()
        return self.machine.trees[task]

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """See `Workspaces`."""
        self.machine.notes[task] = record

    def remove(self, task: TaskId, *, branch: str, keep: bool = False) -> None:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        tree = self.machine.trees.get(task)
        pushed = self.machine.hub.branches.get(branch, "")
        if tree and tree.has_work and not self._is_published(tree.head, pushed):
            if not keep:
                raise Refused(f"{tree.path} has unpushed commits", fix="push them")
            self.machine.kept.append(tree.head)
        self.machine.trees.pop(task, None)
        self.machine.notes.pop(task, None)
        self.faults.after()

    def _is_published(self, head: str, pushed: str) -> bool:
        hub = self.machine.hub
        return bool(pushed and hub.contains(pushed, head)) or hub.contains(hub.branches["main"], head)


def _branch_of(task: TaskId, branches: Mapping[str, str]) -> str:
    return next((name for name in branches if name.endswith(task.name)), "")


@dataclass
class MemoryRunner:
    """See `Runner`."""

    machine: MemoryMachine
    faults: Faults = field(default_factory=Faults)
    refuse: str = ""
    """When not empty, nothing starts and this is why."""

    @property
    def isolation(self) -> str:
        """See `Runner`."""
        return "in memory: nothing runs"

    def list(self) -> tuple[Run, ...]:
        """See `Runner`."""
        self.faults.before("runner")
        return tuple(
            replace(found.run, signals=self.machine.signals.get(found.run.task, Signals()))
            if found.run.state is RunState.EXITED
            else found.run
            for found in self.machine.runs.values()
        )

    def start(self, spec: RunSpec) -> Run:
        """See `Runner`."""
        self.faults.before("runner")
        if self.refuse:
            raise Refused(self.refuse, fix="build the image")
        if spec.name not in self.machine.runs:
            task = parse_task_id(spec.task)
            assert task is not None, "a run is named after a task"  # noqa: S101
            self.machine.heads.setdefault(task, spec.base)
            self.machine.started.append(spec)
            self.machine.runs[spec.name] = MemoryRun(
                Run(
                    name=spec.name,
                    task=task,
                    attempt=spec.attempt,
                    role=Role(spec.role),
                    state=RunState.RUNNING,
                    started_at=self.machine.hub.clock.now(),
                )
            )
        self.faults.after()
        return self.machine.runs[spec.name].run

    def stop(self, name: str, *, grace: float) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        if name in self.machine.alive:
            self.machine.exit(name, 137 if name in self.machine.deaf else 143)
        self.faults.after()

    def remove(self, name: str) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        if name in self.machine.alive:
            raise Refused(f"{name} is still alive", fix="stop it first")
        self.machine.runs.pop(name, None)
        self.faults.after()

    def output(self, name: str, *, offset: int) -> bytes:
        """See `Runner`."""
        return self.machine.runs[name].printed[offset:] if name in self.machine.runs else b""

    def remote(self, task: TaskId) -> Remote:
        """See `Runner`."""
        return Remote(upload_pack="memory", path=str(task))

    def clear(self, task: TaskId) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        own = [name for name, found in self.machine.runs.items() if found.run.task == task]
        if in_use := set(own) & set(self.machine.alive):
            raise Refused(f"the workspace of {task} is in use by {min(in_use)}", fix="stop it first")
        for name in own:
            del self.machine.runs[name]
        self.machine.heads.pop(task, None)
        self.machine.signals.pop(task, None)
        self.faults.after()

    def forget_signals(self, task: TaskId) -> None:
        """See `Runner`."""
        self.faults.before("runner")
        self.machine.signals.pop(task, None)


@dataclass(frozen=True)
class MemoryAgent:
    """An agent whose last printed line says how it ended: `done …`, or anything else for a failure."""

    name: str = "memory"

    def start(self, job: Job) -> Launch:
        """See `Agent`."""
        return Launch(argv=("agent", job.session), stdin=job.prompt)

    def resume(self, job: Job) -> Launch:
        """See `Agent`."""
        return Launch(argv=("agent", "--resume", job.session), stdin=job.prompt)

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """See `Agent`."""
        said = "".join(c if c.isprintable() else " " for c in line[:200]).strip()
        if not said:
            return reading, ()
        return replace(reading, text=said, turns=reading.turns + 1), (Event("text", said),)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """See `Agent`."""
        text = reading.text or tail.strip().rpartition("\n")[2] or f"exit code {exit_code}"
        if exit_code == 0 and reading.text.startswith("done"):
            kind = Ending.DONE
        else:
            kind = Ending.STOPPED if exit_code in _STOPPED else Ending.FAILED
        return Verdict(kind=kind, text=text, turns=reading.turns)


_STOPPED = frozenset(code for signal in (1, 2, 9, 15) for code in (-signal, 128 + signal))
"""Exit codes of what was ended from outside."""


@dataclass
class MemoryLogs:
    """See `Logs`."""

    kept: dict[tuple[TaskId, str], bytes] = field(default_factory=dict)

    def size(self, task: TaskId, run: str) -> int:
        """See `Logs`."""
        return len(self.kept.get((task, run), b""))

    def append(self, task: TaskId, run: str, data: bytes) -> None:
        """See `Logs`."""
        self.kept[task, run] = self.kept.get((task, run), b"") + data

    def read(self, task: TaskId, run: str, *, offset: int = 0) -> bytes:
        """See `Logs`."""
        return self.kept.get((task, run), b"")[offset:]


@dataclass
class MemoryMirror:
    """See `Mirror`."""

    saved: Mapping[str, object] = field(default_factory=dict)

    def save(self, record: Mapping[str, object]) -> None:
        """See `Mirror`."""
        self.saved = record


@dataclass
class MemoryWishes:
    """See `Wishes`."""

    wanted: set[TaskId] = field(default_factory=set)

    def stops(self) -> frozenset[TaskId]:
        """See `Wishes`."""
        return frozenset(self.wanted)

    def granted(self, task: TaskId) -> None:
        """See `Wishes`."""
        self.wanted.discard(task)


@dataclass
class MemoryPrompts:
    """Prompts that show their values."""

    known: frozenset[str] = frozenset({"task", "answer"})

    def fill(self, name: str, values: Mapping[str, object]) -> str:
        """See `Prompts`."""
        if name not in self.known:
            raise Misconfigured(f"no template {name}", fix="use a known one")
        return f"{name} {values}"

"""The small doors to the outside: each is the verbs the loop really calls, and no more.

Every method may raise `Unavailable` (nothing is known, look again later) and `Refused` (a person has to act). All
`ensure_*` and `start` verbs may be repeated: the second call finds what the first one made.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from cdock.core.errors import CdockError
from cdock.core.events import Capabilities, Event, Job, Launch, Reading, Remote, RunSpec
from cdock.core.ids import TaskId
from cdock.core.issues import Approval, HelpIssue, Issue, Snapshot, Watch
from cdock.core.outbox import Entry
from cdock.core.planning.drafts import Card, Draft
from cdock.core.policy import Labels
from cdock.core.pulls import Check, PullRequest
from cdock.core.runs import Run, Verdict, Workspace
from cdock.core.task import Claim, Move, Task
from cdock.core.wishes import Wish


class Forge(Protocol):
    """GitHub, or one like it. Reads are conditional; each write looks first and writes on difference only."""

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        """Open issues labelled `watch.ready` and all else that is watched; pull requests are never among the issues.

        Without `fresh` the forge need not be asked again: what it showed last, with our own writes since, will do.
        The same object is given again when nothing has changed.
        """
        ...

    def approval(self, issue: int, *, label: str) -> Approval:
        """Who put `label` on the issue, whether they may write to the repository, and what was changed after it."""
        ...

    def acknowledge(self, comment: int) -> None:
        """Show on a comment that it was seen: a reaction, set once however often this is called."""
        ...

    def ensure_issue(
        self, *, marker: str, title: str, body: str, labels: Collection[str], since: datetime
    ) -> Issue:
        """Our one issue with `marker` exists, open or closed as people left it; it was not made before `since`."""
        ...

    def ensure_repository_labels(self, labels: Labels) -> tuple[str, ...]:
        """Create what is missing of the state labels; the names created."""
        ...

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        """Add and remove single labels, leaving all others alone."""
        ...

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        """Our one comment with `marker` on the issue has this body: found and edited, or created."""
        ...

    def ensure_shown(
        self, issue: int, *, add: Collection[str], remove: Collection[str], marker: str, body: str
    ) -> None:
        """`ensure_labels` and `ensure_comment`, by as few writes as the forge needs for both."""
        ...

    def ensure_help(self, *, issue: int, marker: str, title: str, body: str, label: str) -> HelpIssue:
        """Our one help issue with `marker` exists, open or closed as people left it.

        Where the forge knows sub-issues it is one of `issue`.
        """
        ...

    def ensure_pull(
        self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""
    ) -> PullRequest:
        """A pull request from `head` exists; an open one is adopted as it is.

        A new one goes to the branch `onto`, empty for the default one, and is a `draft` where the forge has drafts.
        """
        ...

    def ensure_pull_shown(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """The open `pull` has this text and is a draft or not, by as few writes as the forge needs for both."""
        ...

    def ensure_reply(self, pull: PullRequest, *, thread: str, marker: str, body: str) -> None:
        """Our one reply with `marker` stands in the thread with this ref."""
        ...

    def explain_check(self, check: Check) -> str:
        """What a failed check says: its text, its annotations and the end of its log, as far as the forge gives them.

        Empty when it gives nothing more than `check` holds.
        """
        ...

    def ensure_closed(self, issue: int, *, dropped: bool = False) -> None:
        """The issue is closed, as completed or as not planned; one that is closed already is left as it is."""
        ...

    def ensure_label(self, name: str) -> None:
        """The repository has a label of this name; one that is there is left as it is."""
        ...

    def ensure_part(self, child: Issue, *, of: int) -> None:
        """`child` is a sub-issue of the issue `of`, where the forge knows such and it is not one of another."""
        ...

    def ensure_blocked(self, issue: int, *, by: Issue) -> None:
        """The issue is blocked by another one, where the forge knows dependencies."""
        ...

    def ensure_onto(self, pull: PullRequest, *, branch: str) -> None:
        """The open `pull` is to be merged into `branch`; empty for the default one."""
        ...

    def merge(self, pull: PullRequest, *, method: str) -> bool:
        """Merge the open `pull` as it is at `pull.oid`, by `merge`, `squash` or `rebase`.

        False when it was only put into a queue, or will be merged when its requirements are met; a repetition says
        the same. Raises `Refused` when it may not or cannot be merged, or has other commits by now.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Board(Protocol):
    """A view of plans for people, such as GitHub Projects. Nothing is read off it, and nobody need have one."""

    def show(self, plan: Issue, cards: Sequence[Card]) -> str:
        """The board of this plan exists and its cards stand like this, by as few writes as possible; its address.

        Empty when this forge has none, or this token may not have one, which is said once. Cards of other issues,
        and fields of people, are left alone.
        """
        ...


class Plans(Protocol):
    """Plans that are being made or published, kept on this machine until they are on the forge."""

    def list(self) -> tuple[Draft, ...]:
        """All that are kept, oldest first."""
        ...

    def put(self, draft: Draft) -> None:
        """Keep the draft, in place of the one with its id; on disk before this returns."""
        ...

    def remove(self, draft: UUID) -> None:
        """Forget a draft; none of that id is no error."""
        ...


class Claims(Protocol):
    """Who may work on an issue: one compare-and-swap on one ref each."""

    def list(self) -> tuple[Claim, ...]:
        """All claims of the repository; `seen_at` is left to the caller."""
        ...

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        """Move the claim from the commit `expected` (empty: absent) to a new one holding `claim` (None: delete).

        Returns the new commit id, empty after a deletion. Raises `ClaimLost` when the ref was not at `expected`.
        The caller's `claim.oid` is ignored; a fresh nonce makes every commit unique.
        """
        ...

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        """Move many claims, each together with its branch where it names one, in as few pushes as possible.

        For each issue the claim's new commit id, or the error that kept it where it was: `ClaimLost`, `Overtaken` when
        the branch has other commits, or fewer than were pushed, `Refused`, `Unavailable`. A claim and its branch move
        both or not at all. The moves of one call never make each other fail.
        """
        ...


class Locks(Protocol):
    """Issues held by one process of this machine, whatever its clone; the operating system lets go for a dead one."""

    def hold(self, issue: int) -> bool:
        """Whether this process holds the issue now, or held it before."""
        ...

    def release(self, issue: int) -> None:
        """Let others of this machine hold it."""
        ...


class Outbox(Protocol):
    """What people said while the forge was away, kept until it is delivered."""

    def list(self) -> tuple[Entry, ...]:
        """All entries that are kept, oldest first."""
        ...

    def put(self, entry: Entry) -> None:
        """Keep the entry, in place of the one with its `op`; on disk before this returns."""
        ...

    def remove(self, op: UUID) -> None:
        """Forget an entry; none of that name is no error."""
        ...


class Workspaces(Protocol):
    """The host's side of the work: a worktree per task, fed only with accepted commits."""

    @property
    def objects(self) -> str:
        """Host path of the object store with all that is published; safe to show to a container read-only."""
        ...

    def list(self) -> tuple[Workspace, ...]:
        """All worktrees of this clone."""
        ...

    def ensure(self, task: Task, *, branch: str, on: Sequence[str] = ()) -> Workspace:
        """The worktree of `task`, made from its pushed branch or else from `task.base` or the default branch.

        A new one starts from the branches `on` as they were pushed, merged where there are several, instead of the
        default branch alone. Raises `Refused` when they cannot be merged without a person.
        """
        ...

    def retire(self, task: TaskId, *, branch: str) -> str:
        """The branch is no longer on the forge, in one push with the ref there that keeps its commits; that ref.

        Empty when there was no such branch. Repeating it finds the ref.
        """
        ...

    def harvest(
        self, task: TaskId, *, closes: int, branch: str, remote: Remote, rewritten: bool = False
    ) -> Workspace:
        """Fetch `branch` from the run's repository into quarantine, check it, accept it, show it in the worktree.

        `closes` is the only issue that messages of its commits may close. What the run left uncommitted comes along,
        as `Workspace.unfinished`, and its lines are counted. With `rewritten` the branch need not contain what was
        pushed: it was rebased.
        Raises `Refused` with the reason when the commits are not acceptable; then nothing has changed.
        """
        ...

    def target(self) -> str:
        """The newest commit of the default branch that was fetched, for work that has to be merged with it."""
        ...

    def diff(self, task: TaskId) -> str:
        """What the work changes, as a patch against the commit it started from, uncommitted work included."""
        ...

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """Write the record into the worktree's `.cdock/state.json`."""
        ...

    def remove(self, task: TaskId, *, branch: str, keep: bool = False) -> None:
        """Remove the worktree. Raises `Refused` while it holds a person's edits, or commits that the forge lacks.

        With `keep` such commits are no reason to leave it: they are kept on this machine, for a person to look at.
        """
        ...


class Runner(Protocol):
    """Where agents run: containers, or plain processes. Runs outlive this process and are found again."""

    @property
    def isolation(self) -> str:
        """One sentence for people: what separates an agent from this machine."""
        ...

    def list(self) -> tuple[Run, ...]:
        """All runs of this poller, ended ones with their exit code and signals."""
        ...

    def start(self, spec: RunSpec) -> Run:
        """Start the run, or return the one of that name that is already there."""
        ...

    def stop(self, name: str, *, grace: float) -> None:
        """Ask the run to end, kill it after `grace` seconds; done when it has ended. A missing run is no error."""
        ...

    def remove(self, name: str) -> None:
        """Remove an ended run; its log is gone after this. A missing run is no error."""
        ...

    def output(self, name: str, *, offset: int) -> bytes:
        """All the run printed from byte `offset` on."""
        ...

    def send(self, name: str, *, uid: str, line: str) -> None:
        """Append a line to the standard input of a run whose launch keeps it open; the same `uid` is sent once.

        A run that has ended, or listens no more, is no error: whether a message was read is only known from the
        agent's own output.
        """
        ...

    def snapshot(self, name: str) -> None:
        """Set down what a run has not committed, where `Workspaces.harvest` finds it; alive, or killed in mid-work.

        A missing run is no error.
        """
        ...

    def terminal(self, name: str) -> tuple[str, ...]:
        """The command that brings a person to the terminal of a living run whose launch has one."""
        ...

    def shell(self, task: TaskId) -> tuple[str, ...]:
        """The command that gives a person a shell in the workspace of a task, walls included, alive or not."""
        ...

    def remote(self, task: TaskId) -> Remote:
        """How to fetch from the workspace of this task, whether a run of it is alive or not."""
        ...

    def clear(self, task: TaskId) -> None:
        """Remove the workspace of a finished task, signals and conversation included."""
        ...

    def forget_signals(self, task: TaskId) -> None:
        """Move the signal files of the last attempt aside, so that the next one starts without them."""
        ...


class Agent(Protocol):
    """A coding agent's command line, as pure functions: no I/O happens here."""

    @property
    def name(self) -> str:
        """The name it is configured by."""
        ...

    @property
    def can(self) -> Capabilities:
        """What its program can do."""
        ...

    def start(self, job: Job) -> Launch:
        """How to start a new conversation."""
        ...

    def resume(self, job: Job) -> Launch:
        """How to go on with `job.session`, `job.prompt` being what is said next."""
        ...

    def attach(self, job: Job) -> Launch:
        """How a person goes on with `job.session` at a terminal; without one, how they begin. Only where it can."""
        ...

    def say(self, text: str, *, uid: str) -> str:
        """The line on standard input that tells a working agent `text`; its output names `uid` when it was read.

        Only where it can be spoken to.
        """
        ...

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Fold one line of output; never raises, whatever the line is."""
        ...

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """How the run ended. `tail` is the end of its output."""
        ...


class Logs(Protocol):
    """What runs printed, kept on this machine byte by byte."""

    def size(self, task: TaskId, run: str) -> int:
        """Bytes kept so far."""
        ...

    def append(self, task: TaskId, run: str, data: bytes) -> None:
        """Keep more bytes."""
        ...

    def read(self, task: TaskId, run: str, *, offset: int = 0) -> bytes:
        """The bytes from `offset` on; empty when there are none."""
        ...


class Mirror(Protocol):
    """The last seen copy of all tasks, for people and for commands that must not wait for the forge."""

    def save(self, record: Mapping[str, object]) -> None:
        """Replace the copy, atomically; nothing is written when it did not change."""
        ...


class Wishes(Protocol):
    """What other commands ask of the running poller."""

    def list(self) -> tuple[Wish, ...]:
        """All that were not granted yet, oldest first."""
        ...

    def granted(self, wish: str) -> None:
        """The wish with this id was carried out, or never can be; forget it. None of that id is no error."""
        ...


class Ledger(Protocol):
    """What the agents of this machine cost, kept for as long as a day's limit needs it."""

    def note(self, run: str, *, cost: float, at: datetime) -> None:
        """Write down what an ended run cost in US dollars; the same run counts once."""
        ...

    def spent(self, since: datetime) -> float:
        """US dollars of runs that ended at `since` or later."""
        ...


class Prompts(Protocol):
    """Texts for agents, from templates."""

    def fill(self, name: str, values: Mapping[str, object]) -> str:
        """The template with its values. Raises `Misconfigured` when one is missing or the template is broken."""
        ...


class Clock(Protocol):
    """Time, as the loop sees it."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def sleep(self, seconds: float) -> bool:
        """Wait; returns early with True when the loop was asked to end, with False when somebody knocked."""
        ...

    def knocks(self) -> int:
        """How often somebody knocked so far, to say that there is something new on the forge."""
        ...


class Ids(Protocol):
    """Randomness, as the loop sees it."""

    def uuid(self) -> UUID:
        """A new random uuid."""
        ...

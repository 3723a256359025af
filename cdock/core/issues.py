"""What people ask for and say on the forge, as frozen values. Times are aware and in UTC."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cdock.core.pulls import PullRequest


@dataclass(frozen=True)
class Comment:
    """A comment on an issue. `by_writer`: its author may write to the repository; `mine`: we wrote it."""

    id: int
    author: str
    body: str
    created_at: datetime
    mine: bool = False
    by_writer: bool = False
    ticked_by: str = ""
    """Who changed its text last, for a comment of ours with boxes; empty when nobody did, or nobody tells."""
    ticked_by_writer: bool = False


@dataclass(frozen=True)
class Issue:
    """A request by a person. `number` is what people say; `id` is the forge's database id, never mixed up with it."""

    number: int
    id: int
    title: str
    body: str
    author: str
    url: str
    created_at: datetime
    open: bool = True
    labels: frozenset[str] = frozenset()
    comments: tuple[Comment, ...] = ()
    gone: bool = False
    """It was deleted, or moved to another repository: nothing more can be read of it or written on it."""
    updated_at: datetime | None = None
    """When it last changed, by the forge's clock."""
    blocked_by: int = 0
    """How many open issues it depends on, by the forge's own list of dependencies."""
    dropped: bool = False
    """Whether it was closed as not planned."""

    @property
    def digest(self) -> str:
        """Stands for what the issue asks for, its title and body, so that a change of them is noticed."""
        return hashlib.sha256(f"{self.title}\0{self.body}".encode(errors="replace")).hexdigest()[:16]

    def wears(self, label: str) -> bool:
        """Whether it has the label; the forge ignores case, and shows the spelling it knew first."""
        return label.casefold() in {worn.casefold() for worn in self.labels}


@dataclass(frozen=True)
class Approval:
    """Who said go for an issue, and for which text of it."""

    by: str = ""
    """Who put the label on last; empty when it is not on, or the account is gone."""
    granted: bool = False
    """Whether they may write to the repository, or are a bot that is trusted by name."""
    at: datetime | None = None
    """When somebody who may put it on last, by the forge's clock; it may have been taken off since."""
    digest: str = ""
    """The `Issue.digest` of the text at the time of asking."""
    edited_by: str = ""
    """Who changed the text after `at` without being allowed to write; empty when nobody did."""
    blind: bool = False
    """Whether the forge does not tell who changes a text, so that `edited_by` says nothing about it."""

    @property
    def holds(self) -> bool:
        """Whether somebody who may has approved the very text that is there."""
        return self.granted and not self.edited_by


@dataclass(frozen=True)
class Answer:
    """What a person said to a help issue. `ref` tells one answer from another."""

    text: str
    author: str
    ref: str
    choices: tuple[str, ...] = ()
    """The keys of the boxes they ticked; see `cdock.core.choices`."""


@dataclass(frozen=True)
class HelpIssue:
    """The issue cdock opened for one round of a task."""

    number: int
    url: str
    open: bool
    task: UUID
    round: int
    comments: tuple[Comment, ...] = ()
    closed_by: str = ""
    closed_by_writer: bool = False
    created_at: datetime | None = None
    ticked: tuple[str, ...] = ()
    """Keys of the boxes that are ticked in its text."""
    ticked_by: str = ""
    """Who changed its text last; empty when nobody did, or the forge does not tell."""
    ticked_by_writer: bool = False


@dataclass(frozen=True)
class Watch:
    """What is looked for on the forge: labels by name, issues by number, branches by name."""

    ready: str
    help: str
    held: frozenset[int] = frozenset()
    """Issues that are wanted whatever their state and labels, with their comments."""
    asking: frozenset[int] = frozenset()
    """Those of them whose help issues are wanted."""
    branches: frozenset[str] = frozenset()
    """Branches whose pull requests are wanted, the open ones with all that is said about them."""
    plan: str = ""
    """The label of plans, whose open issues are wanted like the ready ones; empty for none."""


@dataclass(frozen=True)
class Snapshot:
    """What a forge shows of a `Watch`, each kind sorted by number."""

    issues: tuple[Issue, ...] = ()
    helps: tuple[HelpIssue, ...] = ()
    pulls: tuple[PullRequest, ...] = ()

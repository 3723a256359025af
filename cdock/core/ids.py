"""Task ids, and every name that is derived from one.

Derived names are fixed, so that the other side can say "exists" instead of making a second one.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

SLUG_LIMIT = 36  # a GitHub label holds 50 characters: "cdock." + 36 + "." + 7
SHORT_LENGTH = 7
_APART = "check--"  # no title is made into a name with two dashes

_ID = re.compile(r"cdock\.(?P<worktree>[a-z0-9](?:[a-z0-9-]{0,35}))\.(?P<short>[0-9a-f]{7})")


@dataclass(frozen=True, order=True)
class TaskId:
    """`cdock.{worktree}.{first 7 hex digits of the task's uuid}`."""

    worktree: str
    short: str

    def __str__(self) -> str:
        return f"cdock.{self.worktree}.{self.short}"

    @property
    def label(self) -> str:
        """The label on the issue that names this task."""
        return str(self)

    @property
    def apart(self) -> bool:
        """Whether it is named as what `check_id` makes: a check that belongs to no task."""
        return self.worktree.startswith(_APART)

    @property
    def name(self) -> str:
        """`{worktree}.{short}`: the directory of the worktree, and the branch without its prefix."""
        return f"{self.worktree}.{self.short}"

    def branch(self, prefix: str = "cdock/") -> str:
        """The branch the work is pushed to."""
        return f"{prefix}{self.name}"

    def run(self, attempt: int) -> str:
        """The name of the container of one attempt; the engine refuses a second one of that name."""
        return f"{self}.{attempt}"

    def check(self, attempt: int) -> str:
        """The name of the container that runs the acceptance commands of one attempt."""
        return f"{self}.{attempt}.check"


def parse_task_id(text: str) -> TaskId | None:
    """The id that `text` is, or None when it is not one."""
    match = _ID.fullmatch(text)
    return TaskId(match["worktree"], match["short"]) if match else None


def slug_of(title: str) -> str:
    """A worktree name made of an issue's title: `[a-z0-9-]`, at most 36 characters, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > SLUG_LIMIT:
        cut = words[: SLUG_LIMIT + 1].rpartition("-")[0] or words[:SLUG_LIMIT]
        words = cut[:SLUG_LIMIT]
    return words.strip("-") or "task"


def task_id(worktree: str, uuid: UUID) -> TaskId:
    """The id of the task with this uuid in this worktree."""
    return TaskId(worktree, uuid.hex[:SHORT_LENGTH])


def check_id(name: str) -> TaskId:
    """The id of a check called `name` that belongs to no task, always the same one."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return TaskId(f"{_APART}{slug_of(name)}"[:SLUG_LIMIT].strip("-"), digest[:SHORT_LENGTH])


def collides(candidate: TaskId, labels: Collection[str]) -> bool:
    """Whether an open issue already carries the label of `candidate`."""
    return candidate.label in labels

"""Words of people for a working agent: comments on the task's issue, and what was typed at a terminal."""

from dataclasses import dataclass

from cdock.core import messages, quoting
from cdock.core.commands import parse_command
from cdock.core.issues import Comment
from cdock.core.task import Cause, Task
from cdock.core.wishes import WishKind
from cdock.core.world import Case


@dataclass(frozen=True)
class Message:
    """One of them. `uid` tells it apart wherever it turns up; `comment` is its id, 0 for the terminal's."""

    uid: str
    text: str
    author: str
    comment: int = 0
    wish: str = ""


_DEAF = (Cause.PERSON, Cause.OPINION, Cause.NOTES)
"""Attempts that are told nothing: a person reads for themselves, and what the others hear nobody acts upon."""


def listens(cause: Cause) -> bool:
    """Whether an attempt with this cause is told what people say."""
    return cause not in _DEAF


def unheard(case: Case, task: Task) -> tuple[Message, ...]:
    """What no agent of the task has read yet, comments first, each kind oldest first."""
    unread, taken = task.unread, task.taken
    comments = (c for c in for_agents(case, task) if c.id > task.told or f"comment-{c.id}" in unread)
    said = sorted(comments, key=lambda c: c.id)
    return (
        *(Message(f"comment-{c.id}", quoting.visible(c.body), c.author, comment=c.id) for c in said),
        *(
            Message(wish.ref, wish.text, wish.author, wish=wish.id)
            for wish in case.wishes
            if wish.kind is WishKind.PROMPT and wish.ref not in taken
        ),
    )


def meant_for_work(case: Case, task: Task) -> bool:
    """Whether something was said for which the work has to go on: at the terminal, or while it was going on.

    A comment on an issue whose pull request waits for a review is talk among people; requests belong into a review.
    """
    last = task.last
    if last is None or last.ended_at is None:
        return False
    ended = {c.id for c in for_agents(case, task) if c.created_at <= last.ended_at}
    return any(message.wish or message.comment in ended for message in unheard(case, task))


def for_agents(case: Case, task: Task) -> tuple[Comment, ...]:
    """Comments on the issue that agents are told: of people who may write, and no commands."""
    return tuple(
        c
        for c in case.issue.comments
        if c.by_writer and not messages.is_ours(c) and parse_command(c, issue=case.issue.number) is None
        if quoting.visible(c.body)
    )


def newest(case: Case, task: Task) -> int:
    """The id of the last comment that an agent is told with its task."""
    return max((c.id for c in for_agents(case, task)), default=task.told)


def spoken(said: tuple[Message, ...]) -> str:
    """All of them as one text."""
    return "\n\n".join(f"{message.author} says:\n{message.text}" for message in said)

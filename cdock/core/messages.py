"""What cdock writes on the forge: its markers, and its shorter texts."""

from cdock.core.events import Ending
from cdock.core.issues import Approval, Comment
from cdock.core.marker import Marker, speaks_for_cdock
from cdock.core.quoting import inline
from cdock.core.task import Task

ROWS = 20
"""Attempts shown in a table; with more, the oldest are only counted, so that the text fits into GitHub's 65,536."""


def status_marker(task: Task) -> Marker:
    """The marker of the one status comment of a task."""
    return Marker("status", {"task": str(task.uuid), "id": str(task.id)})


def help_marker(task: Task) -> Marker:
    """The marker of the help issue of a task's present round."""
    return Marker("help", {"task": str(task.uuid), "round": str(task.round), "issue": str(task.issue)})


def pull_marker(task: Task) -> Marker:
    """The marker of a task's pull request."""
    return Marker("pull", {"task": str(task.uuid), "id": str(task.id)})


def ask_marker(digest: str) -> Marker:
    """The marker of the comment that asks for a new approval of the text with this digest."""
    return Marker("ask", {"text": digest})


def ask_again(approval: Approval, ready: str) -> str:
    """The comment that asks for a new approval by the label `ready`."""
    who = inline(approval.edited_by, limit=40)
    changed = (
        f"by {who}, who has no write access here, after `{ready}` was added."
        if who
        else f"after `{ready}` was added, and this forge does not tell by whom."
    )
    return (
        f"{ask_marker(approval.digest)}\n"
        f"The title or the text was changed {changed} Nothing starts on the new text until a person with write "
        f"access has looked at it and added the label `{ready}` again.\n"
    )


def reply_marker(comment: int) -> Marker:
    """The marker of the reply to a command."""
    return Marker("reply", {"to": str(comment)})


def reply(comment: int, text: str) -> str:
    """The reply to a command: one line."""
    return f"{reply_marker(comment)}\n{text}\n"


def is_ours(comment: Comment) -> bool:
    """Whether cdock wrote it: our account and a marker. A person may use the same account as cdock does."""
    return comment.mine and speaks_for_cdock(comment.body)


def summary_of(kind: str, text: str) -> str:
    """The words of an agent worth keeping in the record: the end of what it said, cut to 2,000 characters."""
    return text.strip()[-2_000:] if kind == Ending.DONE else ""

"""Texts of ours on a forge, known by the marker on their first line. Pure, and the same for every forge."""

from uuid import UUID

from cdock.core.choices import ticked
from cdock.core.issues import Comment, HelpIssue, Issue
from cdock.core.marker import Marker, parse_marker


def help_of(
    issue: Issue,
    *,
    comments: tuple[Comment, ...] = (),
    closed_by: str = "",
    closed_by_writer: bool = False,
    ticked_by: str = "",
    ticked_by_writer: bool = False,
) -> HelpIssue | None:
    """`issue` as a help issue, or None when its first line is not the marker of one. Its author is not looked at.

    `ticked_by` changed its text last, and `ticked_by_writer` says that nobody did who may not.
    """
    marker = parse_marker(issue.body)
    if marker is None or marker.kind != "help":
        return None
    try:
        task, round_ = UUID(marker.fields.get("task", "")), int(marker.fields.get("round", ""))
    except ValueError:
        return None
    return HelpIssue(
        number=issue.number,
        url=issue.url,
        open=issue.open,
        task=task,
        round=round_,
        comments=comments,
        closed_by="" if issue.open else closed_by,
        closed_by_writer=not issue.open and closed_by_writer,
        created_at=issue.created_at,
        ticked=(keys := ticked(issue.body)),
        ticked_by=ticked_by if keys else "",
        ticked_by_writer=bool(keys) and ticked_by_writer,
    )


def helped_issue(issue: Issue) -> int:
    """The number of the issue that a help issue is about; 0 when `issue` is no help issue."""
    marker = parse_marker(issue.body)
    number = marker.fields.get("issue", "") if marker and marker.kind == "help" else ""
    return int(number) if number.isdecimal() else 0


def carries(text: str, marker: Marker) -> bool:
    """Whether `text` begins with this marker: the same kind, and the same value in each field that `marker` names."""
    found = parse_marker(text)
    return found is not None and found.kind == marker.kind and marker.fields.items() <= found.fields.items()


def lines_of(text: str) -> str:
    """`text` with one kind of line ending; a browser's form sends another than an API client."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def same_login(one: str, other: str) -> bool:
    """Whether two logins name the same account; forges ignore case in them. Nobody is the same as nobody."""
    return bool(one) and one.casefold() == other.casefold()

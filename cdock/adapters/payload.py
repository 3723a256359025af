"""What every forge's REST API says alike, as cdock's values.

Pure. A payload is checked here once and trusted afterwards: what a value cannot do without must be there, all else may
be missing or null, as it is on older servers and for deleted accounts. What one forge says otherwise is read by its
own `normalize`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from cdock.adapters.marked import lines_of
from cdock.core.errors import Unavailable
from cdock.core.issues import Comment, Issue

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


def issue_of(row: Row, *, author: str, labels: Collection[str]) -> Issue:
    """An issue of a list or of its own, without its comments; what forges say each in their own way is given.

    Raises:
        Unavailable: it lacks its number, id or time.
    """
    return Issue(
        number=number_of(row),
        id=id_of(row),
        title=text_of(row, "title"),
        body=body_of(row),
        author=author,
        url=text_of(row, "html_url"),
        created_at=moment_of(row, "created_at"),
        open=is_open(row),
        labels=frozenset(labels),
        updated_at=moment_of(row, "updated_at") if row.get("updated_at") else None,
    )


def comment_of(row: Row, *, author: str, mine: bool, by_writer: bool) -> Comment:
    """A comment on an issue; who wrote it with which right was found out by the caller.

    Raises:
        Unavailable: it lacks its id or time.
    """
    return Comment(
        id=id_of(row),
        author=author,
        body=body_of(row),
        created_at=moment_of(row, "created_at"),
        mine=mine,
        by_writer=by_writer,
    )


def is_pull(row: Row) -> bool:
    """Whether an issue's payload is that of a pull request."""
    return row.get("pull_request") is not None


def is_open(row: Row) -> bool:
    """Whether an issue or pull request is open."""
    return row.get("state") == "open"


def spoken(row: Row) -> int | None:
    """How many comments an issue has by the forge's count; None when it does not say."""
    count = row.get("comments")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def number_of(row: Row) -> int:
    """The number of an issue or pull request, as people say it.

    Raises:
        Unavailable: it lacks one.
    """
    return _whole(row, "number")


def id_of(row: Row) -> int:
    """The database id of an issue, comment or label.

    Raises:
        Unavailable: it lacks one.
    """
    return _whole(row, "id")


def moment_of(row: Row, name: str) -> datetime:
    """The time in a field, in UTC whatever the server's zone.

    Raises:
        Unavailable: there is none.
    """
    try:
        return _in_utc(datetime.fromisoformat(text_of(row, name)))
    except ValueError as error:
        raise misshapen(name) from error


def body_of(row: Row) -> str:
    """The text of an issue or comment."""
    return lines_of(text_of(row, "body"))


def login_of(row: Row, field: str = "user") -> str:
    """The login of who is named in a field; empty when nobody is."""
    user = row.get(field)
    return text_of(user, "login") if isinstance(user, dict) else ""


def text_of(row: Row, name: str) -> str:
    """The text in a field; empty when there is none."""
    value = row.get(name)
    return value if isinstance(value, str) else ""


def same_text(shown: str, wanted: str) -> bool:
    """Whether an edit would change nothing of what is there: line endings and space at the end do not count."""
    return lines_of(shown).rstrip() == lines_of(wanted).rstrip()


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The host's clock when it answered; None when it does not say."""
    try:
        return _in_utc(parsedate_to_datetime(headers.get("date", "")))
    except ValueError:
        return None


def misshapen(name: str) -> Unavailable:
    """The error for a payload without a field that it cannot do without."""
    return Unavailable(
        f"the forge sent something without a usable `{name}`",
        fix="cdock looks again; if it stays, check the host in the settings: it does not speak the REST API of its "
        "kind of forge.",
    )


def _whole(row: Row, name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise misshapen(name)
    return value


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

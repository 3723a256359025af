"""Gitea's REST payloads as cdock's values.

Pure. A payload is checked here once and trusted afterwards: what a value cannot do without must be there, all else may
be missing or null, as it is on older servers and for deleted accounts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cdock.adapters.marked import lines_of
from cdock.core.errors import Unavailable
from cdock.core.model import Comment, Issue, PullRequest

Row = Mapping[str, Any]


def issue_from_rest(row: Row) -> Issue:
    """An issue of a list or of its own, without its comments.

    Raises:
        Unavailable: it lacks its number, id or time.
    """
    return Issue(
        number=number_of(row),
        id=id_of(row),
        title=text_of(row, "title"),
        body=body_of(row),
        author=login_of(row),
        url=text_of(row, "html_url"),
        created_at=moment_of(row, "created_at"),
        open=row.get("state") == "open",
        labels=frozenset(labels_of(row)),
        updated_at=moment_of(row, "updated_at"),
    )


def comment_from_rest(row: Row, *, mine: bool, by_writer: bool) -> Comment:
    """A comment on an issue; who wrote it with which right was found out by the caller.

    Raises:
        Unavailable: it lacks its id or time.
    """
    return Comment(
        id=id_of(row),
        author=login_of(row),
        body=body_of(row),
        created_at=moment_of(row, "created_at"),
        mine=mine,
        by_writer=by_writer,
    )


def pull_from_rest(row: Row) -> PullRequest:
    """A pull request of a list or of its own.

    Raises:
        Unavailable: it lacks its number.
    """
    return PullRequest(
        number=number_of(row),
        url=text_of(row, "html_url"),
        head=head_of(row),
        open=row.get("state") == "open",
        merged=row.get("merged") is True,
    )


def head_of(row: Row) -> str:
    """The branch of the repository itself that a pull request comes from; empty for a branch of a fork.

    Once the branch is deleted, `ref` says `refs/pull/N/head`: the branch's name stays in `label`.
    """
    head, base = row.get("head"), row.get("base")
    if not isinstance(head, dict) or not isinstance(base, dict) or head.get("repo_id") != base.get("repo_id"):
        return ""
    return text_of(head, "label")


def is_pull(row: Row) -> bool:
    """Whether an issue's payload is that of a pull request."""
    return row.get("pull_request") is not None


def labels_of(row: Row) -> dict[str, int]:
    """The labels on an issue: ids by name."""
    return label_ids(row.get("labels") or ())


def label_ids(rows: Any) -> dict[str, int]:
    """The ids of labels by name. Gitea lets two labels have one name: then the older one is meant."""
    found: dict[str, int] = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(name := row.get("name"), str):
            found[name] = min(id_of(row), found.get(name, id_of(row)))
    return found


def spoken_on(row: Row) -> int | None:
    """The number of the issue that a comment of a repository's list stands on; None for a pull request's."""
    number = text_of(row, "issue_url").rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() else None


def spoken(row: Row) -> int | None:
    """How many comments an issue has by the forge's count; None when it does not say."""
    count = row.get("comments")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def body_of(row: Row) -> str:
    """The text of an issue or comment."""
    return lines_of(text_of(row, "body"))


def login_of(row: Row, field: str = "user") -> str:
    """The login of who is named in a field; empty when the account is gone.

    A gone account shows as `Ghost` with the id -1, whose name nobody else can have.
    """
    user = row.get(field)
    if not isinstance(user, dict) or user.get("id") == -1:
        return ""
    return text_of(user, "login")


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
        moment = datetime.fromisoformat(text_of(row, name))
    except ValueError as error:
        raise _misshapen(name) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def text_of(row: Row, name: str) -> str:
    """The text in a field; empty when there is none."""
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _whole(row: Row, name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _misshapen(name)
    return value


def _misshapen(name: str) -> Unavailable:
    return Unavailable(
        f"the forge sent something without a usable `{name}`",
        fix="cdock looks again; if it stays, the server does not speak Gitea's REST API.",
    )

"""GitHub's REST payloads as cdock's values.

Pure. A payload is checked here once and trusted afterwards: what a value cannot do without must be there, all else may
be missing or null, as it is on older servers and for deleted accounts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cdock.adapters.marked import carries as carries
from cdock.adapters.marked import help_of as help_of
from cdock.adapters.marked import helped_issue as helped_issue
from cdock.adapters.marked import lines_of as lines_of
from cdock.adapters.marked import same_login as same_login
from cdock.core.errors import Unavailable
from cdock.core.model import Comment, Issue, PullRequest

Row = Mapping[str, Any]


@dataclass(frozen=True)
class User:
    """An account, and whether a program owns it. Nobody has no login."""

    login: str
    bot: bool = False


_BUILTIN_ROLES = ("admin", "maintain", "write", "triage", "read", "none")


def issue_from_rest(row: Row, *, comments: tuple[Comment, ...] = ()) -> Issue:
    """An issue of a list or of its own.

    Raises:
        Unavailable: it lacks its number, id or time.
    """
    return Issue(
        number=number_of(row),
        id=id_of(row),
        title=_text(row, "title"),
        body=body_of(row),
        author=author_of(row),
        url=_text(row, "html_url"),
        created_at=moment_of(row, "created_at"),
        open=is_open(row),
        labels=labels_of(row),
        comments=comments,
        updated_at=moment_of(row, "updated_at") if row.get("updated_at") else None,
    )


def comment_from_rest(row: Row, *, mine: bool, by_writer: bool) -> Comment:
    """A comment on an issue; who wrote it with which right was found out by the caller.

    Raises:
        Unavailable: it lacks its id or time.
    """
    return Comment(
        id=id_of(row),
        author=author_of(row),
        body=body_of(row),
        created_at=moment_of(row, "created_at"),
        mine=mine,
        by_writer=by_writer,
    )


def pull_from_rest(row: Row) -> PullRequest:
    """A pull request of a list or of its own; lists say `merged_at`, only the single one says `merged`.

    Raises:
        Unavailable: it lacks its number.
    """
    return PullRequest(
        number=number_of(row),
        url=_text(row, "html_url"),
        head=head_of(row),
        open=is_open(row),
        merged=bool(row.get("merged_at")) or row.get("merged") is True,
    )


def digest_of(row: Row) -> str:
    """The `Issue.digest` of the title and body in `row`."""
    issue = Issue(0, 0, _text(row, "title"), body_of(row), "", "", datetime.min.replace(tzinfo=UTC))
    return issue.digest


def body_of(row: Row) -> str:
    """The text of an issue or comment."""
    return lines_of(_text(row, "body"))


def role_of(row: Row) -> str:
    """A collaborator's role: admin, maintain, write, triage, read or none.

    `role_name` is exact but may be an organisation's own word; for those the older `permission` says what they are
    built on, in which triage shows as read.
    """
    role = row.get("role_name")
    if role not in _BUILTIN_ROLES:
        role = row.get("permission")
    return role if role in _BUILTIN_ROLES else "none"


def is_pull(row: Row) -> bool:
    """Whether an issue's payload is that of a pull request."""
    return row.get("pull_request") is not None


def is_open(row: Row) -> bool:
    """Whether an issue or pull request is open."""
    return row.get("state") == "open"


def author_of(row: Row) -> str:
    """The login of who wrote an issue or comment; empty when the account is gone."""
    return _login(row.get("user"))


def spoken_on(row: Row) -> int:
    """The number of the issue or pull request that a comment of a repository's list stands on.

    Raises:
        Unavailable: it does not say.
    """
    number = _text(row, "issue_url").rpartition("/")[2]
    if not number.isdecimal():
        raise _misshapen("issue_url")
    return int(number)


def spoken(row: Row) -> int | None:
    """How many comments an issue has by the forge's count; None when it does not say."""
    count = row.get("comments")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def updated_of(row: Row) -> datetime:
    """When it last changed, by the forge's clock.

    Raises:
        Unavailable: it does not say.
    """
    return moment_of(row, "updated_at")


def user_of(row: Row, field: str = "user") -> User:
    """Who is named in a field: `user`, `closed_by`, `actor`. Nobody's login is empty: the account is gone."""
    user = row.get(field)
    login = _login(user)
    kind = _text(user, "type") if isinstance(user, dict) else ""
    return User(login, bot=kind == "Bot" or login.endswith("[bot]"))


def number_of(row: Row) -> int:
    """The number of an issue or pull request, as people say it.

    Raises:
        Unavailable: it lacks one.
    """
    return _whole(row, "number")


def id_of(row: Row) -> int:
    """The database id of an issue or comment.

    Raises:
        Unavailable: it lacks one.
    """
    return _whole(row, "id")


def labels_of(row: Row) -> frozenset[str]:
    """The names of the labels on an issue."""
    labels = row.get("labels") or ()
    names = (label.get("name") if isinstance(label, dict) else label for label in labels)
    return frozenset(name for name in names if isinstance(name, str))


def head_of(row: Row) -> str:
    """The branch of the repository itself that a pull request comes from; empty for a branch of a fork.

    Anybody may call a branch of theirs like one of ours.
    """
    head, base = row.get("head"), row.get("base")
    if not isinstance(head, dict):
        return ""
    home = _repository_of(head)
    # A fork that was deleted is shown as null.
    if "repo" in head and (not home or home != _repository_of(base)):
        return ""
    return _text(head, "ref")


def _repository_of(end: object) -> int:
    repository = end.get("repo") if isinstance(end, dict) else None
    number = repository.get("id") if isinstance(repository, dict) else None
    return number if isinstance(number, int) else 0


def moment_of(row: Row, name: str) -> datetime:
    """The time in a field.

    Raises:
        Unavailable: there is none.
    """
    try:
        moment = datetime.fromisoformat(_text(row, name))
    except ValueError as error:
        raise _misshapen(name) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _login(user: object) -> str:
    return _text(user, "login") if isinstance(user, dict) else ""


def _text(row: Row, name: str) -> str:
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
        fix="cdock looks again; if it stays, the server does not speak GitHub's REST API.",
    )

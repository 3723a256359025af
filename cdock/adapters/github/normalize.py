"""What GitHub's REST API says in a way of its own, as cdock's values.

Pure. What all forges say alike is read by `payload`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cdock.adapters import payload
from cdock.adapters.marked import carries as carries
from cdock.adapters.marked import help_of as help_of
from cdock.adapters.marked import helped_issue as helped_issue
from cdock.adapters.marked import same_login as same_login
from cdock.adapters.payload import Row
from cdock.core.issues import Comment, Issue
from cdock.core.pulls import PullRequest


@dataclass(frozen=True)
class User:
    """An account, and whether a program owns it. Nobody has no login."""

    login: str
    bot: bool = False


_BUILTIN_ROLES = ("admin", "maintain", "write", "triage", "read", "none")


def issue_from_rest(row: Row) -> Issue:
    """An issue of a list or of its own, without its comments.

    Raises:
        Unavailable: it lacks its number, id or time.
    """
    issue = payload.issue_of(row, author=payload.login_of(row), labels=labels_of(row))
    dropped = not issue.open and row.get("state_reason") == "not_planned"
    return replace(issue, blocked_by=_blocked_by(row), dropped=dropped)


def comment_from_rest(row: Row, *, mine: bool, by_writer: bool) -> Comment:
    """A comment on an issue; who wrote it with which right was found out by the caller.

    Raises:
        Unavailable: it lacks its id or time.
    """
    return payload.comment_of(row, author=payload.login_of(row), mine=mine, by_writer=by_writer)


def pull_from_rest(row: Row) -> PullRequest:
    """A pull request of a list or of its own; lists say `merged_at`, only the single one says `merged`.

    Raises:
        Unavailable: it lacks its number.
    """
    return PullRequest(
        number=payload.number_of(row),
        url=payload.text_of(row, "html_url"),
        head=head_of(row),
        open=payload.is_open(row),
        merged=bool(row.get("merged_at")) or row.get("merged") is True,
        draft=row.get("draft") is True,
        body=payload.body_of(row),
        commit=_commit_of(row.get("head")),
        target=_commit_of(row.get("base")),
    )


def digest_of(row: Row) -> str:
    """The `Issue.digest` of the title and body in `row`."""
    issue = Issue(
        0, 0, payload.text_of(row, "title"), payload.body_of(row), "", "", datetime.min.replace(tzinfo=UTC)
    )
    return issue.digest


def role_of(row: Row) -> str:
    """A collaborator's role: admin, maintain, write, triage, read or none.

    `role_name` is exact but may be an organisation's own word; for those the older `permission` says what they are
    built on, in which triage shows as read.
    """
    role = row.get("role_name")
    if role not in _BUILTIN_ROLES:
        role = row.get("permission")
    return role if role in _BUILTIN_ROLES else "none"


def spoken_on(row: Row) -> int:
    """The number of the issue or pull request that a comment of a repository's list stands on.

    Raises:
        Unavailable: it does not say.
    """
    return _number_at(row, "issue_url")


def remarked_on(row: Row) -> int:
    """The number of the pull request that a comment on a line stands on.

    Raises:
        Unavailable: it does not say.
    """
    return _number_at(row, "pull_request_url")


def changed_of(row: Row) -> datetime | None:
    """When it last changed, by the forge's clock; None when it does not say."""
    return updated_of(row) if row.get("updated_at") else None


def older(one: datetime | None, other: datetime | None) -> bool:
    """Whether one thing was changed before the other, as far as that is known of both."""
    return one is not None and other is not None and one < other


def updated_of(row: Row) -> datetime:
    """When it last changed, by the forge's clock.

    Raises:
        Unavailable: it does not say.
    """
    return payload.moment_of(row, "updated_at")


def user_of(row: Row, field: str = "user") -> User:
    """Who is named in a field: `user`, `closed_by`, `actor`. Nobody's login is empty: the account is gone."""
    user = row.get(field)
    login = payload.login_of(row, field)
    kind = payload.text_of(user, "type") if isinstance(user, dict) else ""
    return User(login, bot=kind == "Bot" or login.endswith("[bot]"))


def actor_of(actor: object) -> User:
    """Who is named by GraphQL, which leaves out what REST puts behind a bot's login."""
    if not isinstance(actor, dict):
        return User("")
    login = payload.text_of(actor, "login")
    bot = actor.get("__typename") == "Bot"
    return User(f"{login.removesuffix('[bot]')}[bot]" if bot and login else login, bot=bot)


def nodes_of(row: Row, connection: str) -> list[Row]:
    """What GraphQL lists in a connection."""
    return [node for node in fields_of(row.get(connection)).get("nodes") or () if isinstance(node, dict)]


def fields_of(value: object) -> Row:
    """What GraphQL shows of one thing; nothing where it shows none."""
    return value if isinstance(value, dict) else {}


def whole_of(row: Row, name: str) -> int:
    """A whole number of GraphQL, which sends those of 64 bits as text.

    Raises:
        Unavailable: there is none.
    """
    value = row.get(name)
    if isinstance(value, bool) or not str(value).isdecimal():
        raise payload.misshapen(name)
    return int(str(value))


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
    return payload.text_of(head, "ref")


def base_of(row: Row) -> str:
    """The branch that a pull request goes to; empty where the row does not say."""
    base = row.get("base")
    return payload.text_of(base, "ref") if isinstance(base, dict) else ""


def _commit_of(end: object) -> str:
    return payload.text_of(end, "sha") if isinstance(end, dict) else ""


def _blocked_by(row: Row) -> int:
    """How many open issues it depends on. The summary may lag, and older servers have none."""
    summary = row.get("issue_dependencies_summary")
    count = summary.get("blocked_by") if isinstance(summary, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else 0


def _number_at(row: Row, field: str) -> int:
    number = payload.text_of(row, field).rpartition("/")[2]
    if not number.isdecimal():
        raise payload.misshapen(field)
    return int(number)


def _repository_of(end: object) -> int:
    repository = end.get("repo") if isinstance(end, dict) else None
    number = repository.get("id") if isinstance(repository, dict) else None
    return number if isinstance(number, int) else 0

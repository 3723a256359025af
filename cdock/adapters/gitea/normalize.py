"""What Gitea's REST API says in a way of its own, as cdock's values.

Pure. What all forges say alike is read by `payload`.
"""

import re
from dataclasses import replace
from typing import Any

from cdock.adapters import payload
from cdock.adapters.payload import Row
from cdock.core.issues import Comment, Issue
from cdock.core.pulls import PullRequest


def issue_from_rest(row: Row) -> Issue:
    """An issue of a list or of its own, without its comments.

    Raises:
        Unavailable: it lacks its number, id or time.
    """
    issue = payload.issue_of(row, author=login_of(row), labels=labels_of(row))
    # Gitea always says when it changed, and first sights are compared by that: it is not done without.
    return replace(issue, updated_at=payload.moment_of(row, "updated_at"))


def comment_from_rest(row: Row, *, mine: bool, by_writer: bool) -> Comment:
    """A comment on an issue; who wrote it with which right was found out by the caller.

    Raises:
        Unavailable: it lacks its id or time.
    """
    return payload.comment_of(row, author=login_of(row), mine=mine, by_writer=by_writer)


def pull_from_rest(row: Row) -> PullRequest:
    """A pull request of a list or of its own.

    Raises:
        Unavailable: it lacks its number.
    """
    return PullRequest(
        number=payload.number_of(row),
        url=payload.text_of(row, "html_url"),
        head=head_of(row),
        open=payload.is_open(row),
        merged=row.get("merged") is True,
        draft=is_draft(payload.text_of(row, "title")),
        body=payload.body_of(row),
        commit=_commit_of(row.get("head")),
        target=_commit_of(row.get("base")),
    )


_DRAFT = re.compile(r"\s*(?:WIP:|\[WIP\])\s*", re.IGNORECASE)


def is_draft(title: str) -> bool:
    """Whether a pull request of this title is a draft: on Gitea, its title says so."""
    return _DRAFT.match(title) is not None


def titled(title: str, *, draft: bool) -> str:
    """The title as that of a draft, or of none."""
    plain = title
    while found := _DRAFT.match(plain):
        plain = plain[found.end() :]
    return f"WIP: {plain}" if draft else plain


def head_of(row: Row) -> str:
    """The branch of the repository itself that a pull request comes from; empty for a branch of a fork.

    Once the branch is deleted, `ref` says `refs/pull/N/head`: the branch's name stays in `label`.
    """
    head, base = row.get("head"), row.get("base")
    if not isinstance(head, dict) or not isinstance(base, dict) or head.get("repo_id") != base.get("repo_id"):
        return ""
    return payload.text_of(head, "label")


def base_of(row: Row) -> str:
    """The branch that a pull request goes to."""
    base = row.get("base")
    return payload.text_of(base, "ref") if isinstance(base, dict) else ""


def _commit_of(end: object) -> str:
    return payload.text_of(end, "sha") if isinstance(end, dict) else ""


def labels_of(row: Row) -> dict[str, int]:
    """The labels on an issue: ids by name."""
    return label_ids(row.get("labels") or ())


def label_ids(rows: Any) -> dict[str, int]:
    """The ids of labels by name. Gitea lets two labels have one name: then the older one is meant."""
    found: dict[str, int] = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(name := row.get("name"), str):
            number = payload.id_of(row)
            found[name] = min(number, found.get(name, number))
    return found


def spoken_on(row: Row) -> int | None:
    """The number of the issue that a comment of a repository's list stands on; None for a pull request's."""
    number = payload.text_of(row, "issue_url").rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() else None


def login_of(row: Row, field: str = "user") -> str:
    """The login of who is named in a field; empty when the account is gone.

    A gone account shows as `Ghost` with the id -1, whose name nobody else can have.
    """
    user = row.get(field)
    gone = isinstance(user, dict) and user.get("id") == -1
    return "" if gone else payload.login_of(row, field)

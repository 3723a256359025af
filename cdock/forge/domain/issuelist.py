"""Lists of issues: filtered, sorted, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdock.forge.domain import issues
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.store import Tx, text_of

SORTS: Final = {
    "created": "issue.created",
    "updated": "issue.updated",
    "comments": "(SELECT count(*) FROM comment WHERE comment.issue_id = issue.id)",
}


@dataclass(frozen=True)
class Query:
    """Which issues, in which order. Everything given must hold; names are compared without regard to case.

    `state`: open, closed, all · `kind`: issue, pull, both · `labels`: all of these · `any_label`: one of these ·
    `assignee`: login, `none` or `*` · `milestone`: number as text, `none` or `*` · `since`: changed at this moment or
    later · `text`: words that title or body contain · `sort`: created, updated, comments.
    """

    state: str = "open"
    kind: str = "both"
    labels: tuple[str, ...] = ()
    any_label: tuple[str, ...] = ()
    assignee: str | None = None
    creator: str | None = None
    mentioned: str | None = None
    milestone: str | None = None
    since: datetime | None = None
    text: str = ""
    sort: str = "created"
    descending: bool = True


@dataclass(frozen=True)
class Place:
    """A place in a sorted list: right behind the issue with this sort key and id."""

    key: str | int
    id: int


@dataclass(frozen=True)
class Page:
    """Part of a list; `after` and `before` say where the neighbouring parts are, None where there are none."""

    issues: tuple[Issue, ...]
    after: Place | None
    before: Place | None


def list_page(
    tx: Tx,
    repo: Repo,
    query: Query,
    *,
    limit: int,
    after: Place | None = None,
    before: Place | None = None,
) -> Page:
    """One page of at most `limit` issues, from the start or next to a place of an earlier page."""
    where, values = _conditions(repo, query)
    key = SORTS[query.sort]
    # A page before a place is read backwards from it and then turned round.
    backwards = before is not None
    place = before if backwards else after
    down = query.descending != backwards
    if place is not None:
        where += f" AND ({key}, issue.id) {'<' if down else '>'} (?, ?)"
        values += [place.key, place.id]
    order = "DESC" if down else "ASC"
    rows = tx.rows(
        f"SELECT issue.*, {key} AS sort_key FROM issue WHERE {where} "  # noqa: S608
        f"ORDER BY sort_key {order}, issue.id {order} LIMIT ?",
        *values,
        limit + 1,
    )
    more, rows = len(rows) > limit, rows[:limit]
    if backwards:
        rows.reverse()
    if not rows:
        return Page((), None, None)
    first = Place(rows[0]["sort_key"], rows[0]["id"])
    last = Place(rows[-1]["sort_key"], rows[-1]["id"])
    has_next, has_previous = (True, more) if backwards else (more, after is not None)
    return Page(
        issues=tuple(issues.load(tx, rows)),
        after=last if has_next else None,
        before=first if has_previous else None,
    )


def count(tx: Tx, repo: Repo, query: Query) -> int:
    """How many issues there are in all."""
    where, values = _conditions(repo, query)
    row = tx.row(f"SELECT count(*) AS n FROM issue WHERE {where}", *values)  # noqa: S608
    return int(row["n"]) if row is not None else 0


def _conditions(repo: Repo, query: Query) -> tuple[str, list[object]]:
    terms: list[str] = ["issue.repo_id = ?"]
    values: list[object] = [repo.id]

    def add(term: str, *given: object) -> None:
        terms.append(term)
        values.extend(given)

    if query.state != "all":
        add("issue.state = ?", query.state)
    if query.kind != "both":
        add("issue.is_pull = ?", int(query.kind == "pull"))
    for name in query.labels:
        add(
            "EXISTS (SELECT 1 FROM issue_label JOIN label ON label.id = label_id "
            "WHERE issue_id = issue.id AND label.name = ?)",
            name,
        )
    if query.any_label:
        marks = ",".join("?" * len(query.any_label))
        add(
            "EXISTS (SELECT 1 FROM issue_label JOIN label ON label.id = label_id "  # noqa: S608
            f"WHERE issue_id = issue.id AND label.name IN ({marks}))",
            *query.any_label,
        )
    if query.assignee in {"none", "*"}:
        add("EXISTS (SELECT 1 FROM assignee WHERE issue_id = issue.id) = ?", int(query.assignee == "*"))
    elif query.assignee is not None:
        add(
            "EXISTS (SELECT 1 FROM assignee JOIN user ON user.id = user_id WHERE issue_id = issue.id AND login = ?)",
            query.assignee,
        )
    if query.creator is not None:
        add("issue.author_id = (SELECT id FROM user WHERE login = ?)", query.creator)
    if query.mentioned is not None:
        pattern = f"%@{_like(query.mentioned)}%"
        add(
            "(issue.body LIKE ? ESCAPE '\\' OR EXISTS (SELECT 1 FROM comment WHERE issue_id = issue.id "
            "AND comment.body LIKE ? ESCAPE '\\'))",
            pattern,
            pattern,
        )
    if query.milestone in {"none", "*"}:
        add(f"issue.milestone_id IS {'' if query.milestone == 'none' else 'NOT '}NULL")
    elif query.milestone is not None:
        add(
            "issue.milestone_id = (SELECT id FROM milestone WHERE repo_id = issue.repo_id AND number = ?)",
            int(query.milestone),
        )
    if query.since is not None:
        add("issue.updated >= ?", text_of(query.since))
    for word in query.text.split():
        pattern = f"%{_like(word)}%"
        add("(issue.title LIKE ? ESCAPE '\\' OR issue.body LIKE ? ESCAPE '\\')", pattern, pattern)
    return " AND ".join(terms), values


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

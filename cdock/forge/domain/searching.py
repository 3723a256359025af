"""Searching issues and pull requests with a subset of GitHub's search language.

Unlike GitHub's index this one is never behind; a result has no rank, so the newest come first unless told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from cdock.forge.domain import issues, repos, users
from cdock.forge.domain.errors import DomainError, Invalid, NotFound, missing
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.querytext import Term, terms_of, unknown
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

MOST: Final = 1000
"""How many results can be reached at all."""
WORDS_LIMIT: Final = 256
"""Characters of the words to be found, qualifiers not counted."""

_REACTIONS: Final = "(SELECT count(*) FROM reaction WHERE subject = 'issue' AND subject_id = issue.id)"
_COMMENTS: Final = "(SELECT count(*) FROM comment WHERE comment.issue_id = issue.id)"
SORTS: Final = {
    "created": "issue.created",
    "updated": "issue.updated",
    "comments": _COMMENTS,
    "reactions": _REACTIONS,
    "interactions": f"{_COMMENTS} + {_REACTIONS}",
}
_OPEN_BLOCKER: Final = (
    "EXISTS (SELECT 1 FROM blocked_by JOIN issue AS other ON other.id = {other} "
    "WHERE {own} = issue.id AND other.state = 'open')"
)
_IS: Final = {
    "open": "issue.state = 'open'",
    "closed": "issue.state = 'closed'",
    "issue": "issue.is_pull = 0",
    "pr": "issue.is_pull = 1",
    "pull-request": "issue.is_pull = 1",
    "locked": "issue.locked = 1",
    "unlocked": "issue.locked = 0",
    "draft": "EXISTS (SELECT 1 FROM pull WHERE issue_id = issue.id AND draft)",
    "merged": "EXISTS (SELECT 1 FROM pull WHERE issue_id = issue.id AND merged IS NOT NULL)",
    "unmerged": "EXISTS (SELECT 1 FROM pull WHERE issue_id = issue.id AND merged IS NULL)",
    "blocked": _OPEN_BLOCKER.format(own="issue_id", other="blocker_id"),
    "blocking": _OPEN_BLOCKER.format(own="blocker_id", other="issue_id"),
}
_NO: Final = {
    "label": "NOT EXISTS (SELECT 1 FROM issue_label WHERE issue_id = issue.id)",
    "assignee": "NOT EXISTS (SELECT 1 FROM assignee WHERE issue_id = issue.id)",
    "milestone": "issue.milestone_id IS NULL",
}
_IN: Final = {
    "title": "issue.title LIKE ? ESCAPE '\\'",
    "body": "issue.body LIKE ? ESCAPE '\\'",
    "comments": "EXISTS (SELECT 1 FROM comment WHERE issue_id = issue.id AND comment.body LIKE ? ESCAPE '\\')",
}
_RANGE: Final = re.compile(r"(>=|<=|>|<|)(\d{4}-\d{2}-\d{2})(?:T[\d:+Z-]+)?")


@dataclass(frozen=True)
class Found:
    """Part of a result: `total` is all of it, `repos` has the repository of each issue by its id."""

    total: int
    issues: tuple[Issue, ...]
    repos: Mapping[int, Repo]


@dataclass
class _Wanted:
    """A search being put together: conditions on rows of `issue`, and where it looks."""

    terms: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    words: list[Term] = field(default_factory=list)
    repos: set[int] | None = None
    sort: str | None = None
    descending: bool = True

    def add(self, condition: str, *values: object, negated: bool = False) -> None:
        # A column that is null makes a condition neither true nor false; what is not true must count as false here.
        self.terms.append(f"NOT coalesce(({condition}), 0)" if negated else f"({condition})")
        self.values.extend(values)


def search(
    tx: Tx,
    text: str,
    *,
    actor: User | None,
    limit: int,
    offset: int = 0,
    sort: str | None = None,
    descending: bool = True,
) -> Found:
    """What a search text asks for, among all repositories that the acting user may see.

    `sort` is a key of `SORTS`; a `sort:` in the text goes first. Raises Invalid for an empty text or one that is too
    long, for qualifiers not known here, for repositories that may not be seen, and beyond the first 1000 results.
    """
    if not text.strip():
        raise missing("Search", "q")
    if offset + limit > MOST and offset >= MOST:
        raise Invalid(f"Only the first {MOST} search results are available")
    wanted = _read(tx, text, actor=actor)
    homes = {repo.id: repo for repo in repos.list_visible(tx, actor=actor)}
    kept = sorted(homes if wanted.repos is None else wanted.repos & homes.keys())
    wanted.add(f"issue.repo_id IN ({','.join('?' * len(kept))})", *kept)
    where = " AND ".join(wanted.terms)
    order = "DESC" if (wanted.descending if wanted.sort else descending) else "ASC"
    row = tx.row(f"SELECT count(*) AS n FROM issue WHERE {where}", *wanted.values)  # noqa: S608
    rows = tx.rows(
        f"SELECT issue.* FROM issue WHERE {where} "  # noqa: S608
        f"ORDER BY {SORTS[wanted.sort or sort or 'created']} {order}, issue.id {order} LIMIT ? OFFSET ?",
        *wanted.values,
        min(limit, MOST - offset),
        offset,
    )
    return Found(int(row["n"]) if row is not None else 0, tuple(issues.load(tx, rows)), homes)


def _read(tx: Tx, text: str, *, actor: User | None) -> _Wanted:
    wanted = _Wanted()
    for term in terms_of(text):
        if term.key is None:
            wanted.words.append(term)
        elif (reader := _READERS.get(term.key)) is not None:
            reader(tx, wanted, term, actor)
        else:
            raise unknown(term, _READERS)
    if sum(len(word.value) for word in wanted.words) > WORDS_LIMIT:
        raise Invalid(f"The search is longer than {WORDS_LIMIT} characters.")
    places = wanted.places or ["title", "body", "comments"]
    for word in wanted.words:
        pattern = "%" + word.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        wanted.add(
            " OR ".join(_IN[place] for place in places), *[pattern] * len(places), negated=word.negated
        )
    return wanted


def _choice(known: Mapping[str, str]) -> Callable[[Tx, _Wanted, Term, User | None], None]:
    def read(_tx: Tx, wanted: _Wanted, term: Term, _actor: User | None) -> None:
        if term.value.lower() not in known:
            raise unknown(term, known)
        wanted.add(known[term.value.lower()], negated=term.negated)

    return read


def _repo(tx: Tx, wanted: _Wanted, term: Term, actor: User | None) -> None:
    owner, _, name = term.value.partition("/")
    try:
        found = {repos.find(tx, owner, name, actor=actor).id}
    except DomainError as error:
        raise _hidden() from error
    _narrow(wanted, found)


def _owner(tx: Tx, wanted: _Wanted, term: Term, actor: User | None) -> None:
    try:
        owner = users.find(tx, _login(term.value, actor))
    except NotFound as error:
        raise _hidden() from error
    _narrow(wanted, {repo.id for repo in repos.list_visible(tx, actor=actor, owner=owner)})


def _narrow(wanted: _Wanted, found: set[int]) -> None:
    # Several of them widen the search, as on GitHub.
    wanted.repos = found | (wanted.repos or set())


def _label(_tx: Tx, wanted: _Wanted, term: Term, _actor: User | None) -> None:
    one = (
        "EXISTS (SELECT 1 FROM issue_label JOIN label ON label.id = label_id "
        "WHERE issue_id = issue.id AND label.name = ?)"
    )
    wanted.add(" OR ".join([one] * len(term.values)) or "0", *term.values, negated=term.negated)


def _author(_tx: Tx, wanted: _Wanted, term: Term, actor: User | None) -> None:
    condition = "issue.author_id = (SELECT id FROM user WHERE login = ?)"
    wanted.add(condition, _login(term.value, actor), negated=term.negated)


def _assignee(_tx: Tx, wanted: _Wanted, term: Term, actor: User | None) -> None:
    if term.value == "*":
        wanted.add(_NO["assignee"], negated=not term.negated)
        return
    wanted.add(
        "EXISTS (SELECT 1 FROM assignee JOIN user ON user.id = user_id WHERE issue_id = issue.id AND login = ?)",
        _login(term.value, actor),
        negated=term.negated,
    )


def _milestone(_tx: Tx, wanted: _Wanted, term: Term, _actor: User | None) -> None:
    condition = "issue.milestone_id IN (SELECT id FROM milestone WHERE title = ?)"
    wanted.add(condition, term.value, negated=term.negated)


def _day(column: str) -> Callable[[Tx, _Wanted, Term, User | None], None]:
    def read(_tx: Tx, wanted: _Wanted, term: Term, _actor: User | None) -> None:
        bounds = _bounds(term)
        condition = " AND ".join(f"issue.{column} {sign} ?" for sign, _ in bounds)
        wanted.add(condition or "1", *(day for _, day in bounds), negated=term.negated)

    return read


def _bounds(term: Term) -> list[tuple[str, str]]:
    """A date, `>=` and the like before one, or `from..to`, as comparisons with the text of a time."""
    first, dots, last = term.value.partition("..")
    if dots:
        ends = [(">=", first)] * (first != "*") + [("<=", last)] * (last != "*")
        return [bound for sign, day in ends for bound in _bounds(Term(term.key, f"{sign}{day}"))]
    match = _RANGE.fullmatch(term.value)
    try:
        day = date.fromisoformat(match[2]) if match else None
    except ValueError:
        day = None
    if match is None or day is None:
        raise Invalid(f"'{term.value}' is not a date or a range of dates such as >=2026-01-31")
    following = (day + timedelta(days=1)).isoformat()
    match match[1]:
        case ">=":
            return [(">=", day.isoformat())]
        case ">":
            return [(">=", following)]
        case "<":
            return [("<", day.isoformat())]
        case "<=":
            return [("<", following)]
        case _:
            return [(">=", day.isoformat()), ("<", following)]


def _in(_tx: Tx, wanted: _Wanted, term: Term, _actor: User | None) -> None:
    for place in term.values:
        if place not in _IN:
            raise unknown(term, _IN)
        wanted.places.append(place)


def _sort(_tx: Tx, wanted: _Wanted, term: Term, _actor: User | None) -> None:
    key, _, direction = term.value.partition("-")
    if key not in SORTS or direction not in ("", "asc", "desc"):
        raise unknown(term, SORTS)
    wanted.sort, wanted.descending = key, direction != "asc"


_READERS: Final[Mapping[str, Callable[[Tx, _Wanted, Term, User | None], None]]] = {
    "is": _choice(_IS),
    "type": _choice({key: _IS[key] for key in ("issue", "pr")}),
    "state": _choice({key: _IS[key] for key in ("open", "closed")}),
    "no": _choice(_NO),
    "repo": _repo,
    "user": _owner,
    "org": _owner,
    "label": _label,
    "author": _author,
    "assignee": _assignee,
    "milestone": _milestone,
    "created": _day("created"),
    "updated": _day("updated"),
    "closed": _day("closed"),
    "in": _in,
    "sort": _sort,
}


def _login(value: str, actor: User | None) -> str:
    return actor.login if value == "@me" and actor is not None else value


def _hidden() -> Invalid:
    return Invalid(
        "The listed users and repositories cannot be searched either because the resources do not exist "
        "or you do not have permission to view them."
    )

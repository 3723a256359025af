"""How an issue hangs together with others, on its page: its parent, its parts, what it waits for, its boards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from cdock.forge.domain import dependencies, issues, projectfields, projectitems, repos, subissues
from cdock.forge.domain.errors import DomainError, Invalid, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.projects import Project
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.standardfields import Option
from cdock.forge.domain.users import User
from cdock.forge.store import Tx
from cdock.forge.web.places import Place, place_of
from cdock.forge.web.visits import Visit, see

_REFERENCE: Final = re.compile(
    r"(?:(?:https?://[^/\s]+/)?([^/\s#]+)/([^/\s#]+)(?:#|/(?:issues|pull)/)|#)?(\d{1,9})"
)


@dataclass(frozen=True)
class Other:
    """Another issue, as it is named where it is mentioned."""

    issue: Issue
    address: str
    name: str


@dataclass(frozen=True)
class Relations:
    """Everything around one issue that the visitor may see. `boards` come with the status of the issue there."""

    parent: Other | None
    parts: tuple[Other, ...]
    blockers: tuple[Other, ...]
    blocked: tuple[Other, ...]
    boards: tuple[tuple[Project, Option | None], ...]

    @property
    def open_blockers(self) -> int:
        """How many issues this one still waits for."""
        return sum(other.issue.open for other in self.blockers)


def relations_of(tx: Tx, place: Place, issue: Issue, *, visitor: User | None) -> Relations:
    """What is around an issue."""
    parent = subissues.parent_of(tx, issue, actor=visitor)
    parts = subissues.list_of(tx, issue, actor=visitor)
    blockers = dependencies.blockers_of(tx, issue, actor=visitor)
    blocked = dependencies.blocked_of(tx, issue, actor=visitor)
    return Relations(
        parent=other_of(tx, parent, seen_from=place.repo) if parent else None,
        parts=tuple(other_of(tx, each, seen_from=place.repo) for each in parts),
        blockers=tuple(other_of(tx, each, seen_from=place.repo) for each in blockers),
        blocked=tuple(other_of(tx, each, seen_from=place.repo) for each in blocked),
        boards=boards_of(tx, issue, visitor=visitor),
    )


def boards_of(tx: Tx, issue: Issue, *, visitor: User | None) -> tuple[tuple[Project, Option | None], ...]:
    """The open boards on which an issue stands in sight, and its status on each."""
    found = []
    for project, item in projectitems.of_issue(tx, issue, actor=visitor):
        if item.archived or project.closed:
            continue
        status = projectfields.by_name(tx, project, "Status")
        value = item.values.get(status.id) if status else None
        found.append((project, value.option if value else None))
    return tuple(found)


def other_of(tx: Tx, issue: Issue, *, seen_from: Repo) -> Other:
    """An issue that is known to be visible, named as from a repository."""
    home = seen_from if issue.repo_id == seen_from.id else repos.by_id(tx, issue.repo_id)
    return Other(
        issue=issue,
        address=f"/{home.full_name}/{'pull' if issue.pull else 'issues'}/{issue.number}",
        name=f"{'' if home.id == seen_from.id else home.full_name}#{issue.number}",
    )


def meant(tx: Tx, text: str, *, seen_from: Repo | None, visitor: User | None) -> Issue:
    """The issue that somebody typed: `12`, `#12`, `owner/repo#12` or its address. Raises Invalid."""
    match = _REFERENCE.fullmatch(text.strip())
    try:
        if match is None or (match[1] is None and seen_from is None):
            raise NotFound
        home = repos.find(tx, match[1], match[2], actor=visitor) if match[1] else seen_from
        if home is None:
            raise NotFound
        return issues.find(tx, home, int(match[3]))
    except DomainError as error:
        raise Invalid(
            f"There is no issue '{text.strip()[:100]}'. Write #12, or owner/repo#12 for another repository."
        ) from error


def change(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues/N/relations: add or take away a part or a blocker, or put a part further up."""
    with visit.store.write() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        number = visit.part("number")
        if not (number.isdecimal() and len(number) < 10):
            raise NotFound
        issue = issues.find(tx, place.repo, int(number))
        action, other = visit.text("action"), visit.text("other")
        if action in ("part", "blocker"):
            named = meant(tx, other, seen_from=place.repo, visitor=visit.user)
            add = subissues.add if action == "part" else dependencies.add
            add(tx, place.repo, issue, named.id, actor=visit.user)
        elif other.isdecimal() and len(other) < 16:
            _rearrange(tx, place.repo, issue, int(other), action=action, visitor=visit.user)
        else:
            raise NotFound
        return see(f"{place.path}/issues/{issue.number}")


def _rearrange(tx: Tx, repo: Repo, issue: Issue, other: int, *, action: str, visitor: User | None) -> None:
    if action == "not-part":
        subissues.remove(tx, repo, issue, other, actor=visitor)
    elif action == "not-blocker":
        dependencies.remove(tx, repo, issue, other, actor=visitor)
    elif action == "raise":
        above = _above(subissues.list_of(tx, issue, actor=visitor), other)
        if above is not None:
            subissues.move(tx, repo, issue, other, actor=visitor, before_id=above)
    else:
        raise NotFound


def _above(order: list[Issue], child_id: int) -> int | None:
    ids = [issue.id for issue in order]
    return ids[ids.index(child_id) - 1] if child_id in ids[1:] else None

"""Things by their node ids, as far as the acting user may see them."""

from __future__ import annotations

from collections.abc import Iterable

from cdock.forge.domain import (
    comments,
    issues,
    labels,
    linkedbranches,
    milestones,
    projectfields,
    projectitems,
    projects,
    pulls,
    reviewcomments,
    reviews,
    threads,
    users,
)
from cdock.forge.domain.comments import Comment
from cdock.forge.domain.errors import DomainError, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.projectfields import Field
from cdock.forge.domain.projectitems import Item
from cdock.forge.domain.projects import Project
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.threads import Thread
from cdock.forge.domain.users import User
from cdock.forge.graphql import boards, git, ids, people, repository, scopes
from cdock.forge.graphql import comments as shown_comments
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import reviews as shown_reviews
from cdock.forge.graphql.asked import Ask, Shown


def node(ask: Ask, node_id: str) -> Shown:
    """Whatever has this id. Raises NotFound."""
    kind, _ = ids.parse(node_id)
    match kind:
        case "R":
            return repository.repository(ask, repo(ask, node_id))
        case "I" | "PR":
            home, found = issue(ask, node_id)
            return shown_issues.issue_or_pull(ask, home, found)
        case "IC":
            home, said = comment(ask, node_id)
            return shown_comments.comment(ask, home, said)
        case "PRR":
            home, pull_, given = review(ask, node_id)
            return shown_reviews.review(ask, home, pull_, given)
        case "PRRT":
            home, pull_, talk = thread(ask, node_id)
            return shown_reviews.thread(ask, home, pull_, talk)
        case "PRRC":
            home, pull_, remark = review_comment(ask, node_id)
            return shown_reviews.comment(ask, home, pull_, remark)
        case "PVT":
            return boards.project(ask, project(ask, node_id))
        case "PVTI":
            return boards.item(ask, *project_item(ask, node_id))
        case "PVTF" | "PVTSSF" | "PVTIF":
            return boards.field(ask, *project_field(ask, node_id))
        case "U" | "BOT":
            return people.user(ask, user(ask, node_id))
        case "REF":
            repo_id, name = ids.ref_of(node_id)
            shown = git.ref_of(ask, _home(ask, repo_id, node_id), name)
            if shown is not None:
                return shown
    raise ids.unresolved(node_id)


def repo(ask: Ask, node_id: str) -> Repo:
    """A repository. Raises NotFound."""
    found = _home(ask, ids.number_of(node_id, "R"), node_id)
    scopes.changing(ask, found)
    return found


def issue(ask: Ask, node_id: str) -> tuple[Repo, Issue]:
    """An issue or pull request with its repository. Raises NotFound."""
    number = ids.number_of(node_id, "I", "PR")
    try:
        found, home = issues.reachable(ask.tx, number, actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error
    home = _home(ask, home.id, node_id)
    scopes.changing(ask, home)
    scopes.reading(ask, home, "pull_requests" if found.pull else "issues")
    if node_id.startswith("PR_") != (found.pull is not None):
        raise ids.unresolved(node_id)
    return home, found


def only_issue(ask: Ask, node_id: str) -> tuple[Repo, Issue]:
    """An issue with its repository. Raises NotFound, also for a pull request."""
    ids.number_of(node_id, "I")
    return issue(ask, node_id)


def pull(ask: Ask, node_id: str) -> tuple[Repo, Pull]:
    """A pull request with its repository. Raises NotFound."""
    ids.number_of(node_id, "PR")
    home, found = issue(ask, node_id)
    return home, pulls.by_issue_id(ask.tx, found.id)


def comment(ask: Ask, node_id: str) -> tuple[Repo, Comment]:
    """A comment with its repository. Raises NotFound."""
    try:
        found = comments.by_id(ask.tx, ids.number_of(node_id, "IC"))
        _, home = issues.reachable(ask.tx, found.issue_id, actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error
    home = _home(ask, home.id, node_id)
    scopes.changing(ask, home)
    scopes.reading(ask, home, "issues", "pull_requests")
    return home, found


def review(ask: Ask, node_id: str) -> tuple[Repo, Pull, Review]:
    """A review with its pull request. Raises NotFound."""
    number = ids.number_of(node_id, "PRR")
    found = reviews.by_ids_of(ask.tx, [number]).get(number)
    if found is None or not reviews.visible(found, ask.actor):
        raise ids.unresolved(node_id)
    return *_pull_of(ask, found.issue_id, node_id), found


def thread(ask: Ask, node_id: str) -> tuple[Repo, Pull, Thread]:
    """A thread with its pull request. Raises NotFound."""
    number = ids.number_of(node_id, "PRRT")
    try:
        home = _home(ask, threads.repo_id_of(ask.tx, number), node_id)
        found = threads.find(ask.tx, home, number, viewer=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error
    return *_pull_of(ask, found.issue_id, node_id), found


def review_comment(ask: Ask, node_id: str) -> tuple[Repo, Pull, ReviewComment]:
    """A comment in a thread with its pull request. Raises NotFound."""
    number = ids.number_of(node_id, "PRRC")
    try:
        home = _home(ask, reviewcomments.repo_id_of(ask.tx, number), node_id)
        found = reviewcomments.find(ask.tx, home, number, viewer=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error
    return *_pull_of(ask, found.issue_id, node_id), found


def linked_branch(ask: Ask, node_id: str) -> tuple[Repo, Issue, int]:
    """A link to a branch: its repository, its issue, its own id. Raises NotFound."""
    number = ids.number_of(node_id, "LB")
    try:
        found, home = issues.reachable(ask.tx, linkedbranches.issue_id_of(ask.tx, number), actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error
    home = _home(ask, home.id, node_id)
    scopes.changing(ask, home)
    return home, found, number


def project(ask: Ask, node_id: str) -> Project:
    """A board. Raises NotFound."""
    scopes.boards(ask, "node")
    try:
        return projects.by_id(ask.tx, ids.number_of(node_id, "PVT"), actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error


def project_item(ask: Ask, node_id: str) -> tuple[Project, Item]:
    """Something on a board, with the board. Raises NotFound."""
    scopes.boards(ask, "node")
    try:
        return projectitems.by_id(ask.tx, ids.number_of(node_id, "PVTI"), actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error


def project_field(ask: Ask, node_id: str) -> tuple[Project, Field]:
    """A field with its board. Raises NotFound."""
    scopes.boards(ask, "node")
    number = ids.number_of(node_id, "PVTF", "PVTSSF", "PVTIF")
    try:
        return projectfields.by_id(ask.tx, number, actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error


def user(ask: Ask, node_id: str) -> User:
    """Somebody. Raises NotFound."""
    try:
        return users.by_id(ask.tx, ids.number_of(node_id, "U", "BOT"))
    except NotFound as error:
        raise ids.unresolved(node_id) from error


def label_names(ask: Ask, home: Repo, node_ids: Iterable[str]) -> list[str]:
    """The names of labels of a repository. Raises NotFound."""
    known = {label.id: label.name for label in labels.list_all(ask.tx, home)}
    names = []
    for node_id in node_ids:
        name = known.get(ids.number_of(node_id, "LA"))
        if name is None:
            raise ids.unresolved(node_id)
        names.append(name)
    return names


def milestone_number(ask: Ask, home: Repo, node_id: str) -> int:
    """The number of a milestone of a repository. Raises NotFound."""
    wanted = ids.number_of(node_id, "MI")
    for milestone in milestones.list_all(ask.tx, home, state="all"):
        if milestone.id == wanted:
            return milestone.number
    raise ids.unresolved(node_id)


def _pull_of(ask: Ask, issue_id: int, node_id: str) -> tuple[Repo, Pull]:
    try:
        _, home = issues.reachable(ask.tx, issue_id, actor=ask.actor)
    except NotFound as error:
        raise ids.unresolved(node_id) from error
    home = _home(ask, home.id, node_id)
    scopes.changing(ask, home)
    scopes.reading(ask, home, "pull_requests")
    return home, pulls.by_issue_id(ask.tx, issue_id)


def _home(ask: Ask, repo_id: int, node_id: str) -> Repo:
    try:
        return ask.repo(repo_id)
    except DomainError as error:
        raise ids.unresolved(node_id) from error

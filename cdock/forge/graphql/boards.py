"""Boards: projects with their fields and items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from cdock.forge.domain import boardquery, projectfields, projectitems, projects, reviewers
from cdock.forge.domain import pulls as domain_pulls
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.projectfields import Field, Iteration
from cdock.forge.domain.projectitems import Item, Value
from cdock.forge.domain.projects import Access, Project
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.standardfields import Option
from cdock.forge.domain.users import User
from cdock.forge.graphql import issues, labels, people, pulls, repository, scopes
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id
from cdock.forge.rest.urls import quoted
from cdock.forge.store import text_of

_ORDERS: Final[dict[str, Callable[[Project], Any]]] = {
    "TITLE": lambda board: board.title.lower(),
    "NUMBER": lambda board: board.number,
    "CREATED_AT": lambda board: (board.created, board.id),
    "UPDATED_AT": lambda board: (board.updated, board.id),
}
_FIELDS: Final = {
    "single_select": ("ProjectV2SingleSelectField", "PVTSSF"),
    "iteration": ("ProjectV2IterationField", "PVTIF"),
}
_KINDS: Final = {"Issue": "ISSUE", "PullRequest": "PULL_REQUEST", "DraftIssue": "DRAFT_ISSUE"}


def of_owner(ask: Ask, owner: User) -> Shown:
    """What a user or an organisation shows of their boards."""

    def one(args: Args) -> Shown:
        scopes.boards(ask, "projectV2", owner=owner)
        return _numbered(ask, projects.list_of(ask.tx, owner, actor=ask.actor), args["number"])

    def many(args: Args) -> Shown:
        scopes.boards(ask, "projectsV2", owner=owner)
        return _boards(ask, projects.list_of(ask.tx, owner, actor=ask.actor), args)

    return {"projectV2": one, "projectsV2": many}


def of_repo(ask: Ask, repo: Repo) -> Shown:
    """What a repository shows of the boards that are linked to it."""

    def one(args: Args) -> Shown:
        scopes.boards(ask, "projectV2", owner=repo.owner)
        found = projects.list_of_repo(ask.tx, repo, actor=ask.actor)
        return _numbered(ask, found, args["number"])

    def many(args: Args) -> Shown:
        scopes.boards(ask, "projectsV2", owner=repo.owner)
        return _boards(ask, projects.list_of_repo(ask.tx, repo, actor=ask.actor), args)

    return {"projectV2": one, "projectsV2": many}


def of_issue(ask: Ask, shown: Issue) -> Shown:
    """Where an issue or pull request stands."""

    def items(args: Args) -> Shown:
        scopes.boards(ask, "projectItems")
        archived = args.get("includeArchived", True)
        found = projectitems.of_issue(ask.tx, shown, actor=ask.actor)
        kept = [(board, each) for board, each in found if archived or each.archived is None]
        return connection(args, kept, lambda pair: item(ask, *pair))

    def on() -> list[Project]:
        return [board for board, _ in projectitems.of_issue(ask.tx, shown, actor=ask.actor)]

    def many(args: Args) -> Shown:
        scopes.boards(ask, "projectsV2")
        return _boards(ask, on(), args)

    def one(args: Args) -> Shown:
        scopes.boards(ask, "projectV2")
        return _numbered(ask, on(), args["number"])

    return {"projectItems": items, "projectsV2": many, "projectV2": one}


def project(ask: Ask, shown: Project) -> Shown:
    """A board."""
    return {
        "__typename": "ProjectV2",
        "id": node_id("PVT", shown.id),
        "databaseId": shown.id,
        "number": shown.number,
        "title": shown.title,
        "shortDescription": shown.short_description or "",
        "readme": shown.readme or "",
        "public": shown.public,
        "closed": shown.closed is not None,
        "closedAt": text_of(shown.closed) if shown.closed else None,
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "owner": people.user(ask, shown.owner),
        "creator": people.user(ask, shown.creator),
        "template": False,
        "url": f"{ask.urls.web}{_path(shown)}",
        "resourcePath": _path(shown),
        "viewerCanUpdate": lambda _: projects.access_of(ask.tx, shown, ask.actor) >= Access.WRITE,
        "viewerCanClose": lambda _: projects.access_of(ask.tx, shown, ask.actor) >= Access.WRITE,
        "field": lambda args: _field_named(ask, shown, args["name"]),
        "fields": lambda args: connection(
            args, projectfields.list_of(ask.tx, shown), lambda each: field(ask, shown, each)
        ),
        "items": lambda args: _items(ask, shown, args),
        "repositories": lambda args: connection(
            args,
            projects.repos_of(ask.tx, shown, actor=ask.actor),
            lambda each: repository.repository(ask, each),
        ),
    }


def field(ask: Ask, board: Project, shown: Field) -> Shown:
    """A field of a board."""
    typename, prefix = _FIELDS.get(shown.data_type, ("ProjectV2Field", "PVTF"))
    body: Shown = {
        "__typename": typename,
        "id": node_id(prefix, shown.id),
        "databaseId": shown.id,
        "name": shown.name,
        "dataType": shown.data_type.upper(),
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "project": lambda _: project(ask, board),
    }
    if shown.data_type == "single_select":
        body["options"] = lambda args: [
            _option(each)
            for each in shown.options
            if args.get("names") is None or each.name.lower() in {name.lower() for name in args["names"]}
        ]
    elif shown.data_type == "iteration":
        today = ask.tx.now.date()
        body["configuration"] = {
            "duration": shown.duration,
            "startDay": shown.start_day,
            "iterations": [_iteration(each) for each in shown.iterations if each.ends > today],
            "completedIterations": [_iteration(each) for each in shown.iterations if each.ends <= today],
        }
    return body


def item(ask: Ask, board: Project, shown: Item) -> Shown:
    """Something on a board."""

    def by_name(args: Args) -> Shown | None:
        found = projectfields.by_name(ask.tx, board, args["name"])
        return _value(ask, board, shown, found) if found else None

    def values(args: Args) -> Shown:
        every = (_value(ask, board, shown, each) for each in projectfields.list_of(ask.tx, board))
        return connection(args, [each for each in every if each is not None], lambda each: each)

    hidden = shown.issue is None and shown.draft is None
    return {
        "__typename": "ProjectV2Item",
        "id": node_id("PVTI", shown.id),
        "databaseId": shown.id,
        "fullDatabaseId": str(shown.id),
        "type": "REDACTED" if hidden else _KINDS[shown.kind],
        "isArchived": shown.archived is not None,
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "creator": people.user(ask, shown.creator),
        "project": lambda _: project(ask, board),
        "content": lambda _: _content(ask, shown),
        "fieldValueByName": by_name,
        "fieldValues": values,
    }


def _numbered(ask: Ask, found: Sequence[Project], number: int) -> Shown:
    for each in found:
        if each.number == number:
            return project(ask, each)
    raise NotFound(f"Could not resolve to a ProjectV2 with the number {number}.")


def _boards(ask: Ask, found: Sequence[Project], args: Args) -> Shown:
    found = boardquery.projects(found, args.get("query") or "")
    wanted = Access[args.get("minPermissionLevel", "READ")]
    found = [each for each in found if projects.access_of(ask.tx, each, ask.actor) >= wanted]
    found = labels.ordered(found, args.get("orderBy"), _ORDERS, "NUMBER")
    return connection(args, found, lambda each: project(ask, each))


def _field_named(ask: Ask, board: Project, name: str) -> Shown | None:
    found = projectfields.by_name(ask.tx, board, name)
    return field(ask, board, found) if found else None


def _items(ask: Ask, board: Project, args: Args) -> Shown:
    found = projectitems.list_of(ask.tx, board, actor=ask.actor, archived=None)
    if args.get("query"):
        fields = projectfields.list_of(ask.tx, board)
        found = boardquery.items(found, args["query"], fields=fields)
    else:
        found = [each for each in found if each.archived is None]
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        found = found[::-1]
    return connection(args, found, lambda each: item(ask, board, each))


def _content(ask: Ask, shown: Item) -> Shown | None:
    if shown.issue is not None and shown.repo is not None:
        return issues.issue_or_pull(ask, shown.repo, shown.issue)
    if shown.draft is None:
        return None
    return {
        "__typename": "DraftIssue",
        "id": node_id("DI", shown.draft.id),
        "title": shown.draft.title,
        "body": shown.draft.body or "",
        "createdAt": text_of(shown.draft.created),
        "updatedAt": text_of(shown.draft.updated),
        "creator": people.user(ask, shown.creator),
    }


def _value(ask: Ask, board: Project, of: Item, shown: Field) -> Shown | None:
    """What an item has in a field, or None when it has nothing."""
    base: Shown = {"field": lambda _: field(ask, board, shown)}
    found = of.values.get(shown.id)
    if shown.editable:
        return None if found is None else base | _set(ask, board, of, shown, found)
    if shown.data_type == "title":
        return base | _title(ask, board, of) if of.title is not None else None
    if of.issue is None or of.repo is None:
        return None
    derived = _derived(ask, of, of.issue, of.repo, shown.data_type)
    return base | derived if derived else None


def _title(ask: Ask, board: Project, of: Item) -> Shown:
    """The title of the content as a value; it is stored nowhere, so it has the item's times."""
    return {
        "__typename": "ProjectV2ItemFieldTextValue",
        "id": node_id("PVTFTV", of.id),
        "databaseId": of.id,
        "text": of.title,
        "createdAt": text_of(of.created),
        "updatedAt": text_of(of.updated),
        "creator": people.user(ask, of.creator),
        "item": lambda _: item(ask, board, of),
    }


def _set(ask: Ask, board: Project, of: Item, shown: Field, value: Value) -> Shown:
    body: Shown = {
        "id": node_id("PVTFV", value.id),
        "databaseId": value.id,
        "createdAt": text_of(value.created),
        "updatedAt": text_of(value.updated),
        "creator": people.maybe(ask, value.creator),
        "item": lambda _: item(ask, board, of),
    }
    match shown.data_type:
        case "single_select":
            option = value.option
            return body | {
                "__typename": "ProjectV2ItemFieldSingleSelectValue",
                "optionId": option.id if option else None,
                "name": option.name if option else None,
                "color": option.color if option else "GRAY",
                "description": option.description if option else None,
            }
        case "iteration":
            stretch = value.iteration
            return body | {
                "__typename": "ProjectV2ItemFieldIterationValue",
                "iterationId": str(value.raw),
                "title": stretch.title if stretch else "",
                "startDate": stretch.start.isoformat() if stretch else None,
                "duration": stretch.duration if stretch else 0,
            }
        case kind:
            typename = {"text": "Text", "number": "Number", "date": "Date"}[kind]
            return body | {"__typename": f"ProjectV2ItemField{typename}Value", kind: value.raw}


def _derived(ask: Ask, of: Item, issue: Issue, repo: Repo, kind: str) -> Shown | None:
    """What a field shows of the issue itself."""
    match kind:
        case "labels" if issue.labels:
            return {
                "__typename": "ProjectV2ItemFieldLabelValue",
                "labels": lambda args: labels.of_issue(ask, repo, issue.labels, args),
            }
        case "assignees" if issue.assignees:
            return {"__typename": "ProjectV2ItemFieldUserValue", "users": _people(ask, issue.assignees)}
        case "milestone" if issue.milestone:
            shown = labels.milestone(ask, repo, issue.milestone)
            return {"__typename": "ProjectV2ItemFieldMilestoneValue", "milestone": shown}
        case "repository":
            return {
                "__typename": "ProjectV2ItemFieldRepositoryValue",
                "repository": lambda _: repository.repository(ask, repo),
            }
        case "reviewers" if issue.pull:
            asked = reviewers.of_pull(ask.tx, domain_pulls.by_issue_id(ask.tx, issue.id))
            if asked:
                return {
                    "__typename": "ProjectV2ItemFieldReviewerValue",
                    "reviewers": _people(ask, asked),
                }
        case "linked_pull_requests":
            linked = projectitems.linked_pulls(ask.tx, of, actor=ask.actor)
            if linked:
                return {
                    "__typename": "ProjectV2ItemFieldPullRequestValue",
                    "pullRequests": lambda args: connection(
                        args,
                        linked,
                        lambda pair: pulls.pull(ask, pair[0], domain_pulls.find(ask.tx, *pair)),
                    ),
                }
    return None


def _people(ask: Ask, found: Sequence[User]) -> Callable[[Args], Shown]:
    return lambda args: connection(args, found, lambda person: people.user(ask, person))


def _option(shown: Option) -> Shown:
    return {"id": shown.id, "name": shown.name, "color": shown.color, "description": shown.description}


def _iteration(shown: Iteration) -> Shown:
    return {
        "id": shown.id,
        "title": shown.title,
        "startDate": shown.start.isoformat(),
        "duration": shown.duration,
    }


def _path(shown: Project) -> str:
    kind = "orgs" if shown.owner.kind == "Organization" else "users"
    return f"/{kind}/{quoted(shown.owner.login)}/projects/{shown.number}"

"""Issues over REST; pull requests answer here too."""

from __future__ import annotations

from typing import Any

from cdock.forge.domain import issuelist, issues, marks, roles
from cdock.forge.domain.errors import Invalid, invalid
from cdock.forge.domain.issuelist import Query
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.roles import Role
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call, parse_number
from cdock.forge.rest.paging import cursors, per_page, walked
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import issue as shapes


@repo_route("GET", "/issues")
def list_issues(call: Call) -> Answer:
    """A page of issues and pull requests."""
    after, before = cursors(call)
    page = issuelist.list_page(
        call.tx, call.repo, _query(call), limit=per_page(call), after=after, before=before
    )
    return walked(call, [shapes.issue(call, call.repo, one) for one in page.issues], page)


@repo_route("POST", "/issues")
def create(call: Call) -> Answer:
    """Open an issue."""
    call.objects()
    title = call.body.raw("title")
    shown = issues.create(
        call.tx,
        call.repo,
        str(title) if isinstance(title, int) else call.body.needed("title", resource="Issue"),
        actor=call.actor,
        body=call.body.text("body"),
        labels=label_names(call, "labels") or (),
        assignees=_assignees(call) or (),
        milestone=call.body.number("milestone"),
    )
    body = shapes.issue(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/issues/{number:int}")
def show(call: Call) -> Answer:
    """One issue or pull request."""
    shown = find(call)
    return Answer(shapes.issue(call, call.repo, shown), modified=shown.updated)


@repo_route("PATCH", "/issues/{number:int}")
def update(call: Call) -> Answer:
    """Change an issue: texts and state by its author, the rest by who has triage rights (else it is passed over)."""
    call.objects()
    issues.require_author(call.tx, call.repo, find(call), call.actor)
    edit(call)
    if roles.allows(call.tx, call.repo, call.actor, Role.TRIAGE):
        _mark(call)
    set_state(call)
    return Answer(shapes.issue(call, call.repo, find(call)))


@repo_route("PUT", "/issues/{number:int}/lock")
def lock(call: Call) -> Answer:
    """Let only people with write access comment."""
    call.objects()
    issues.lock(call.tx, call.repo, find(call), actor=call.actor, reason=call.body.text("lock_reason"))
    return NOTHING


@repo_route("DELETE", "/issues/{number:int}/lock")
def unlock(call: Call) -> Answer:
    """Let everybody comment again."""
    issues.unlock(call.tx, call.repo, find(call), actor=call.actor)
    return NOTHING


@repo_route("POST", "/issues/{number:int}/assignees")
def assign(call: Call) -> Answer:
    """Assign people; those who cannot be assigned are passed over."""
    call.objects()
    marks.assign(call.tx, call.repo, find(call).id, call.body.texts("assignees") or [], actor=call.actor)
    return Answer(shapes.issue(call, call.repo, find(call)), status=201)


@repo_route("DELETE", "/issues/{number:int}/assignees")
def unassign(call: Call) -> Answer:
    """Take assignments back."""
    call.objects()
    marks.unassign(call.tx, call.repo, find(call).id, call.body.texts("assignees") or [], actor=call.actor)
    return Answer(shapes.issue(call, call.repo, find(call)))


def find(call: Call) -> Issue:
    """The issue whose number is in the path."""
    return issues.find(call.tx, call.repo, call.number("number"))


def edit(call: Call) -> None:
    """Change title and body as the request says."""
    body = call.body.text("body") if "body" in call.body else None
    if "body" in call.body and body is None:
        body = ""
    issues.edit(call.tx, call.repo, find(call), actor=call.actor, title=call.body.text("title"), body=body)


def set_state(call: Call) -> None:
    """Close or reopen as the request says."""
    state, reason = call.body.text("state"), call.body.text("state_reason")
    if state not in {None, "open", "closed"}:
        raise invalid("Issue", "state", value=state)
    if reason not in {None, "reopened", *issues.REASONS}:
        raise invalid("Issue", "state_reason", value=reason)
    shown = find(call)
    if state == "closed" or (state is None and reason in issues.REASONS and not shown.open):
        kept = shown.state_reason if not shown.open else None
        wanted = reason if reason in issues.REASONS else kept or "completed"
        issues.close(call.tx, call.repo, shown, actor=call.actor, reason=wanted)
    elif state == "open":
        issues.reopen(call.tx, call.repo, shown, actor=call.actor)


def label_names(call: Call, key: str) -> list[str] | None:
    """Names of labels: texts, or objects with a name. An object that only suggests one is not applied."""
    value: Any = call.body.raw(key) if isinstance(call.body.value, dict) else call.body.value
    if value is None:
        return None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise Invalid(f"Invalid request.\n\nFor 'properties/{key}', {value!r} is not an array.")
    names: list[str] = []
    for one in value:
        name = one.get("name") if isinstance(one, dict) else one
        if not isinstance(name, str):
            raise Invalid(f"Invalid request.\n\nFor 'properties/{key}/items', {one!r} is not a label.")
        if not (isinstance(one, dict) and one.get("suggest") is True):
            names.append(name)
    return names


def _mark(call: Call) -> None:
    issue_id = find(call).id
    if (names := label_names(call, "labels")) is not None:
        marks.set_labels(call.tx, call.repo, issue_id, names, actor=call.actor)
    if (logins := _assignees(call)) is not None:
        marks.set_assignees(call.tx, call.repo, issue_id, logins, actor=call.actor)
    if "milestone" in call.body:
        marks.set_milestone(call.tx, call.repo, issue_id, call.body.number("milestone"), actor=call.actor)


def _assignees(call: Call) -> list[str] | None:
    many = call.body.texts("assignees")
    if many is not None:
        return many
    if "assignee" not in call.body:
        return None
    one = call.body.text("assignee")
    return [one] if one else []


def _query(call: Call) -> Query:
    query = call.query
    milestone = query.get("milestone") or None
    if milestone not in {None, "none", "*"} and parse_number(str(milestone)) is None:
        raise invalid("Issue", "milestone", value=milestone)
    return Query(
        state=call.choice("state", "open", "open", "closed", "all"),
        labels=tuple(name for name in (part.strip() for part in query.get("labels", "").split(",")) if name),
        assignee=query.get("assignee") or None,
        creator=query.get("creator") or None,
        mentioned=query.get("mentioned") or None,
        milestone=milestone,
        since=call.moment("since"),
        sort=call.choice("sort", "created", *issuelist.SORTS),
        descending=call.choice("direction", "desc", "asc", "desc") == "desc",
    )

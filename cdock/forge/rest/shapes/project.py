"""Boards, their fields and items as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import escape

from cdock.forge.domain import projectitems, pulls, reviewers, subissues
from cdock.forge.domain.projectfields import Field, Iteration
from cdock.forge.domain.projectitems import Draft, Item
from cdock.forge.domain.projects import Project
from cdock.forge.domain.standardfields import Option
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import issue as issues
from cdock.forge.rest.shapes import people
from cdock.forge.rest.shapes import pull as pull_shapes
from cdock.forge.rest.shapes import repo as repos
from cdock.forge.rest.urls import quoted
from cdock.forge.store import text_of

_FIELD_IDS = {"single_select": "PVTSSF", "iteration": "PVTIF"}


def url(call: Call, shown: Project) -> str:
    """The REST address of a board."""
    kind = "orgs" if shown.owner.kind == "Organization" else "users"
    return f"{call.urls.api}/{kind}/{quoted(shown.owner.login)}/projectsV2/{shown.number}"


def project(call: Call, shown: Project) -> Json:
    """A board."""
    return {
        "id": shown.id,
        "node_id": people.node_id("PVT", shown.id),
        "owner": people.user(call.urls, shown.owner),
        "creator": people.user(call.urls, shown.creator),
        "title": shown.title,
        "description": shown.readme,
        "public": shown.public,
        "closed_at": text_of(shown.closed) if shown.closed else None,
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
        "number": shown.number,
        "short_description": shown.short_description,
        "deleted_at": None,
        "deleted_by": None,
        "state": "closed" if shown.closed else "open",
        "latest_status_update": None,
        "is_template": False,
    }


def field(call: Call, shown: Field, of: Project) -> Json:
    """A field with its options or iterations."""
    body: dict[str, Json] = {
        "id": shown.id,
        "node_id": people.node_id(_FIELD_IDS.get(shown.data_type, "PVTF"), shown.id),
        "name": shown.name,
        "data_type": shown.data_type,
        "project_url": url(call, of),
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
    }
    if shown.data_type == "single_select":
        body["options"] = [_option(one) for one in shown.options]
    elif shown.data_type == "iteration":
        body["configuration"] = {
            "duration": shown.duration,
            "start_day": shown.start_day,
            "iterations": [_iteration(call, one) for one in shown.iterations],
        }
    return body


def item(call: Call, shown: Item, of: Project, *, fields: Iterable[Field]) -> Json:
    """An item with its content and what it has in these fields."""
    body = _item(call, shown, of)
    if shown.issue is not None and shown.repo is not None:
        body["content"] = (
            pull_shapes.simple(call, shown.repo, pulls.find(call.tx, shown.repo, shown.issue.number))
            if shown.issue.pull
            else issues.issue(call, shown.repo, shown.issue)
        )
    else:
        body["content"] = _draft(call, shown, shown.draft) if shown.draft else None
    body["fields"] = [
        {"id": one.id, "name": one.name, "data_type": one.data_type, "value": _value(call, shown, one)}
        for one in fields
    ]
    return body


def added(call: Call, shown: Item, of: Project) -> Json:
    """An item as it is shown right after it was put on a board: without fields."""
    body = item(call, shown, of, fields=())
    del body["fields"]
    return body


def _item(call: Call, shown: Item, of: Project) -> dict[str, Json]:
    return {
        "id": shown.id,
        "node_id": people.node_id("PVTI", shown.id),
        "project_url": url(call, of),
        "content_type": shown.kind,
        "creator": people.user(call.urls, shown.creator),
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
        "archived_at": text_of(shown.archived) if shown.archived else None,
        "item_url": f"{url(call, of)}/items/{shown.id}",
    }


def _draft(call: Call, of: Item, shown: Draft) -> Json:
    return {
        "id": shown.id,
        "node_id": people.node_id("DI", shown.id),
        "title": shown.title,
        "body": shown.body,
        "user": people.user(call.urls, of.creator),
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
    }


def _value(call: Call, shown: Item, of: Field) -> Json:
    if of.editable:
        found = shown.values.get(of.id)
        if found is None:
            return None
        if of.data_type == "single_select":
            return _option(found.option) if found.option else None
        if of.data_type == "iteration":
            return _iteration(call, found.iteration) if found.iteration else None
        return _marked(str(found.raw)) if of.data_type == "text" else found.raw
    return _title(call, shown) if of.data_type == "title" else _of_issue(call, shown, of.data_type)


def _title(call: Call, shown: Item) -> Json:
    body: dict[str, Json] = _marked(shown.title or "")
    if shown.issue is not None and shown.repo is not None:
        kind = "pull" if shown.issue.pull else "issues"
        body |= {
            "number": shown.issue.number,
            "url": f"{call.urls.page(shown.repo)}/{kind}/{shown.issue.number}",
            "issue_id": shown.issue.id,
            "state": shown.issue.state,
            "state_reason": shown.issue.state_reason,
            "is_draft": bool(shown.issue.pull and shown.issue.pull.draft),
        }
    return body


def _of_issue(call: Call, shown: Item, kind: str) -> Json:
    """What a field shows that reads it off the issue; null for drafts and for what this forge has not."""
    if shown.issue is None or shown.repo is None:
        return None
    issue, home = shown.issue, shown.repo
    match kind:
        case "assignees":
            return [people.user(call.urls, person) for person in issue.assignees]
        case "labels":
            return [issues.label(call, home, label) for label in issue.labels]
        case "milestone":
            return issues.milestone(call, home, issue.milestone) if issue.milestone else None
        case "repository":
            return repos.standard(call, home)
        case "linked_pull_requests":
            found = projectitems.linked_pulls(call.tx, shown, actor=call.actor)
            return [pull_shapes.simple(call, at, pulls.find(call.tx, at, number)) for at, number in found]
        case "reviewers":
            asked = reviewers.requested(call.tx, [issue.id])[issue.id]
            return [
                {"type": "ReviewRequest", "status": "pending", "reviewer": people.user(call.urls, person)}
                for person in asked
            ]
        case "parent_issue":
            parent = subissues.parent_of(call.tx, issue, actor=call.actor)
            return (
                None if parent is None else {"id": parent.id, "number": parent.number, "title": parent.title}
            )
        case "sub_issues_progress":
            return issues.issue(call, home, issue)["sub_issues_summary"] if issue.links.sub_issues else None
        case _:
            return None


def _option(shown: Option) -> Json:
    return {
        "id": shown.id,
        "name": _marked(shown.name),
        "color": shown.color,
        "description": _marked(shown.description),
    }


def _iteration(call: Call, shown: Iteration) -> Json:
    ended = shown.ends <= call.tx.now.date()
    return {
        "id": shown.id,
        "title": _marked(shown.title),
        "start_date": shown.start.isoformat(),
        "duration": shown.duration,
        "completed": ended,
    }


def _marked(text: str) -> Json:
    return {"raw": text, "html": str(escape(text))}

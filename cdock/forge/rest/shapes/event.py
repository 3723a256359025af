"""Events and timelines as JSON."""

from __future__ import annotations

from cdock.forge.domain import links
from cdock.forge.domain.events import Event
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.timeline import Item
from cdock.forge.domain.users import User
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import app as apps
from cdock.forge.rest.shapes import code, people, structure
from cdock.forge.rest.shapes import issue as issues
from cdock.forge.rest.shapes import repo as repos
from cdock.forge.rest.shapes import review as reviews
from cdock.forge.store import text_of


def event(
    call: Call, repo: Repo, shown: Event, *, assignee: User | None = None, of: Issue | None = None
) -> Json:
    """Something that happened; with its issue where several issues are listed."""
    url = call.urls.repo(repo)
    body: dict[str, Json] = {
        "id": shown.id,
        "node_id": people.node_id("EV", shown.id),
        "url": f"{url}/issues/events/{shown.id}",
        "actor": people.maybe(call.urls, shown.actor),
        "event": shown.kind,
        "commit_id": shown.oid,
        "commit_url": f"{url}/commits/{shown.oid}" if shown.oid else None,
        "created_at": text_of(shown.created),
        "performed_via_github_app": apps.maybe(call.urls, call.app_of(shown.actor)),
    }
    if shown.kind in {"labeled", "unlabeled"}:
        body["label"] = shown.data["label"]
    elif shown.kind in {"assigned", "unassigned"}:
        body["assignee"] = people.maybe(call.urls, assignee)
        body["assigner"] = people.maybe(call.urls, shown.actor)
    elif shown.kind in {"milestoned", "demilestoned"}:
        body["milestone"] = {"title": shown.data["title"]}
    elif shown.kind == "renamed":
        body["rename"] = {"from": shown.data["from"], "to": shown.data["to"]}
    elif shown.kind == "locked":
        body["lock_reason"] = shown.data["lock_reason"]
    elif shown.kind in {"review_requested", "review_request_removed"}:
        body["requested_reviewer"] = people.maybe(call.urls, assignee)
        body["review_requester"] = people.maybe(call.urls, shown.actor)
    elif shown.kind == "review_dismissed":
        body["dismissed_review"] = {
            "state": shown.data["state"],
            "review_id": shown.data["review"],
            "dismissal_message": shown.data["message"],
        }
    elif shown.kind in links.NAMED:
        body |= structure.of_event(call, shown)
    if of is not None:
        body["issue"] = issues.issue(call, repo, of)
    return body


def item(call: Call, repo: Repo, shown: Item, *, of: Issue) -> Json:
    """One entry of an issue's timeline."""
    happened = shown.event
    if shown.comment is not None:
        body = issues.comment(call, repo, shown.comment)
        return body | {"event": "commented", "actor": people.maybe(call.urls, happened.actor)}
    if shown.review is not None:
        return _reviewed(call, repo, shown.review, of)
    if shown.commit is not None:
        return code.git_commit(call, repo, shown.commit) | {"event": "committed"}
    if shown.source is not None and shown.source_repo is not None:
        source = issues.issue(call, shown.source_repo, shown.source)
        when = text_of(happened.created)
        return {
            "event": "cross-referenced",
            "actor": people.maybe(call.urls, happened.actor),
            "created_at": when,
            "updated_at": when,
            "source": {
                "type": "issue",
                "issue": source | {"repository": repos.standard(call, shown.source_repo)},
            },
        }
    body = event(call, repo, happened, assignee=shown.assignee)
    # What GitHub publishes differs a little between the two lists.
    body.pop("assigner", None)
    if happened.kind == "closed":
        body["state_reason"] = happened.data["state_reason"]
    return body


def _reviewed(call: Call, repo: Repo, shown: Review, of: Issue) -> Json:
    # The timeline writes the state small, and an empty text as none.
    return reviews.review(call, repo, shown, of.number) | {
        "event": "reviewed",
        "state": shown.state.lower(),
        "body": shown.body or None,
        "updated_at": text_of(shown.updated),
    }

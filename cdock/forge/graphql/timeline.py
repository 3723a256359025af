"""What happened to an issue or pull request, event by event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cdock.forge.domain import issues, labels, timeline
from cdock.forge.domain import pulls as domain_pulls
from cdock.forge.domain import reviews as domain_reviews
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.events import Event
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.labels import Label
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.timeline import Item
from cdock.forge.graphql import comments, git, people, pulls, reviews
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import labels as shown_labels
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id
from cdock.forge.store import moment_of, text_of

# GitHub's type of each kind of event, and the prefix of its node id.
_TYPES: Final = {
    "assigned": ("AssignedEvent", "AE"),
    "base_ref_changed": ("BaseRefChangedEvent", "BRCE"),
    "closed": ("ClosedEvent", "CE"),
    "commented": ("IssueComment", "IC"),
    "committed": ("PullRequestCommit", "PURC"),
    "convert_to_draft": ("ConvertToDraftEvent", "CTDE"),
    "cross-referenced": ("CrossReferencedEvent", "CRE"),
    "demilestoned": ("DemilestonedEvent", "DME"),
    "head_ref_force_pushed": ("HeadRefForcePushedEvent", "HRFPE"),
    "labeled": ("LabeledEvent", "LE"),
    "locked": ("LockedEvent", "LOE"),
    "merged": ("MergedEvent", "ME"),
    "milestoned": ("MilestonedEvent", "MIE"),
    "ready_for_review": ("ReadyForReviewEvent", "RFRE"),
    "renamed": ("RenamedTitleEvent", "RTE"),
    "reopened": ("ReopenedEvent", "REE"),
    "parent_issue_added": ("ParentIssueAddedEvent", "PIAE"),
    "parent_issue_removed": ("ParentIssueRemovedEvent", "PIRE"),
    "review_dismissed": ("ReviewDismissedEvent", "RDE"),
    "review_request_removed": ("ReviewRequestRemovedEvent", "RRRE"),
    "review_requested": ("ReviewRequestedEvent", "RVE"),
    "reviewed": ("PullRequestReview", "PRR"),
    "sub_issue_added": ("SubIssueAddedEvent", "SIAE"),
    "sub_issue_removed": ("SubIssueRemovedEvent", "SIRE"),
    "unassigned": ("UnassignedEvent", "UNAE"),
    "unlabeled": ("UnlabeledEvent", "UNLE"),
    "unlocked": ("UnlockedEvent", "UNLOE"),
}


def of_issue(ask: Ask, repo: Repo, shown: Issue, args: Args) -> Shown:
    """The timeline of an issue or pull request. Kinds that the schema has no type for are left out."""
    wanted = args.get("itemTypes")
    since = moment_of(args["since"]) if args.get("since") else None
    found = [
        item
        for item in timeline.of_issue(ask.tx, repo, shown, actor=ask.actor)
        if item.event.kind in _TYPES
        and (wanted is None or item_type(item.event.kind) in wanted)
        and (since is None or item.event.created >= since)
    ]
    if skip := args.get("skip"):
        found = found[max(skip, 0) :]
    return connection(args, found, lambda item: _item(ask, repo, shown, item))


def item_type(kind: str) -> str:
    """GitHub's name of a kind of event in `itemTypes`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", _TYPES[kind][0]).upper()


def _item(ask: Ask, repo: Repo, of: Issue, item: Item) -> Shown:
    event = item.event
    typename, prefix = _TYPES[event.kind]
    if item.comment is not None:
        return comments.comment(ask, repo, item.comment)
    if item.review is not None:
        return reviews.review(ask, repo, domain_pulls.by_issue_id(ask.tx, of.id), item.review)
    if item.commit is not None:
        return pulls.commit(ask, repo, of.number, item.commit)
    kind = "pull" if of.pull else "issues"
    body: Shown = {
        "__typename": typename,
        "id": node_id(prefix, event.id),
        "url": f"{ask.urls.page(repo)}/{kind}/{of.number}#event-{event.id}",
        "actor": people.maybe(ask, event.actor),
        "createdAt": text_of(event.created),
    }
    if item.source is not None and item.source_repo is not None:
        source, home = item.source, item.source_repo
        return body | {"source": lambda _: shown_issues.issue_or_pull(ask, home, source)}
    if item.assignee is not None:
        key = "requestedReviewer" if event.kind.startswith("review_request") else "assignee"
        return body | {key: people.user(ask, item.assignee)}
    return body | _details(ask, repo, event)


def _details(ask: Ask, repo: Repo, event: Event) -> Shown:
    data: Mapping[str, Any] = event.data
    match event.kind:
        case "labeled" | "unlabeled":
            return {"label": lambda _: _label(ask, repo, event)}
        case "renamed":
            return {"previousTitle": data["from"], "currentTitle": data["to"]}
        case "milestoned" | "demilestoned":
            return {"milestoneTitle": data["title"]}
        case "closed":
            reason = data.get("state_reason")
            return {"stateReason": reason.upper() if reason else None}
        case "locked":
            reason = data.get("lock_reason")
            return {"lockReason": reason.upper().replace(" ", "_").replace("-", "_") if reason else None}
        case "base_ref_changed":
            return {"previousRefName": data["from"], "currentRefName": data["to"]}
        case "parent_issue_added" | "parent_issue_removed":
            return {"parent": lambda _: _other(ask, data["parent_issue"])}
        case "sub_issue_added" | "sub_issue_removed":
            return {"subIssue": lambda _: _other(ask, data["sub_issue"])}
        case "review_dismissed":
            return {
                "dismissalMessage": data["message"],
                "previousReviewState": data["state"].upper(),
                "review": lambda _: _dismissed(ask, repo, event),
            }
        case "merged":
            return {
                "commit": lambda _: git.commit_of(ask, repo, event.oid),
                "mergeRefName": repo.default_branch,
            }
        case "head_ref_force_pushed":
            return {
                "beforeCommit": lambda _: git.commit_of(ask, repo, data["before"]),
                "afterCommit": lambda _: git.commit_of(ask, repo, data["after"]),
            }
    return {}


def _dismissed(ask: Ask, repo: Repo, event: Event) -> Shown | None:
    found = domain_reviews.by_ids_of(ask.tx, [event.data["review"]]).get(event.data["review"])
    return (
        reviews.review(ask, repo, domain_pulls.by_issue_id(ask.tx, event.issue_id), found) if found else None
    )


def _other(ask: Ask, issue_id: int) -> Shown | None:
    """The other issue of an event, as far as the acting user may see it."""
    found = issues.visible(ask.tx, [issue_id], actor=ask.actor)
    return shown_issues.issue(ask, ask.repo(found[0].repo_id), found[0]) if found else None


def _label(ask: Ask, repo: Repo, event: Event) -> Shown:
    """The label of an event; of one that is gone, what the event remembers."""
    kept = event.data["label"]
    try:
        found = labels.find(ask.tx, repo, kept["name"])
    except NotFound:
        found = Label(event.id, kept["name"], kept["color"], None, default=False)
    return shown_labels.label(ask, repo, found)

"""Issues, alone and in lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from cdock.forge.domain import comments, edits, events, issuelist, issues, linkedbranches, pulls, texts
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.issuelist import Place, Query
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.linkedbranches import LinkedBranch
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.graphql import boards, git, labels, people, repository, structure, timeline
from cdock.forge.graphql import comments as shown_comments
from cdock.forge.graphql import edits as shown_edits
from cdock.forge.graphql import pulls as shown_pulls
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import Bounds, bounds, connection, decoded, encoded, part, strange
from cdock.forge.graphql.ids import node_id
from cdock.forge.store import moment_of, text_of

_SORTS: Final = {"CREATED_AT": "created", "UPDATED_AT": "updated", "COMMENTS": "comments"}


def issue(ask: Ask, repo: Repo, shown: Issue) -> Shown:
    """An issue."""
    return {
        "__typename": "Issue",
        "id": node_id("I", shown.id),
        "databaseId": shown.id,
        "fullDatabaseId": str(shown.id),
        "stateReason": shown.state_reason.upper() if shown.state_reason else None,
        "issueType": None,
        "isPinned": False,
        "timelineItems": lambda args: timeline.of_issue(ask, repo, shown, args),
        "linkedBranches": lambda args: connection(
            args,
            linkedbranches.of_issue(ask.tx, repo, shown),
            lambda link: linked_branch(ask, repo, link),
        ),
        "closedByPullRequestsReferences": lambda args: connection(
            args,
            closing_pulls(ask, repo, shown, closed=bool(args.get("includeClosedPrs"))),
            lambda found: shown_pulls.pull(ask, repo, found),
        ),
        "url": f"{ask.urls.page(repo)}/issues/{shown.number}",
        "state": shown.state.upper(),
        **common(ask, repo, shown),
        **structure.around(ask, shown),
    }


def common(ask: Ask, repo: Repo, shown: Issue) -> Shown:
    """What issues and pull requests have in common."""
    return {
        "number": shown.number,
        "title": shown.title,
        "body": shown.body or "",
        "author": people.user(ask, shown.author),
        "authorAssociation": lambda _: ask.association(repo, shown.author),
        "editor": people.maybe(ask, shown.editor),
        "lastEditedAt": text_of(shown.edited) if shown.edited else None,
        "includesCreatedEdit": shown.edited is not None,
        "userContentEdits": lambda args: connection(
            args, edits.of_issue(ask.tx, shown), lambda each: shown_edits.edit(ask, each)
        ),
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "closed": not shown.open,
        "closedAt": text_of(shown.closed) if shown.closed else None,
        "locked": shown.locked,
        "activeLockReason": _lock_reason(shown),
        "labels": lambda args: labels.of_issue(ask, repo, shown.labels, args),
        "milestone": labels.milestone(ask, repo, shown.milestone) if shown.milestone else None,
        "assignees": lambda args: _people(ask, shown, args),
        "assignedActors": lambda args: _people(ask, shown, args),
        "comments": lambda args: _comments(ask, repo, shown, args),
        "reactionGroups": lambda _: shown_comments.groups(ask, "issue", shown.id, shown.reactions),
        **boards.of_issue(ask, shown),
        "repository": lambda _: repository.repository(ask, repo),
        "viewerCanUpdate": lambda _: issues.may_edit(ask.tx, repo, shown, ask.actor),
        "viewerDidAuthor": shown.author.id == ask.actor.id,
    }


def issue_or_pull(ask: Ask, repo: Repo, shown: Issue) -> Shown:
    """What a number stands for."""
    if shown.pull is None:
        return issue(ask, repo, shown)
    return shown_pulls.pull(ask, repo, pulls.by_issue_id(ask.tx, shown.id))


def linked_branch(ask: Ask, repo: Repo, link: LinkedBranch) -> Shown:
    """A branch that belongs to an issue."""
    return {"id": node_id("LB", link.id), "ref": git.ref(ask, repo, link.ref) if link.ref else None}


def of_repo(ask: Ask, repo: Repo, args: Args) -> Shown:
    """The issues of a repository; pull requests are none here."""
    given: Mapping[str, Any] = args.get("filterBy") or {}
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    states = args.get("states") or given.get("states") or ["OPEN", "CLOSED"]
    query = Query(
        state=states[0].lower() if len(set(states)) == 1 else "all",
        kind="issue",
        labels=tuple(given.get("labels") or ()),
        assignee=_assignee(given),
        creator=given.get("createdBy"),
        mentioned=given.get("mentioned"),
        milestone=given.get("milestoneNumber") or given.get("milestone"),
        since=moment_of(given["since"]) if given.get("since") else None,
        sort=_SORTS[order["field"]],
        descending=order["direction"] == "DESC",
        any_label=tuple(args.get("labels") or ()),
    )
    return _page(ask, repo, query, args)


def closing_pulls(ask: Ask, repo: Repo, shown: Issue, *, closed: bool) -> list[Pull]:
    """The pull requests that will close an issue, or have."""
    happened = events.of_issue(ask.tx, shown.id, whole=True)
    sources = [each.data["source"] for each in happened if each.kind == "cross-referenced"]
    found: list[Pull] = []
    for source in issues.visible(ask.tx, sources, actor=ask.actor):
        if (
            source.pull is None
            or source.repo_id != repo.id
            or not (closed or source.open or source.pull.merged)
        ):
            continue
        named = (repo.full_name.lower(), None)
        if any(
            each.number == shown.number and (each.repo and each.repo.lower()) in named
            for each in texts.closings(source.body or "")
        ):
            found.append(pulls.by_issue_id(ask.tx, source.id))
    return found


def missing(number: int, what: str = "an issue or pull request") -> NotFound:
    """What GitHub says to a number that is not there."""
    return NotFound(f"Could not resolve to {what} with the number of {number}.")


def _page(ask: Ask, repo: Repo, query: Query, args: Args) -> Shown:
    asked = bounds(args)
    backwards = asked.last is not None and asked.before is None
    # Without a place to read backwards from, the last ones are the first of the opposite order.
    wanted = replace(query, descending=not query.descending) if backwards else query
    found = issuelist.list_page(
        ask.tx,
        repo,
        wanted,
        limit=_limit(asked),
        after=None if backwards else _place(asked.after),
        before=_place(asked.before),
    )
    items = found.issues[::-1] if backwards else found.issues
    if asked.first == 0 or asked.last == 0:
        items = ()
    previous, following = found.before is not None, found.after is not None
    if backwards:
        previous, following = following, previous
    return part(
        [(_cursor(query, each), each) for each in items],
        lambda each: issue(ask, repo, each),
        total=lambda _: issuelist.count(ask.tx, repo, query),
        previous=previous,
        following=following,
    )


def _limit(asked: Bounds) -> int:
    return max(asked.first if asked.first is not None else asked.last or 1, 1)


def _cursor(query: Query, shown: Issue) -> str:
    keys: dict[str, str | int] = {
        "created": text_of(shown.created),
        "updated": text_of(shown.updated),
        "comments": shown.comments,
    }
    return encoded(json.dumps([keys[query.sort], shown.id], separators=(",", ":")))


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        key, issue_id = json.loads(decoded(cursor))
    except (ValueError, TypeError) as error:
        raise strange(cursor) from error
    if not isinstance(key, str | int) or not isinstance(issue_id, int) or abs(issue_id) >= 2**63:
        raise strange(cursor)
    return Place(key, issue_id)


def _assignee(given: Mapping[str, Any]) -> str | None:
    if "assignee" not in given:
        return None
    return "none" if given["assignee"] is None else str(given["assignee"])


def _people(ask: Ask, shown: Issue, args: Args) -> Shown:
    return connection(args, shown.assignees, lambda person: people.user(ask, person))


def _comments(ask: Ask, repo: Repo, shown: Issue, args: Args) -> Shown:
    if not args.wants("nodes", "edges", "pageInfo"):
        return {"totalCount": shown.comments}
    found = comments.of_issue(ask.tx, shown)
    if (order := args.get("orderBy")) is not None:
        found = sorted(found, key=lambda each: (each.updated, each.id), reverse=order["direction"] == "DESC")
    return connection(args, found, lambda each: shown_comments.comment(ask, repo, each))


def _lock_reason(shown: Issue) -> str | None:
    return shown.lock_reason.upper().replace(" ", "_").replace("-", "_") if shown.lock_reason else None

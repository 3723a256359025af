"""What webhooks are told: notices of the domain in the shapes that GitHub publishes for its webhooks.

A payload shows things as they are when the change is kept, so that several events of one change show the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from cdock.forge.domain import (
    checks,
    comments,
    diffs,
    history,
    issues,
    labels,
    milestones,
    pulls,
    refs,
    repos,
    reviewcomments,
    reviews,
    threads,
    users,
    webhooks,
)
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.history import Commit, Signature
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.notices import TIMELINE, Notice
from cdock.forge.domain.refs import ZERO
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import check, code, hook, people, pull, review
from cdock.forge.rest.shapes import issue as issue_shapes
from cdock.forge.rest.shapes import repo as repo_shapes
from cdock.forge.store import text_of

COMMITS: Final = 2048
"""Commits of one push that are listed at most."""
ZEN: Final = "Keep it logically awesome."


@dataclass(frozen=True)
class Message:
    """One message, the same for every webhook that wants it."""

    event: str
    action: str | None
    payload: Json


def messages_of(call: Call, notice: Notice) -> list[Message]:
    """What to send because of a notice; nothing for what GitHub has no event for. `call.actor` is nobody."""
    event, action = notice.event, notice.action
    if event == TIMELINE:
        found = _TIMELINE.get(action or "")
        if found is None:
            return []
        said = found(call, notice)
        return [said] if said is not None else []
    maker = _MAKERS.get(event)
    if maker is None:
        return []
    body = maker(call, notice)
    return [_message(call, notice, event, action, body)] if body is not None else []


def _message(call: Call, notice: Notice, event: str, action: str | None, body: Mapping[str, Json]) -> Message:
    head = {"action": action} if action is not None else {}
    around = {
        "repository": repo_shapes.standard(call, repos.by_id(call.tx, notice.repo.id)),
        "sender": people.user(call.urls, notice.actor or notice.repo.owner),
    }
    if "changes" in notice.about:
        head |= {"changes": notice.about["changes"]}
    return Message(event, action, {**head, **body, **around})


def _issue_of(call: Call, notice: Notice) -> Issue:
    return issues.by_ids_of(call.tx, [notice.about["issue_id"]])[notice.about["issue_id"]]


def _subject(call: Call, repo: Repo, issue: Issue) -> tuple[str, dict[str, Json]]:
    """An issue or a pull request, and which of the two."""
    if issue.pull is None:
        return "issues", {"issue": _issue(call, repo, issue)}
    return "pull_request", {
        "number": issue.number,
        "pull_request": pull.full(call, repo, pulls.by_issue_id(call.tx, issue.id)),
    }


def _issue(call: Call, repo: Repo, issue: Issue) -> Json:
    body = issue_shapes.issue(call, repo, issue)
    # Webhooks do not say who closed it, for the sender did; nor where its parent is.
    return {key: value for key, value in body.items() if key not in {"closed_by", "parent_issue_url"}}


def _pull_of(call: Call, repo: Repo, issue_id: int) -> Json:
    """A pull request where it is not the subject itself."""
    return pull.simple(call, repo, pulls.by_issue_id(call.tx, issue_id))


# What the timeline has too


def _on_subject(action: str, *extra: str) -> Callable[[Call, Notice], Message | None]:
    """An event of an issue or pull request; `extra` names what comes with it."""

    def make(call: Call, notice: Notice) -> Message | None:
        issue = _issue_of(call, notice)
        event, body = _subject(call, notice.repo, issue)
        for name in extra:
            body |= _EXTRA[name](call, notice, issue)
        return _message(call, notice, event, action, body)

    return make


def _label(call: Call, notice: Notice, _: Issue) -> dict[str, Json]:
    name = notice.about["data"]["label"]["name"]
    try:
        return {"label": issue_shapes.label(call, notice.repo, labels.find(call.tx, notice.repo, name))}
    except NotFound:
        return {}


def _person(key: str) -> Callable[[Call, Notice, Issue], dict[str, Json]]:
    def make(call: Call, notice: Notice, _: Issue) -> dict[str, Json]:
        return {key: people.user(call.urls, users.by_id(call.tx, notice.about["data"][key]))}

    return make


def _milestone(call: Call, notice: Notice, issue: Issue) -> dict[str, Json]:
    title = notice.about["data"]["title"]
    found = issue.milestone or next(
        (one for one in milestones.list_all(call.tx, notice.repo, state="all") if one.title == title), None
    )
    return {"milestone": issue_shapes.milestone(call, notice.repo, found)} if found else {}


def _new_base(_: Call, notice: Notice, __: Issue) -> dict[str, Json]:
    before = notice.about["data"]
    return {"changes": {"base": {"ref": {"from": before["from"]}, "sha": {"from": before["was"]}}}}


_EXTRA: Final[Mapping[str, Callable[[Call, Notice, Issue], dict[str, Json]]]] = {
    "label": _label,
    "assignee": _person("assignee"),
    "requested_reviewer": _person("requested_reviewer"),
    "milestone": _milestone,
    "base": _new_base,
}


def _commented(call: Call, notice: Notice) -> Message | None:
    shown = comments.find(call.tx, notice.repo, notice.about["data"]["comment"])
    body = {
        "issue": _issue(call, notice.repo, _issue_of(call, notice)),
        "comment": issue_shapes.comment(call, notice.repo, shown),
    }
    return _message(call, notice, "issue_comment", "created", body)


def _reviewed(action: str) -> Callable[[Call, Notice], Message | None]:
    def make(call: Call, notice: Notice) -> Message | None:
        body = _review(call, notice.repo, notice.about["data"]["review"])
        return _message(call, notice, "pull_request_review", action, body)

    return make


def _related(event: str, action: str, here: str, there: str) -> Callable[[Call, Notice], Message | None]:
    """An issue that got to do with another one, or has no more; `here` and `there` are the parts they play."""

    def make(call: Call, notice: Notice) -> Message | None:
        own = _issue_of(call, notice)
        other_id = next(iter(notice.about["data"].values()))
        other = issues.by_ids_of(call.tx, [other_id])[other_id]
        home = repos.by_id(call.tx, other.repo_id)
        return _message(
            call,
            notice,
            event,
            action,
            {
                f"{here}_id": own.id,
                here: _issue(call, notice.repo, own),
                f"{there}_id": other.id,
                there: _issue(call, home, other),
                f"{there}_repo": repo_shapes.standard(call, home),
            },
        )

    return make


_TIMELINE: Final[Mapping[str, Callable[[Call, Notice], Message | None]]] = {
    "labeled": _on_subject("labeled", "label"),
    "unlabeled": _on_subject("unlabeled", "label"),
    "assigned": _on_subject("assigned", "assignee"),
    "unassigned": _on_subject("unassigned", "assignee"),
    "milestoned": _on_subject("milestoned", "milestone"),
    "demilestoned": _on_subject("demilestoned", "milestone"),
    "closed": _on_subject("closed"),
    "reopened": _on_subject("reopened"),
    "locked": _on_subject("locked"),
    "unlocked": _on_subject("unlocked"),
    "ready_for_review": _on_subject("ready_for_review"),
    "convert_to_draft": _on_subject("converted_to_draft"),
    "review_requested": _on_subject("review_requested", "requested_reviewer"),
    "review_request_removed": _on_subject("review_request_removed", "requested_reviewer"),
    "automatic_base_change_succeeded": _on_subject("edited", "base"),
    "base_ref_changed": _on_subject("edited", "base"),
    "commented": _commented,
    "reviewed": _reviewed("submitted"),
    "review_dismissed": _reviewed("dismissed"),
    "sub_issue_added": _related("sub_issues", "sub_issue_added", "parent_issue", "sub_issue"),
    "sub_issue_removed": _related("sub_issues", "sub_issue_removed", "parent_issue", "sub_issue"),
    "parent_issue_added": _related("sub_issues", "parent_issue_added", "sub_issue", "parent_issue"),
    "parent_issue_removed": _related("sub_issues", "parent_issue_removed", "sub_issue", "parent_issue"),
    "blocked_by_added": _related("issue_dependencies", "blocked_by_added", "blocked_issue", "blocking_issue"),
    "blocked_by_removed": _related(
        "issue_dependencies", "blocked_by_removed", "blocked_issue", "blocking_issue"
    ),
    "blocking_added": _related("issue_dependencies", "blocking_added", "blocking_issue", "blocked_issue"),
    "blocking_removed": _related("issue_dependencies", "blocking_removed", "blocking_issue", "blocked_issue"),
}


# What it has not


def _on_issue(call: Call, notice: Notice) -> dict[str, Json]:
    _, body = _subject(call, notice.repo, _issue_of(call, notice))
    return body | {key: notice.about[key] for key in ("before", "after") if key in notice.about}


def _comment(call: Call, notice: Notice) -> dict[str, Json]:
    given = notice.about.get("comment")
    shown = given or comments.find(call.tx, notice.repo, notice.about["comment_id"])
    issue = issues.by_ids_of(call.tx, [shown.issue_id])[shown.issue_id]
    return {
        "issue": _issue(call, notice.repo, issue),
        "comment": issue_shapes.comment(call, notice.repo, shown),
    }


def _review(call: Call, repo: Repo, review_id: int) -> dict[str, Json]:
    shown = reviews.by_ids_of(call.tx, [review_id])[review_id]
    found = pulls.by_issue_id(call.tx, shown.issue_id)
    # Webhooks write the state small, and an empty text as none.
    body = review.review(call, repo, shown, found.number) | {
        "state": shown.state.lower(),
        "body": shown.body or None,
        "submitted_at": text_of(shown.submitted) if shown.submitted else None,
        "updated_at": text_of(shown.updated),
    }
    return {"review": body, "pull_request": _pull_of(call, repo, shown.issue_id)}


def _edited_review(call: Call, notice: Notice) -> dict[str, Json]:
    return _review(call, notice.repo, notice.about["review_id"])


def _review_comment(call: Call, notice: Notice) -> dict[str, Json]:
    given = notice.about.get("comment")
    shown = given or reviewcomments.find(call.tx, notice.repo, notice.about["comment_id"], viewer=None)
    thread = threads.by_ids_of(call.tx, notice.repo, [shown.thread_id], viewer=None)[shown.thread_id]
    return {
        "comment": _with_reactions(review.comment(call, notice.repo, shown, thread)),
        "pull_request": _pull_of(call, notice.repo, shown.issue_id),
    }


def _thread(call: Call, notice: Notice) -> dict[str, Json]:
    shown = threads.find(call.tx, notice.repo, notice.about["thread_id"], viewer=None)
    said = [_with_reactions(review.comment(call, notice.repo, one, shown)) for one in shown.comments]
    return {
        "thread": {"node_id": people.node_id("PRRT", shown.id), "comments": said},
        "pull_request": _pull_of(call, notice.repo, shown.issue_id),
        "updated_at": call.tx.stamp,
    }


def _with_reactions(comment: Json) -> Json:
    # There are none on lines here, but webhooks always say how many.
    places = {"start_line": None, "original_start_line": None, "start_side": None, "line": None}
    return {
        **places,
        "original_line": None,
        "position": None,
        **comment,
        "reactions": issue_shapes.rollup(f"{comment['url']}/reactions", {}),
    }


def _own_label(call: Call, notice: Notice) -> dict[str, Json]:
    shown = notice.about.get("label") or labels.by_id(call.tx, notice.about["label_id"])
    return {"label": issue_shapes.label(call, notice.repo, shown)}


def _own_milestone(call: Call, notice: Notice) -> dict[str, Json]:
    shown = notice.about.get("milestone") or milestones.find(call.tx, notice.repo, notice.about["number"])
    return {"milestone": issue_shapes.milestone(call, notice.repo, shown)}


def _status(call: Call, notice: Notice) -> dict[str, Json]:
    shown = notice.about["status"]
    commit = history.find(notice.repo, shown.oid)
    on = [ref for ref in refs.branches(notice.repo) if ref.oid == shown.oid]
    return {
        "id": shown.id,
        "sha": shown.oid,
        "name": notice.repo.full_name,
        "avatar_url": f"{call.urls.web}/_avatar/{shown.creator.id}",
        "target_url": shown.target_url,
        "context": shown.context,
        "description": shown.description,
        "state": shown.state,
        "commit": code.commit(call, notice.repo, commit),
        "branches": [code.branch(call, notice.repo, ref) for ref in on],
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.created),
    }


def _check_run(call: Call, notice: Notice) -> dict[str, Json]:
    shown = checks.find(call.tx, notice.repo, notice.about["run_id"])
    body = check.run(call, notice.repo, shown)
    suite = {
        "id": shown.suite_id,
        "node_id": people.node_id("CS", shown.suite_id),
        "head_branch": None,
        "head_sha": shown.oid,
        "status": shown.status,
        "conclusion": shown.conclusion,
        "url": f"{call.urls.repo(notice.repo)}/check-suites/{shown.suite_id}",
        "before": None,
        "after": shown.oid,
        "pull_requests": body["pull_requests"],
        "app": body["app"],
        "created_at": call.tx.stamp,
        "updated_at": call.tx.stamp,
    }
    return {"check_run": body | {"check_suite": suite}}


def _ping(call: Call, notice: Notice) -> dict[str, Json]:
    shown = webhooks.by_id(call.tx, notice.about["hook_id"])
    return {"zen": ZEN, "hook_id": shown.id, "hook": hook.hook(call, notice.repo, shown)}


def _created(call: Call, notice: Notice) -> dict[str, Json]:
    return _ref(notice) | {
        "master_branch": repos.by_id(call.tx, notice.repo.id).default_branch,
        "description": notice.repo.description,
    }


def _ref(notice: Notice) -> dict[str, Json]:
    kind, _, name = notice.about["update"].name.removeprefix("refs/").partition("/")
    return {"ref": name, "ref_type": "branch" if kind == "heads" else "tag", "pusher_type": "user"}


def _deleted(_: Call, notice: Notice) -> dict[str, Json]:
    return _ref(notice)


def _push(call: Call, notice: Notice) -> dict[str, Json]:
    update, repo = notice.about["update"], notice.repo
    who = notice.actor or repo.owner
    pushed: list[Commit] = []
    head: Commit | None = None
    forced = False
    tip = refs.resolved(repo, [update.new])[0] if update.new != ZERO else None
    if tip is not None:
        head = history.find(repo, tip)
        old = refs.resolved(repo, [update.old])[0] if update.old != ZERO else None
        start = old or refs.branch_oid(repo, repo.default_branch)
        pushed = history.between(repo, start, tip, limit=COMMITS) if start and start != tip else []
        forced = old is not None and not refs.is_ancestor(repo, old, tip)
    page = call.urls.page(repo)
    return {
        "ref": update.name,
        "before": update.old,
        "after": update.new,
        "created": update.old == ZERO,
        "deleted": update.new == ZERO,
        "forced": forced,
        "base_ref": None,
        "compare": f"{page}/compare/{update.old[:12]}...{update.new[:12]}",
        "commits": [_commit(call, repo, one) for one in pushed],
        "head_commit": _commit(call, repo, head) if head else None,
        "pusher": {"name": who.login, "email": who.email},
    }


def _commit(call: Call, repo: Repo, shown: Commit) -> Json:
    changed = diffs.commit_changes(repo, shown)

    def paths(*kinds: str) -> list[str]:
        return [one.path for one in changed if one.status in kinds]

    gone = [one.previous for one in changed if one.status == "renamed" and one.previous]
    return {
        "id": shown.oid,
        "tree_id": shown.tree,
        "distinct": True,
        "message": shown.message,
        "timestamp": shown.committer.date.astimezone(UTC).isoformat(timespec="seconds"),
        "url": f"{call.urls.page(repo)}/commit/{shown.oid}",
        "author": _signature(call, shown.author),
        "committer": _signature(call, shown.committer),
        "added": paths("added", "copied", "renamed"),
        "removed": paths("removed") + gone,
        "modified": paths("modified", "changed"),
    }


def _signature(call: Call, shown: Signature) -> Json:
    body = {"name": shown.name, "email": shown.email, "date": text_of(shown.date.astimezone(UTC))}
    user = users.of_email(call.tx, shown.email)
    return body | {"username": user.login} if user else body


_MAKERS: Final[Mapping[str, Callable[[Call, Notice], dict[str, Any] | None]]] = {
    "issues": _on_issue,
    "pull_request": _on_issue,
    "issue_comment": _comment,
    "pull_request_review": _edited_review,
    "pull_request_review_comment": _review_comment,
    "pull_request_review_thread": _thread,
    "label": _own_label,
    "milestone": _own_milestone,
    "status": _status,
    "check_run": _check_run,
    "ping": _ping,
    "create": _created,
    "delete": _deleted,
    "push": _push,
}

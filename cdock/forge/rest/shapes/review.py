"""Reviews and comments on lines as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from cdock.forge.domain import threads
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.threads import Thread
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import people
from cdock.forge.store import text_of


def review(call: Call, repo: Repo, shown: Review, number: int) -> Json:
    """A review of the pull request with this number."""
    url = f"{call.urls.repo(repo)}/pulls/{number}"
    page = review_page(call, repo, shown, number)
    body = {
        "id": shown.id,
        "node_id": people.node_id("PRR", shown.id),
        "user": people.user(call.urls, shown.author),
        "body": shown.body,
        "state": shown.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": call.association(repo, shown.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "commit_id": shown.oid,
    }
    if shown.submitted is not None:
        body["submitted_at"] = text_of(shown.submitted)
    return body


def review_page(call: Call, repo: Repo, shown: Review, number: int) -> str:
    """Where a review can be read."""
    return f"{call.urls.page(repo)}/pull/{number}#pullrequestreview-{shown.id}"


def comments(call: Call, repo: Repo, shown: Sequence[ReviewComment]) -> list[Json]:
    """Comments on lines, with what their threads say of their places."""
    known = threads.by_ids_of(call.tx, repo, (one.thread_id for one in shown), viewer=call.actor)
    return [comment(call, repo, one, known[one.thread_id]) for one in shown]


def comment(call: Call, repo: Repo, shown: ReviewComment, thread: Thread) -> Json:
    """A comment on a line, on a span of lines or on a file."""
    url = f"{call.urls.repo(repo)}/pulls/comments/{shown.id}"
    pull = f"{call.urls.repo(repo)}/pulls/{shown.issue_number}"
    page = comment_page(call, repo, shown)
    body = {
        "url": url,
        "pull_request_review_id": shown.review_id,
        "id": shown.id,
        "node_id": people.node_id("PRRC", shown.id),
        "diff_hunk": thread.hunk,
        "path": thread.path,
        "commit_id": thread.oid,
        "original_commit_id": thread.original_oid,
        "user": people.user(call.urls, shown.author),
        "body": shown.body,
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.updated),
        "html_url": page,
        "pull_request_url": pull,
        "author_association": call.association(repo, shown.author),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull}},
        "subject_type": thread.subject,
    }
    if shown.reply_to is not None:
        body["in_reply_to_id"] = shown.reply_to
    if thread.subject == "line":
        body |= {
            "start_line": thread.start_line,
            "original_start_line": thread.original_start_line,
            "start_side": thread.start_side,
            "line": thread.line,
            "original_line": thread.original_line,
            "side": thread.side,
            "position": thread.position,
            "original_position": thread.original_position,
        }
    else:
        # As GitHub has it: a comment on a whole file stands at its first line.
        body |= {"position": 1, "original_position": 1, "line": 1, "original_line": 1, "side": thread.side}
    return body


def comment_page(call: Call, repo: Repo, shown: ReviewComment) -> str:
    """Where a comment can be read."""
    return f"{call.urls.page(repo)}/pull/{shown.issue_number}#discussion_r{shown.id}"

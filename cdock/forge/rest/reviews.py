"""Reviews, comments on lines and requests for review over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cdock.forge.domain import pulls, reviewcomments, reviewers, reviews, threads
from cdock.forge.domain.errors import Invalid, NotFound, invalid, missing, unprocessable
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.reviews import Draft, Review
from cdock.forge.domain.threads import Anchor
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Body, Call
from cdock.forge.rest.paging import numbered, part, per_page, skip
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import people
from cdock.forge.rest.shapes import pull as pull_shapes
from cdock.forge.rest.shapes import review as shapes

_REVIEW: Final = "PullRequestReview"
_COMMENT: Final = "PullRequestReviewComment"


@repo_route("GET", "/pulls/{number:int}/reviews")
def list_reviews(call: Call) -> Answer:
    """The reviews of a pull request, oldest first."""
    pull = _pull(call)
    found = reviews.of_pull(call.tx, pull, viewer=call.actor)
    body = [shapes.review(call, call.repo, one, pull.number) for one in part(call, found)]
    return numbered(call, body, len(found))


@repo_route("POST", "/pulls/{number:int}/reviews")
def create(call: Call) -> Answer:
    """Review a pull request; without an event the review waits to be submitted."""
    call.objects()
    pull = _pull(call)
    made = reviews.create(
        call.tx,
        call.repo,
        pull,
        actor=call.actor,
        event=_event(call),
        body=call.body.text("body") or "",
        oid=call.body.text("commit_id"),
        comments=_drafts(call),
    )
    return Answer(shapes.review(call, call.repo, made, pull.number))


@repo_route("GET", "/pulls/{number:int}/reviews/{id:int}")
def show(call: Call) -> Answer:
    """One review."""
    pull, shown = _review(call)
    return Answer(shapes.review(call, call.repo, shown, pull.number), modified=shown.updated)


@repo_route("PUT", "/pulls/{number:int}/reviews/{id:int}")
def update(call: Call) -> Answer:
    """Change the text of one's review."""
    call.objects()
    pull, shown = _review(call)
    text = call.body.needed("body", resource=_REVIEW)
    changed = reviews.edit(call.tx, call.repo, pull, shown, text, actor=call.actor)
    return Answer(shapes.review(call, call.repo, changed, pull.number))


@repo_route("DELETE", "/pulls/{number:int}/reviews/{id:int}")
def discard(call: Call) -> Answer:
    """Drop one's review that is not submitted; the answer is what it was."""
    pull, shown = _review(call)
    body = shapes.review(call, call.repo, shown, pull.number)
    reviews.discard(call.tx, call.repo, pull, shown, actor=call.actor)
    return Answer(body)


@repo_route("POST", "/pulls/{number:int}/reviews/{id:int}/events")
def submit(call: Call) -> Answer:
    """Submit one's review that waits for it."""
    call.objects()
    pull, shown = _review(call)
    event = _event(call)
    if event is None:
        raise unprocessable(_REVIEW, "event is missing")
    text = call.body.text("body")
    sent = reviews.submit(call.tx, call.repo, pull, shown, actor=call.actor, event=event, body=text)
    return Answer(shapes.review(call, call.repo, sent, pull.number))


@repo_route("PUT", "/pulls/{number:int}/reviews/{id:int}/dismissals")
def dismiss(call: Call) -> Answer:
    """Take the weight off a review."""
    call.objects()
    pull, shown = _review(call)
    if call.body.text("event") not in {None, "DISMISS"}:
        raise unprocessable(_REVIEW, "event must be DISMISS")
    message = call.body.text("message") or ""
    changed = reviews.dismiss(call.tx, call.repo, pull, shown, message, actor=call.actor)
    return Answer(shapes.review(call, call.repo, changed, pull.number))


@repo_route("GET", "/pulls/{number:int}/reviews/{id:int}/comments")
def comments_of_review(call: Call) -> Answer:
    """What a review says on lines."""
    _, shown = _review(call)
    found = reviewcomments.of_review(call.tx, shown.id)
    return numbered(call, shapes.comments(call, call.repo, part(call, found)), len(found))


@repo_route("GET", "/pulls/comments")
def comments_of_repo(call: Call) -> Answer:
    """Comments on lines of all pull requests."""
    return _comments(call, None)


@repo_route("GET", "/pulls/{number:int}/comments")
def comments_of_pull(call: Call) -> Answer:
    """Comments on lines of one pull request."""
    return _comments(call, _pull(call))


@repo_route("POST", "/pulls/{number:int}/comments")
def comment(call: Call) -> Answer:
    """Comment on a line or a file, or answer another comment."""
    call.objects()
    pull, text = _pull(call), call.body.needed("body", resource=_COMMENT)
    answered = call.body.number("in_reply_to")
    if answered is not None:
        return _replied(call, pull, answered, text)
    oid = call.body.needed("commit_id", resource=_COMMENT)
    if call.body.text("subject_type") not in {None, "line", "file"}:
        raise invalid(_COMMENT, "subject_type")
    anchor = _anchor(call.body)
    if call.body.text("subject_type") == "file":
        anchor = Anchor(anchor.path)
    elif anchor.line is None and anchor.position is None:
        raise missing(_COMMENT, "line")
    try:
        made = reviews.comment(call.tx, call.repo, pull, anchor, text, actor=call.actor, oid=oid)
    except Invalid as error:
        raise Invalid(errors=error.errors) from error
    return _made(call, made)


@repo_route("POST", "/pulls/{number:int}/comments/{id:int}/replies")
def reply(call: Call) -> Answer:
    """Answer the first comment of a thread."""
    call.objects()
    text = call.body.needed("body", resource=_COMMENT)
    return _replied(call, _pull(call), call.number("id"), text)


@repo_route("GET", "/pulls/comments/{id:int}")
def show_comment(call: Call) -> Answer:
    """One comment on a line."""
    shown = _found(call)
    return Answer(shapes.comments(call, call.repo, [shown])[0], modified=shown.updated)


@repo_route("PATCH", "/pulls/comments/{id:int}")
def update_comment(call: Call) -> Answer:
    """Change a comment's text."""
    call.objects()
    text = call.body.needed("body", resource=_COMMENT)
    changed = reviewcomments.edit(call.tx, call.repo, _found(call), text, actor=call.actor)
    return Answer(shapes.comments(call, call.repo, [changed])[0])


@repo_route("DELETE", "/pulls/comments/{id:int}")
def delete_comment(call: Call) -> Answer:
    """Remove a comment."""
    reviewcomments.delete(call.tx, call.repo, _found(call), actor=call.actor)
    return NOTHING


@repo_route("GET", "/pulls/{number:int}/requested_reviewers")
def requested(call: Call) -> Answer:
    """Who is asked for a review and has not given it yet; there are no teams here."""
    found = reviewers.of_pull(call.tx, _pull(call))
    return Answer({"users": [people.user(call.urls, one) for one in found], "teams": []})


@repo_route("POST", "/pulls/{number:int}/requested_reviewers")
def request(call: Call) -> Answer:
    """Ask people for a review."""
    call.objects()
    pull = _pull(call)
    reviewers.request(call.tx, call.repo, pull, _logins(call), actor=call.actor)
    return Answer(pull_shapes.simple(call, call.repo, _pull(call)), status=201)


@repo_route("DELETE", "/pulls/{number:int}/requested_reviewers")
def unrequest(call: Call) -> Answer:
    """Take requests back."""
    call.objects()
    pull = _pull(call)
    reviewers.unrequest(call.tx, call.repo, pull, _logins(call), actor=call.actor)
    return Answer(pull_shapes.simple(call, call.repo, _pull(call)))


def _pull(call: Call) -> Pull:
    return pulls.find(call.tx, call.repo, call.number("number"))


def _review(call: Call) -> tuple[Pull, Review]:
    pull = _pull(call)
    return pull, reviews.find(call.tx, pull, call.number("id"), viewer=call.actor)


def _found(call: Call) -> ReviewComment:
    return reviewcomments.find(call.tx, call.repo, call.number("id"), viewer=call.actor)


def _event(call: Call) -> str | None:
    # An empty event stands for none, as with GitHub.
    event = call.body.text("event") or None
    if event is not None and event not in reviews.EVENTS:
        raise unprocessable(_REVIEW, f"Variable $event of type PullRequestReviewEvent was provided {event}")
    return event


def _logins(call: Call) -> list[str]:
    logins = call.body.texts("reviewers") or []
    if call.body.texts("team_reviewers"):
        raise Invalid(
            "Reviews may only be requested from collaborators. One or more of the users or teams you "
            f"specified is not a collaborator of the {call.repo.full_name} repository."
        )
    return logins


def _comments(call: Call, pull: Pull | None) -> Answer:
    # GitHub documents `created_at` for one of the two lists and `created` for both.
    sort = call.choice("sort", "created", "created", "updated", "created_at")
    direction = call.choice("direction", "desc" if call.query.get("sort") else "asc", "asc", "desc")
    found, total = reviewcomments.list_page(
        call.tx,
        call.repo,
        viewer=call.actor,
        issue_id=pull.issue.id if pull else None,
        since=call.moment("since"),
        sort=sort.removesuffix("_at"),
        descending=direction == "desc" and bool(call.query.get("sort")),
        limit=per_page(call),
        skip=skip(call),
    )
    return numbered(call, shapes.comments(call, call.repo, found), total)


def _replied(call: Call, pull: Pull, comment_id: int, text: str) -> Answer:
    answered = reviewcomments.find(call.tx, call.repo, comment_id, viewer=call.actor)
    if answered.issue_id != pull.issue.id:
        raise NotFound
    if answered.reply_to is not None:
        raise NotFound("Parent comment not found: answer the first comment of the thread")
    thread = threads.find(call.tx, call.repo, answered.thread_id, viewer=call.actor)
    try:
        made = reviews.reply(call.tx, call.repo, pull, thread, text, actor=call.actor)
    except Invalid as error:
        raise Invalid(errors=error.errors) from error
    return _made(call, made)


def _made(call: Call, made: ReviewComment) -> Answer:
    body = shapes.comments(call, call.repo, [made])[0]
    return Answer(body, status=201, headers={"Location": body["url"]})


def _drafts(call: Call) -> list[Draft]:
    given: Any = call.body.raw("comments")
    if given is None:
        return []
    if not (isinstance(given, list) and all(isinstance(one, Mapping) for one in given)):
        raise unprocessable(_REVIEW, "comments must be an array of objects")
    drafts = []
    for one in given:
        fields = Body(one)
        drafts.append(Draft(_anchor(fields), fields.needed("body", resource=_COMMENT)))
    return drafts


def _anchor(fields: Body) -> Anchor:
    return Anchor(
        path=fields.needed("path", resource=_COMMENT),
        side=(fields.text("side") or "RIGHT").upper(),
        line=fields.number("line"),
        start_side=(fields.text("start_side") or "").upper() or None,
        start_line=fields.number("start_line"),
        position=fields.number("position"),
    )

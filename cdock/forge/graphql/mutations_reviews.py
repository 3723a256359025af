"""Mutations of reviews, threads and requests for reviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdock.forge.domain import reviewcomments, reviewers, reviews, threads
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviews import Draft, Review
from cdock.forge.domain.threads import Anchor
from cdock.forge.graphql import nodes, people
from cdock.forge.graphql import pulls as shown_pulls
from cdock.forge.graphql import reviews as shown
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.registry import Input, mutation


@mutation("addPullRequestReview", "pull_requests")
def add_review(ask: Ask, given: Input) -> Shown:
    """Review a pull request; without an event the review stays pending."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    drafts = [Draft(_anchor(each), each["body"]) for each in given.get("threads") or ()]
    drafts += [
        Draft(Anchor(each["path"], position=each["position"]), each["body"])
        for each in given.get("comments") or ()
    ]
    made = reviews.create(
        ask.tx,
        repo,
        pull,
        actor=ask.actor,
        event=given.get("event"),
        body=given.get("body", ""),
        oid=given.get("commitOID"),
        comments=drafts,
    )
    return _payload(ask, repo, pull, made)


@mutation("updatePullRequestReview", "pull_requests")
def update_review(ask: Ask, given: Input) -> Shown:
    """Change the text of one's review."""
    repo, pull, review = nodes.review(ask, given["pullRequestReviewId"])
    return _payload(ask, repo, pull, reviews.edit(ask.tx, repo, pull, review, given["body"], actor=ask.actor))


@mutation("submitPullRequestReview", "pull_requests")
def submit_review(ask: Ask, given: Input) -> Shown:
    """Submit one's pending review."""
    if given.get("pullRequestReviewId"):
        repo, pull, review = nodes.review(ask, given["pullRequestReviewId"])
    else:
        repo, pull = nodes.pull(ask, given.get("pullRequestId") or "")
        found = reviews.pending_of(ask.tx, pull, ask.actor)
        if found is None:
            raise Invalid("Could not find a pending review of yours on this pull request")
        review = found
    made = reviews.submit(
        ask.tx, repo, pull, review, actor=ask.actor, event=given["event"], body=given.get("body")
    )
    return _payload(ask, repo, pull, made)


@mutation("deletePullRequestReview", "pull_requests")
def delete_review(ask: Ask, given: Input) -> Shown:
    """Drop one's pending review."""
    repo, pull, review = nodes.review(ask, given["pullRequestReviewId"])
    payload = _payload(ask, repo, pull, review)
    reviews.discard(ask.tx, repo, pull, review, actor=ask.actor)
    return payload


@mutation("dismissPullRequestReview", "pull_requests")
def dismiss_review(ask: Ask, given: Input) -> Shown:
    """Take the weight off a review."""
    repo, pull, review = nodes.review(ask, given["pullRequestReviewId"])
    return _payload(
        ask, repo, pull, reviews.dismiss(ask.tx, repo, pull, review, given["message"], actor=ask.actor)
    )


@mutation("addPullRequestReviewThread", "pull_requests")
def add_thread(ask: Ask, given: Input) -> Shown:
    """Begin a thread in one's pending review, which is made when there is none."""
    review: Review | None
    if given.get("pullRequestReviewId"):
        repo, pull, review = nodes.review(ask, given["pullRequestReviewId"])
    else:
        repo, pull = nodes.pull(ask, given.get("pullRequestId") or "")
        review = reviews.pending_of(ask.tx, pull, ask.actor) or reviews.create(
            ask.tx, repo, pull, actor=ask.actor
        )
    said = reviews.comment(ask.tx, repo, pull, _anchor(given), given["body"], actor=ask.actor, review=review)
    thread = threads.find(ask.tx, repo, said.thread_id, viewer=ask.actor)
    return {"thread": shown.thread(ask, repo, pull, thread)}


@mutation("addPullRequestReviewThreadReply", "pull_requests")
def reply(ask: Ask, given: Input) -> Shown:
    """Answer in a thread."""
    repo, pull, thread = nodes.thread(ask, given["pullRequestReviewThreadId"])
    review = None
    if given.get("pullRequestReviewId"):
        review = nodes.review(ask, given["pullRequestReviewId"])[2]
    said = reviews.reply(ask.tx, repo, pull, thread, given["body"], actor=ask.actor, review=review)
    return {"comment": shown.comment(ask, repo, pull, said)}


@mutation("updatePullRequestReviewComment", "pull_requests")
def update_comment(ask: Ask, given: Input) -> Shown:
    """Change a comment in a thread."""
    repo, pull, said = nodes.review_comment(ask, given["pullRequestReviewCommentId"])
    said = reviewcomments.edit(ask.tx, repo, said, given["body"], actor=ask.actor)
    return {"pullRequestReviewComment": shown.comment(ask, repo, pull, said)}


@mutation("resolveReviewThread", "contents")
def resolve(ask: Ask, given: Input) -> Shown:
    """Settle a thread."""
    repo, pull, thread = nodes.thread(ask, given["threadId"])
    return {"thread": shown.thread(ask, repo, pull, threads.resolve(ask.tx, repo, thread, actor=ask.actor))}


@mutation("unresolveReviewThread", "contents")
def unresolve(ask: Ask, given: Input) -> Shown:
    """Take a thread up again."""
    repo, pull, thread = nodes.thread(ask, given["threadId"])
    return {"thread": shown.thread(ask, repo, pull, threads.unresolve(ask.tx, repo, thread, actor=ask.actor))}


@mutation("requestReviewsByLogin", "pull_requests")
def request_reviews(ask: Ask, given: Input) -> Shown:
    """Ask people for reviews: these only, or these too (`union`)."""
    repo, pull = nodes.pull(ask, given["pullRequestId"])
    if teams := given.get("teamSlugs"):
        raise NotFound(f"Could not resolve to a Team with the slug of '{teams[0]}': there are none here")
    wanted = [*(given.get("userLogins") or ()), *(given.get("botLogins") or ())]
    known = [person.login for person in reviewers.of_pull(ask.tx, pull)]
    if not given.get("union"):
        named = {login.lower() for login in wanted}
        gone = [login for login in known if login.lower() not in named]
        reviewers.unrequest(ask.tx, repo, pull, gone, actor=ask.actor)
    reviewers.request(ask.tx, repo, pull, wanted, actor=ask.actor)
    return {"pullRequest": shown_pulls.pull(ask, repo, pull), "actor": people.user(ask, ask.actor)}


def _anchor(given: Input | Mapping[str, Any]) -> Anchor:
    whole = given.get("subjectType") == "FILE"
    start = given.get("startLine")
    return Anchor(
        given["path"],
        side=given.get("side") or "RIGHT",
        line=None if whole else given.get("line"),
        start_side=given.get("startSide") if start is not None else None,
        start_line=start,
    )


def _payload(ask: Ask, repo: Repo, pull: Pull, review: Review) -> Shown:
    return {"pullRequestReview": shown.review(ask, repo, pull, review)}

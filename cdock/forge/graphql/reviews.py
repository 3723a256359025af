"""Reviews of pull requests, and threads on their lines."""

from __future__ import annotations

from cdock.forge.domain import reviewcomments, reviewers, reviews, threads
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.threads import Thread
from cdock.forge.domain.users import User
from cdock.forge.graphql import comments, git, people
from cdock.forge.graphql import pulls as shown_pulls
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id, oid_node
from cdock.forge.store import text_of


def around(ask: Ask, repo: Repo, pull: Pull) -> Shown:
    """What a pull request shows of its reviews."""
    return {
        # Nothing requires a review here.
        "reviewDecision": None,
        "reviews": lambda args: _reviews(ask, repo, pull, args),
        "latestReviews": lambda args: connection(
            args, reviews.latest(ask.tx, pull), lambda each: review(ask, repo, pull, each)
        ),
        "reviewRequests": lambda args: connection(
            args, reviewers.of_pull(ask.tx, pull), lambda each: _request(ask, repo, pull, each)
        ),
        "reviewThreads": lambda args: connection(
            args,
            threads.of_pull(ask.tx, repo, pull, viewer=ask.actor),
            lambda each: thread(ask, repo, pull, each),
        ),
    }


def review(ask: Ask, repo: Repo, pull: Pull, shown: Review) -> Shown:
    """A review."""

    def said(args: Args) -> Shown:
        found = reviewcomments.of_review(ask.tx, shown.id)
        return connection(args, found, lambda each: comment(ask, repo, pull, each))

    return {
        "__typename": "PullRequestReview",
        "id": node_id("PRR", shown.id),
        "databaseId": shown.id,
        "fullDatabaseId": str(shown.id),
        "author": people.user(ask, shown.author),
        "authorAssociation": lambda _: ask.association(repo, shown.author),
        "body": shown.body,
        "state": shown.state,
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "submittedAt": text_of(shown.submitted) if shown.submitted else None,
        "lastEditedAt": text_of(shown.updated) if shown.editor else None,
        "commit": lambda _: git.commit_of(ask, repo, shown.oid),
        "comments": said,
        "pullRequest": lambda _: shown_pulls.pull(ask, repo, pull),
        "reactionGroups": comments.no_groups(),
        "isMinimized": False,
        "minimizedReason": None,
        "url": f"{ask.urls.page(repo)}/pull/{pull.number}#pullrequestreview-{shown.id}",
    }


def thread(ask: Ask, repo: Repo, pull: Pull, shown: Thread) -> Shown:
    """A thread on a line, on a span of lines or on a file."""
    may = threads.may_resolve(ask.tx, repo, shown, ask.actor)
    return {
        "__typename": "PullRequestReviewThread",
        "id": node_id("PRRT", shown.id),
        "path": shown.path,
        "line": shown.line,
        "startLine": shown.start_line,
        "originalLine": shown.original_line,
        "originalStartLine": shown.original_start_line,
        "diffSide": shown.side,
        "startDiffSide": shown.start_side,
        "subjectType": shown.subject.upper(),
        "isOutdated": shown.outdated,
        "isResolved": shown.resolved,
        "isCollapsed": shown.resolved or shown.outdated,
        "resolvedBy": people.maybe(ask, shown.resolver),
        "viewerCanReply": not repo.settings["archived"],
        "viewerCanResolve": may and not shown.resolved,
        "viewerCanUnresolve": may and shown.resolved,
        "pullRequest": lambda _: shown_pulls.pull(ask, repo, pull),
        "comments": lambda args: connection(
            args, shown.comments, lambda each: comment(ask, repo, pull, each, of=shown)
        ),
    }


def comment(ask: Ask, repo: Repo, pull: Pull, shown: ReviewComment, *, of: Thread | None = None) -> Shown:
    """A comment in a thread."""
    place = of or threads.by_ids_of(ask.tx, repo, [shown.thread_id], viewer=ask.actor)[shown.thread_id]

    def above(_: Args) -> Shown | None:
        first = next((each for each in place.comments if each.id == shown.reply_to), None)
        return comment(ask, repo, pull, first, of=place) if first else None

    def belongs(_: Args) -> Shown:
        return review(ask, repo, pull, reviews.by_ids_of(ask.tx, [shown.review_id])[shown.review_id])

    return {
        "__typename": "PullRequestReviewComment",
        "id": node_id("PRRC", shown.id),
        "databaseId": shown.id,
        "fullDatabaseId": str(shown.id),
        "author": people.user(ask, shown.author),
        "authorAssociation": lambda _: ask.association(repo, shown.author),
        "body": shown.body,
        "state": "PENDING" if shown.pending else "SUBMITTED",
        "path": place.path,
        "line": place.line,
        "originalLine": place.original_line,
        "position": place.position,
        "outdated": place.outdated,
        "diffHunk": place.hunk,
        "commit": lambda _: git.commit_of(ask, repo, place.oid),
        "originalCommit": lambda _: git.commit_of(ask, repo, place.original_oid),
        "replyTo": above,
        "pullRequestReview": belongs,
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "isMinimized": False,
        "minimizedReason": None,
        "url": f"{ask.urls.page(repo)}/pull/{pull.number}#discussion_r{shown.id}",
        "viewerDidAuthor": shown.author.id == ask.actor.id,
    }


def _reviews(ask: Ask, repo: Repo, pull: Pull, args: Args) -> Shown:
    states = args.get("states")
    author = (args.get("author") or "").lower()
    found = [
        each
        for each in reviews.of_pull(ask.tx, pull, viewer=ask.actor)
        if (states is None or each.state in states) and author in {"", each.author.login.lower()}
    ]
    return connection(args, found, lambda each: review(ask, repo, pull, each))


def _request(ask: Ask, repo: Repo, pull: Pull, reviewer: User) -> Shown:
    return {
        "id": oid_node("RR", repo, f"{pull.number}:{reviewer.id}"),
        "requestedReviewer": people.user(ask, reviewer),
    }

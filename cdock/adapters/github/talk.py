"""What is said about pull requests, as one GraphQL answer tells it: conversation, reviews, threads, checks. Pure.

A token may lack the right to see checks, and one field it may not see fails a whole document. So they are a part that
can be left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.checks import CHECKS, checks_of
from cdock.adapters.github.normalize import User, fields_of, nodes_of, whole_of
from cdock.core.pulls import CheckState, Opinion, PullRequest, Remark, Review, Thread

TALK = """
query PullTalk($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    p1: pullRequest(number: 1) { ...Talk }
  }
}
fragment Talk on PullRequest {
  number
  updatedAt
  isDraft
  body
  headRefOid
  mergeable
  baseRef { target { oid } }
  comments(last: 50) { nodes { fullDatabaseId body createdAt author { __typename login } } }
  opinions: reviews(last: 20, states: [APPROVED, CHANGES_REQUESTED]) { nodes { ...Said } }
  others: reviews(last: 20, states: [COMMENTED]) { nodes { ...Said } }
  reviewThreads(last: 50) {
    nodes {
      id
      path
      line
      isResolved
      comments(last: 20) {
        nodes {
          fullDatabaseId
          state
          body
          createdAt
          author { __typename login }
          replyTo { fullDatabaseId }
        }
      }
    }
  }
}
fragment Said on PullRequestReview {
  fullDatabaseId
  state
  body
  submittedAt
  author { __typename login }
  commit { oid }
}
"""
REMARKS, REVIEWS = 20, 20
"""How many of the newest are taken: remarks of a thread, and reviews."""

_ONE = "p1: pullRequest(number: 1) { ...Talk }"


class Trust(Protocol):
    """Whose word counts."""

    def mine(self, user: User, body: str) -> bool:
        """Whether we wrote this."""
        ...

    def include(self, user: User) -> bool:
        """Whether the word of `user` counts."""
        ...


@dataclass(frozen=True)
class Talk:
    """An answer about one pull request. `first` has the id of each thread's first comment, where it was shown."""

    pull: PullRequest
    updated: datetime
    settled: bool
    """Whether the forge has found out all it was asked: no check is under way, and conflicts are known."""
    first: Mapping[str, int]


def document(numbers: Iterable[int], *, checks: bool) -> str:
    """The question about these pull requests; `row_name` names the answer's parts."""
    parts = "...Talk ...Checks" if checks else "...Talk"
    asked = "\n    ".join(f"{row_name(n)}: pullRequest(number: {n}) {{ {parts} }}" for n in numbers)
    fragment = CHECKS[CHECKS.index("fragment ") :] if checks else ""
    return TALK.replace(_ONE, asked) + fragment


def row_name(number: int) -> str:
    """What the part about a pull request is called."""
    return f"p{number}"


def talk_of(row: Mapping[str, Any], *, of: PullRequest, since: datetime | None, trust: Trust) -> Talk:
    """The answer about the pull request `of`, which was known to have changed at `since`.

    Whose word counts is not asked again about what is known of it.

    Raises:
        Unavailable: the row lacks something, or it could not be found out whose word counts.
    """
    updated = payload.moment_of(row, "updatedAt")
    commit = payload.text_of(row, "headRefOid")
    pull = of
    if since is None or updated >= since:
        pull = replace(
            of, draft=row.get("isDraft") is True, body=payload.body_of(row), commit=commit or of.commit
        )
    words = _Words(of, trust)
    threads = [words.thread(node) for node in nodes_of(row, "reviewThreads")]
    pull = replace(
        pull,
        target=_oid(fields_of(row.get("baseRef")).get("target")) or of.target,
        remarks=words.remarks(nodes_of(row, "comments")),
        reviews=words.reviews([*nodes_of(row, "opinions"), *nodes_of(row, "others")]),
        threads=tuple(thread for thread in threads if thread.remarks),
        conflicting=row.get("mergeable") == "CONFLICTING" if commit == pull.commit else False,
        checks=checks_of(row, commit=pull.commit),
    )
    known = row.get("mergeable") in ("MERGEABLE", "CONFLICTING") and commit == pull.commit
    running = any(check.state is CheckState.PENDING for check in pull.checks)
    first = {payload.text_of(node, "id"): _first(node) for node in nodes_of(row, "reviewThreads")}
    return Talk(
        pull, updated, known and not running, {ref: number for ref, number in first.items() if number}
    )


class _Words:
    """Makes remarks of nodes, the known ones again of the same ones."""

    def __init__(self, pull: PullRequest, trust: Trust) -> None:
        self._trust = trust
        # Comments, reviews and comments in threads have ids of their own kinds.
        self._said = {remark.id: remark for remark in pull.remarks}
        self._reviewed = {review.remark.id: review.remark for review in pull.reviews}
        self._threaded = {remark.id: remark for thread in pull.threads for remark in thread.remarks}

    def remarks(self, nodes: Iterable[Mapping[str, Any]]) -> tuple[Remark, ...]:
        """The conversation without what we said."""
        found = (self._remark(node, "createdAt", self._said) for node in nodes)
        return tuple(remark for remark in found if not remark.mine)

    def reviews(self, nodes: Iterable[Mapping[str, Any]]) -> tuple[Review, ...]:
        """Submitted reviews; one that only carries words in threads says nothing itself."""
        found = []
        for node in nodes:
            remark = self._remark(node, "submittedAt", self._reviewed)
            opinion = _OPINIONS[str(node.get("state"))]
            if opinion is not Opinion.COMMENT or (remark.body.strip() and not remark.mine):
                found.append(Review(opinion, remark, _oid(node.get("commit"))))
        found.sort(key=lambda review: review.remark.id)
        return tuple(found[-REVIEWS:])

    def thread(self, node: Mapping[str, Any]) -> Thread:
        """A thread with what was submitted to it."""
        line = node.get("line")
        said = [each for each in nodes_of(node, "comments") if each.get("state") != "PENDING"]
        return Thread(
            ref=payload.text_of(node, "id"),
            path=payload.text_of(node, "path"),
            line=line if isinstance(line, int) else 0,
            resolved=node.get("isResolved") is True,
            remarks=tuple(self._remark(each, "createdAt", self._threaded) for each in said[-REMARKS:]),
        )

    def _remark(self, node: Mapping[str, Any], moment: str, known: Mapping[int, Remark]) -> Remark:
        number, body = whole_of(node, "fullDatabaseId"), payload.body_of(node)
        before = known.get(number)
        if before and before.body == body:
            return before
        user = normalize.actor_of(node.get("author"))
        mine = self._trust.mine(user, body)
        return Remark(
            id=number,
            author=user.login,
            body=body,
            created_at=payload.moment_of(node, moment),
            mine=mine,
            by_writer=not mine and self._trust.include(user),
        )


_OPINIONS = {
    "APPROVED": Opinion.APPROVED,
    "CHANGES_REQUESTED": Opinion.CHANGES,
    "COMMENTED": Opinion.COMMENT,
}


def _first(thread: Mapping[str, Any]) -> int:
    """The id of a thread's first comment, which its others answer; 0 where none of them was shown."""
    for node in nodes_of(thread, "comments"):
        above = node.get("replyTo")
        return whole_of(above if isinstance(above, dict) else node, "fullDatabaseId")
    return 0


def _oid(target: object) -> str:
    return payload.text_of(fields_of(target), "oid")

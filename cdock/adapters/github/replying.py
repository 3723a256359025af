"""Replies in the threads of a review, each given once: looked for before it is given."""

from collections.abc import Mapping
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.github.home import Home
from cdock.adapters.github.talk import REMARKS
from cdock.adapters.github.watch import Watcher
from cdock.adapters.github.writers import Writers
from cdock.adapters.recent import RecentCreations
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import NotPermitted
from cdock.core.marker import Marker
from cdock.core.pulls import PullRequest

THREAD = """
query ThreadReplies($thread: ID!) {
  node(id: $thread) {
    ... on PullRequestReviewThread {
      comments(last: 100) { nodes { body author { __typename login } } }
    }
  }
}
"""
REPLY = """
mutation ReplyInThread($thread: ID!, $body: String!) {
  addPullRequestReviewThreadReply(input: {pullRequestReviewThreadId: $thread, body: $body}) {
    comment { fullDatabaseId body createdAt author { __typename login } }
  }
}
"""


class Replies:
    """Our replies on one repository's pull requests."""

    def __init__(
        self, client: Client, home: Home, writers: Writers, watcher: Watcher, recent: RecentCreations
    ) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._watcher = watcher
        self._recent = recent

    def ensure(self, pull: PullRequest, *, thread: str, marker: Marker, body: str) -> None:
        """See `Forge.ensure_reply`. A thread that was deleted needs none.

        Raises:
            OutcomeUnknown: it may have been given all the same.
        """
        key = _key(thread, marker)
        if self._given(pull, thread, marker) or self._recent.row(key) is not None:
            return
        try:
            row = self._give(pull, thread, body)
        except Absent:
            if self._look(thread, marker) is None:
                return
            raise
        except OutcomeUnknown:
            self._recent.unknown(key)
            raise
        self._recent.made(key, dict(row))
        self._watcher.follower.replied(pull.number, thread, row)

    def _given(self, pull: PullRequest, thread: str, marker: Marker) -> bool:
        """Whether it stands there, or there is nowhere for it to stand."""
        shown = self._watcher.picture.pulls.find(pull.number)
        known = next((t for t in shown.pull.threads if t.ref == thread), None) if shown else None
        if known and any(r.mine and normalize.carries(r.body, marker) for r in known.remarks):
            return True
        doubted = self._recent.doubted(_key(thread, marker))
        if known and len(known.remarks) < REMARKS and self._watcher.recent and not doubted:
            return False
        return self._look(thread, marker) is not False

    def _look(self, thread: str, marker: Marker) -> bool | None:
        """Ask whether the reply stands in the thread; None when there is no such thread."""
        try:
            node = normalize.fields_of(
                self._client.graphql(THREAD, {"thread": thread}, writing=False).get("node")
            )
        except Absent:
            return None
        return any(
            normalize.carries(payload.body_of(said), marker)
            and self._writers.is_me(normalize.actor_of(said.get("author")))
            for said in normalize.nodes_of(node, "comments")
        )

    def _give(self, pull: PullRequest, thread: str, body: str) -> Mapping[str, Any]:
        try:
            data = self._client.graphql(REPLY, {"thread": thread, "body": body}, writing=True)
        except Absent:
            raise
        except (Unsupported, NotPermitted):
            first = self._watcher.follower.first_of(thread)
            if not first:
                raise
            # REST says better what the token lacks, where it lacks it there too.
            path = self._home.path(f"pulls/{pull.number}/comments/{first}/replies")
            row = self._client.write_row("POST", path, {"body": body})
            return {
                "fullDatabaseId": payload.id_of(row),
                "body": payload.body_of(row),
                "createdAt": row.get("created_at"),
                "author": {"login": self._client.login()},
            }
        given = normalize.fields_of(data.get("addPullRequestReviewThreadReply"))
        return normalize.fields_of(given.get("comment"))


def _key(thread: str, marker: Marker) -> tuple[object, ...]:
    return "reply", thread, str(marker)

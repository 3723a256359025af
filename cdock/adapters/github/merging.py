"""Merging pull requests: at once, by a merge queue, or when GitHub's requirements are met.

`PUT …/merge` tells in words alone why it refuses, and in the same words for many reasons. So after a refusal the pull
request is looked at again, and what it shows decides; the words are only passed on.
"""

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.home import Home, Row
from cdock.adapters.github.watch import Watcher
from cdock.adapters.pullmerge import not_merged, refuse_other, tried_to_merge
from cdock.adapters.refusals import OutcomeUnknown
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.pulls import PullRequest

STANDING = """
query MergeStanding($pull: ID!) {
  node(id: $pull) {
    ... on PullRequest {
      isInMergeQueue
      autoMergeRequest { enabledAt }
    }
  }
}
"""
QUEUE = """
mutation QueuePull($pull: ID!, $commit: GitObjectID!) {
  enqueuePullRequest(input: {pullRequestId: $pull, expectedHeadOid: $commit}) {
    mergeQueueEntry { state }
  }
}
"""
MERGE_LATER = """
mutation MergePullLater($pull: ID!, $commit: GitObjectID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $pull, expectedHeadOid: $commit, mergeMethod: $method}) {
    pullRequest { autoMergeRequest { enabledAt } }
  }
}
"""
METHODS = ("merge", "squash", "rebase")


class Merging:
    """Merges pull requests of one repository."""

    def __init__(self, client: Client, home: Home, watcher: Watcher) -> None:
        self._client = client
        self._home = home
        self._watcher = watcher

    def merge(self, pull: PullRequest, *, method: str) -> bool:
        """See `Forge.merge`.

        Raises:
            OutcomeUnknown: it may have been merged all the same.
            Unavailable: GitHub has not found out yet whether it can be merged.
            Refused: it cannot, with the reason and what to do.
        """
        if method not in METHODS:
            raise ValueError(f"no way of merging: {method!r}")
        row = self._read(pull)
        if (settled := self._settled(pull, row)) is not None:
            return settled
        try:
            body = {"sha": pull.commit, "merge_method": method}
            self._client.write_row("PUT", self._home.path(f"pulls/{pull.number}/merge"), body)
        except OutcomeUnknown:
            self._watcher.picture.pulls.doubt(pull.number)
            raise
        except NotPermitted:
            raise
        except Refused as error:
            return self._afternot_merged(error, pull, method=method)
        self._watcher.picture.pulls.note_merged(pull.number)
        return True

    def _read(self, pull: PullRequest) -> Row:
        row = self._client.read(self._home.path(f"pulls/{pull.number}"))
        self._watcher.picture.pulls.note(row)
        return row

    def _settled(self, pull: PullRequest, row: Row) -> bool | None:
        """Whether there is nothing to be done: it is merged (True), or will be by GitHub itself (False)."""
        shown = normalize.pull_from_rest(row)
        if shown.merged:
            return True
        refuse_other(pull, shown)
        return False if row.get("auto_merge") else None

    def _afternot_merged(self, error: Refused, pull: PullRequest, *, method: str) -> bool:
        row = self._read(pull)
        if (settled := self._settled(pull, row)) is not None:
            return settled
        said = error.message.lower()
        state = payload.text_of(row, "mergeable_state")
        if "merge queue" in said:
            return self._later(error, pull, row, method=method, queue=True)
        if state == "dirty":
            raise not_merged(
                pull, "it is in conflict with its base", fix="Resolve the conflicts, then merge again."
            ) from error
        if state == "unknown" or "base branch was modified" in said:
            raise Unavailable(
                f"{self._client.host} has not found out yet whether pull request #{pull.number} can be merged",
                tried=tried_to_merge(pull),
                fix="Merge again in a moment.",
            ) from error
        if state == "blocked":
            return self._later(error, pull, row, method=method, queue=False)
        raise not_merged(
            pull, _reason(error), fix="Change what the message names, or merge in another way."
        ) from error

    def _later(self, error: Refused, pull: PullRequest, row: Row, *, method: str, queue: bool) -> bool:
        """Leave the merge to GitHub: always False.

        A queue takes what is ready for it; what is not, and what only lacks reviews or checks, can be merged later by
        GitHub where the repository allows that.
        """
        node = payload.text_of(row, "node_id")
        variables = {"pull": node, "commit": pull.commit}
        try:
            if queue:
                if self._is_waiting(node):
                    return False
                try:
                    self._client.graphql(QUEUE, variables, writing=True)
                except NotPermitted:
                    raise
                except Refused:
                    pass
                else:
                    return False
            self._client.graphql(MERGE_LATER, {**variables, "method": method.upper()}, writing=True)
        except Refused as lack:
            raise not_merged(
                pull,
                f"{_reason(error)}; nor can it be left to {self._client.host}: {lack.message}",
                fix="Meet the requirements of the branch, or allow auto-merge in the repository's settings.",
            ) from error
        return False

    def _is_waiting(self, node: str) -> bool:
        data = self._client.graphql(STANDING, {"pull": node}, writing=False)
        shown = normalize.fields_of(data.get("node"))
        return shown.get("isInMergeQueue") is True or bool(shown.get("autoMergeRequest"))


def _reason(error: Refused) -> str:
    """What GitHub said, without what was tried, which is no news."""
    return error.message.rpartition("/merge: ")[2] or error.message

"""The one pull request of a branch: opened, and kept as it should be shown."""

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.home import Home, Row
from cdock.adapters.github.shownpulls import Shown
from cdock.adapters.github.watch import Watcher
from cdock.adapters.refusals import OutcomeUnknown
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.pulls import PullRequest

READY = """
mutation ReadyPull($pull: ID!) {
  markPullRequestReadyForReview(input: {pullRequestId: $pull}) {
    pullRequest { isDraft body updatedAt }
  }
}
"""
READY_WITH_BODY = """
mutation ReadyPullWithBody($pull: ID!, $body: String!) {
  updatePullRequest(input: {pullRequestId: $pull, body: $body}) { clientMutationId }
  markPullRequestReadyForReview(input: {pullRequestId: $pull}) {
    pullRequest { isDraft body updatedAt }
  }
}
"""
DRAFT = """
mutation DraftPull($pull: ID!) {
  convertPullRequestToDraft(input: {pullRequestId: $pull}) {
    pullRequest { isDraft body updatedAt }
  }
}
"""
DRAFT_WITH_BODY = """
mutation DraftPullWithBody($pull: ID!, $body: String!) {
  updatePullRequest(input: {pullRequestId: $pull, body: $body}) { clientMutationId }
  convertPullRequestToDraft(input: {pullRequestId: $pull}) {
    pullRequest { isDraft body updatedAt }
  }
}
"""
DRAFTS, READINESS = "open draft pull requests", "mark pull requests as ready"


class Pulls:
    """The pull requests of one repository."""

    def __init__(self, client: Client, home: Home, watcher: Watcher, optional: OptionalFeatures) -> None:
        self._client = client
        self._home = home
        self._watcher = watcher
        self._optional = optional
        self._shown = watcher.picture.pulls

    def ensure(self, *, head: str, title: str, body: str, draft: bool, onto: str) -> PullRequest:
        """See `Forge.ensure_pull`. A closed or merged one of this branch is returned as it is: a person decided."""
        return self._known(head) or self._open(head, title=title, body=body, draft=draft, onto=onto)

    def put_onto(self, pull: PullRequest, *, branch: str) -> None:
        """See `Forge.ensure_onto`. One that is closed by now is left as it is.

        Raises:
            Refused: there is no such branch, or another pull request goes from this one's branch to it.
        """
        base = branch or self._default()
        shown = self._current(pull)
        if not shown.pull.open or shown.base == base:
            return
        try:
            row = self._client.write_row(
                "PATCH", self._home.path(f"pulls/{pull.number}"), {"base": base}, may_wait=True
            )
        except OutcomeUnknown:
            self._shown.doubt(pull.number)
            raise
        self._watcher.follower.note_row(row)

    def show(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """See `Forge.ensure_pull_shown`. One that is closed by now is left as it is."""
        shown = self._current(pull)
        if not shown.pull.open:
            return
        rewrite = not payload.same_text(shown.pull.body, body)
        turn = shown.pull.draft is not draft
        done = turn and self._set_draft(shown, draft=draft, body=body if rewrite else None)
        if rewrite and not done:
            path = self._home.path(f"pulls/{pull.number}")
            try:
                row = self._client.write_row("PATCH", path, {"body": body}, may_wait=True)
            except OutcomeUnknown:
                self._shown.doubt(pull.number)
                raise
            self._shown.note(row)

    def _current(self, pull: PullRequest) -> Shown:
        """What the last look showed, or what is there when that is not certain."""
        shown = self._shown.find(pull.number)
        if shown and shown.node and shown.base and not shown.unsure and self._watcher.recent:
            return shown
        row = self._client.read(self._home.path(f"pulls/{pull.number}"))
        self._shown.note(row)
        found = normalize.pull_from_rest(row)
        return Shown(
            found, normalize.changed_of(row), payload.text_of(row, "node_id"), base=normalize.base_of(row)
        )

    def _set_draft(self, shown: Shown, *, draft: bool, body: str | None) -> bool:
        """Make it a draft or ready, with a new text where one is given; whether that was possible."""
        variables = {"pull": shown.node} | ({} if body is None else {"body": body})
        if draft:
            feature, document = DRAFTS, DRAFT if body is None else DRAFT_WITH_BODY
        else:
            feature, document = READINESS, READY if body is None else READY_WITH_BODY
        if not self._optional.available(feature):
            return False
        try:
            data = self._client.graphql(document, variables, writing=True)
        except OutcomeUnknown:
            # Or a part was done: then the next try is about the other part alone, and tells more.
            self._shown.doubt(shown.pull.number)
            raise
        except Refused as error:
            self._shown.doubt(shown.pull.number)
            self._optional.lacks(feature, error)
            return False
        name = "convertPullRequestToDraft" if draft else "markPullRequestReadyForReview"
        self._shown.note_answer(
            shown.pull.number, normalize.fields_of(normalize.fields_of(data.get(name)).get("pullRequest"))
        )
        return True

    def _known(self, head: str) -> PullRequest | None:
        if self._watcher.recent and self._shown.knows(head):
            return self._shown.newest(head)
        return self._newest(head)

    def _default(self) -> str:
        return str(self._home.description()["default_branch"])

    def _open(self, head: str, *, title: str, body: str, draft: bool, onto: str) -> PullRequest:
        base = onto or self._default()
        wanted = {"title": title, "head": head, "base": base, "body": body}
        row = None
        try:
            if draft and self._optional.available(DRAFTS):
                row = self._open_draft(wanted)
            if row is None:
                row = self._client.write_row("POST", self._home.path("pulls"), wanted)
        except OutcomeUnknown:
            self._shown.forget([head])
            raise
        except Refused as error:
            self._shown.forget([head])
            return self._after_refusal(error, head=head, base=base, onto=onto)
        self._shown.note(row)
        self._watcher.follower.made(payload.number_of(row))
        return normalize.pull_from_rest(row)

    def _open_draft(self, wanted: Row) -> Row | None:
        """Open it as a draft; None where there are none, as in private repositories of GitHub's free plan."""
        try:
            return self._client.write_row("POST", self._home.path("pulls"), {**wanted, "draft": True})
        except NotPermitted:
            raise
        except Refused as error:
            if "draft" not in error.message.lower():
                raise
            self._optional.lacks(DRAFTS, error)
            return None

    def _newest(self, branch: str) -> PullRequest | None:
        owner = self._home.full_name.partition("/")[0]
        query = {"head": f"{owner}:{branch}", "state": "all"}
        # GitHub ignores a `head` it cannot read and lists everything, so the branch is looked at again.
        own: list[Row] = [
            row
            for row in self._client.rows(self._home.path("pulls"), query)
            if normalize.head_of(row) == branch
        ]
        pulls = map(normalize.pull_from_rest, own)
        return max(pulls, key=lambda pull: (pull.open, pull.number), default=None)

    def _after_refusal(self, error: Refused, *, head: str, base: str, onto: str) -> PullRequest:
        said = error.message.lower()
        if "already exists" in said:
            if pull := self._newest(head):
                return pull
            raise Unavailable(
                f"the pull request of {head} does not show yet", fix="cdock looks again."
            ) from error
        if "head invalid" in said:
            raise Unavailable(
                f"{self._home.host} does not know the branch {head} yet",
                fix="cdock looks again after the push.",
            ) from error
        if "base invalid" in said and onto:
            raise Unavailable(
                f"{self._home.host} does not know the branch {onto}",
                tried=f"open the pull request of {head} onto it",
                fix="cdock looks again: it was merged, or not pushed yet.",
            ) from error
        if "base invalid" in said and self._home.verify()["default_branch"] != base:
            raise Unavailable(f"the default branch is no longer {base}", fix="cdock looks again.") from error
        raise error

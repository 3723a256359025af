"""Opening the one pull request of a branch."""

from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.home import Home, Row
from cdock.adapters.github.watch import Watcher
from cdock.adapters.refusals import OutcomeUnknown
from cdock.core.errors import Refused, Unavailable
from cdock.core.pulls import PullRequest


class Pulls:
    """The pull requests of one repository."""

    def __init__(self, client: Client, home: Home, watcher: Watcher) -> None:
        self._client = client
        self._home = home
        self._watcher = watcher

    def ensure(self, *, head: str, title: str, body: str) -> PullRequest:
        """See `Forge.ensure_pull`. A closed or merged one of this branch is returned as it is: a person decided."""
        return self._known(head) or self._open(head, title=title, body=body)

    def _known(self, head: str) -> PullRequest | None:
        picture = self._watcher.picture
        if self._watcher.recent and picture.knows_branch(head):
            return picture.newest_pull(head)
        return self._newest(head)

    def _open(self, head: str, *, title: str, body: str) -> PullRequest:
        base = self._home.description()["default_branch"]
        path = self._home.path("pulls")
        try:
            row = self._client.write_row(
                "POST", path, {"title": title, "head": head, "base": base, "body": body}
            )
        except OutcomeUnknown:
            self._watcher.picture.forget_branches([head])
            raise
        except Refused as error:
            self._watcher.picture.forget_branches([head])
            return self._after_refusal(error, head=head, base=base)
        self._watcher.picture.note_pull(row)
        return normalize.pull_from_rest(row)

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

    def _after_refusal(self, error: Refused, *, head: str, base: str) -> PullRequest:
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
        if "base invalid" in said and self._home.verify()["default_branch"] != base:
            raise Unavailable(f"the default branch is no longer {base}", fix="cdock looks again.") from error
        raise error

"""The pull requests of branches: looked up once, then followed by the list of what changed last."""

import threading
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from cdock.adapters import payload
from cdock.adapters.gitea import normalize
from cdock.adapters.gitea.client import Client, Row
from cdock.adapters.gitea.faults import Conflict
from cdock.adapters.gitea.home import Home
from cdock.adapters.pullmerge import not_merged, refuse_other
from cdock.adapters.pulltalk import with_talk
from cdock.adapters.refusals import Absent
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.pulls import PullRequest

OVERLAP = timedelta(seconds=120)


class Pulls:
    """The pull requests of one repository, by branch."""

    def __init__(self, client: Client, home: Home) -> None:
        self._client = client
        self._home = home
        self._known: dict[str, dict[int, PullRequest]] = {}
        self._changed: dict[int, str] = {}
        self._watermark: datetime | None = None
        self._lock = threading.Lock()

    def newest(self, branch: str) -> PullRequest | None:
        """The open pull request of a branch, else its last one, as far as it is known."""
        with self._lock:
            pulls = list(self._known.get(branch, {}).values())
        return max(pulls, key=lambda pull: (pull.open, pull.number), default=None)

    def open_of(self, branches: Collection[str]) -> list[PullRequest]:
        """The open pull requests of these branches, as far as they are known."""
        found = (self.newest(branch) for branch in sorted(branches))
        return [pull for pull in found if pull and pull.open]

    def changed(self, number: int) -> str:
        """When a pull request was changed last, as the forge says it."""
        return self._changed.get(number, "")

    def read(self, number: int) -> Row | None:
        """A pull request as it is now, taken over; None when it is gone."""
        row = self._client.find(self._home.path(f"pulls/{number}"))
        if row:
            self._note(row)
        return row

    def note_talk(self, pull: PullRequest) -> None:
        """What is said about a pull request was read."""
        with self._lock:
            known = self._known.get(pull.head)
            if known and known.get(pull.number) not in (None, pull):
                known[pull.number] = pull

    def show(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """See `Forge.ensure_pull_shown`. One that is closed by now is left as it is."""
        row = self.read(pull.number)
        if row is None or not payload.is_open(row):
            return
        shown, title = normalize.pull_from_rest(row), payload.text_of(row, "title")
        changes = {} if payload.same_text(shown.body, body) else {"body": body}
        if shown.draft is not draft:
            changes["title"] = normalize.titled(title, draft=draft)
        if changes:
            path = self._home.path(f"pulls/{pull.number}")
            self._note(self._client.write_row("PATCH", path, changes, may_wait="title" not in changes))

    def put_onto(self, pull: PullRequest, *, branch: str) -> None:
        """See `Forge.ensure_onto`. One that is closed by now is left as it is."""
        base = branch or self._home.default_branch
        row = self.read(pull.number)
        if row and payload.is_open(row) and normalize.base_of(row) != base:
            path = self._home.path(f"pulls/{pull.number}")
            self._note(self._client.write_row("PATCH", path, {"base": base}, may_wait=True))

    def merge(self, pull: PullRequest, *, method: str) -> bool:
        """See `Forge.merge`.

        Raises:
            OutcomeUnknown: it may have been merged all the same.
            Refused: it cannot be merged, with the reason and what to do.
        """
        if self._is_merged(pull):
            return True
        path = self._home.path(f"pulls/{pull.number}/merge")
        body = {"Do": method, "head_commit_id": pull.commit}
        try:
            self._client.write("POST", path, body)
        except NotPermitted:
            raise
        except Refused as error:
            self._refuse_conflict(error, pull)
            self._merge_later(error, pull, {**body, "merge_when_checks_succeed": True})
        return self._is_merged(pull)

    def _merge_later(self, error: Refused, pull: PullRequest, body: Row) -> None:
        """Leave the merge to Gitea, which merges at once what lacks nothing."""
        try:
            self._client.write("POST", self._home.path(f"pulls/{pull.number}/merge"), body)
        except Conflict:
            # Somebody left it to Gitea before.
            return
        except NotPermitted:
            raise
        except Refused:
            raise not_merged(
                pull, error.message, fix="Meet the requirements of the branch, then merge again."
            ) from error

    def _refuse_conflict(self, error: Refused, pull: PullRequest) -> None:
        row = self.read(pull.number)
        if row and row.get("mergeable") is False and row.get("merged") is not True:
            raise not_merged(
                pull, "it is in conflict with its base", fix="Resolve the conflicts, then merge again."
            ) from error

    def _is_merged(self, pull: PullRequest) -> bool:
        """Whether it was merged; otherwise it may be, as far as that shows without trying.

        Raises:
            Refused: it may not.
        """
        row = self.read(pull.number)
        if row is None:
            raise not_merged(pull, "it is gone", fix="Nothing can be done about it.")
        shown = normalize.pull_from_rest(row)
        if not shown.merged:
            refuse_other(pull, shown)
        return shown.merged

    def follow(self, branches: Collection[str]) -> None:
        """Take over what changed since the last time. Nothing is asked while no branch is wanted."""
        if not branches:
            self._watermark = None
            return
        if self._watermark is None:
            # What was never looked up will be, and then shows all that is older than this.
            self._forget(set(self._known))
        newest = self._watermark
        for row in self._client.rows(self._home.path("pulls"), {"state": "all", "sort": "recentupdate"}):
            changed = payload.moment_of(row, "updated_at")
            newest = max(newest, changed) if newest else changed
            if self._watermark is None or changed < self._watermark - OVERLAP:
                break
            self._note(row)
        self._watermark = newest or datetime(1970, 1, 1, tzinfo=UTC)

    def look_up(self, branches: Collection[str], *, anew: bool = False) -> None:
        """Make sure that the pull requests of these branches are known."""
        wanted = (
            sorted(branches) if anew else sorted(branch for branch in branches if branch not in self._known)
        )
        open_ones: list[Row] | None = None
        for branch in wanted:
            rows = self._between(branch, self._home.default_branch)
            if not any(map(payload.is_open, rows)):
                # It may go elsewhere, and only the list of all open ones tells where.
                if open_ones is None:
                    open_ones = list(self._client.rows(self._home.path("pulls"), {"state": "open"}))
                rows += open_ones
            self._take(branch, rows)

    def keep(self, branches: Collection[str]) -> None:
        """Forget all other branches."""
        with self._lock:
            self._known = {branch: pulls for branch, pulls in self._known.items() if branch in branches}

    def ensure(self, *, head: str, title: str, body: str, draft: bool, onto: str) -> PullRequest:
        """See `Forge.ensure_pull`. A closed or merged one of this branch is returned as it is: a person decided."""
        base = onto or self._home.default_branch
        if pull := self._newest(head, base=base):
            return pull
        wanted = {
            "title": normalize.titled(title, draft=True) if draft else title,
            "head": head,
            "base": base,
        }
        try:
            row = self._client.write_row("POST", self._home.path("pulls"), {**wanted, "body": body})
        except Conflict as error:
            if pull := self._newest(head, base=base):
                return pull
            raise Unavailable(
                f"the pull request of {head} does not show yet", fix="cdock looks again."
            ) from error
        except Absent as error:
            # Which of the two it misses is not said; the default branch may have got another name.
            self._home.verify()
            raise Unavailable(
                f"{self._home.host} does not know the branch {head}, or {base}",
                fix="cdock looks again after the push.",
            ) from error
        self._note(row)
        return normalize.pull_from_rest(row)

    def _newest(self, branch: str, *, base: str) -> PullRequest | None:
        """The open pull request of a branch, else its last one that goes to `base`, as it is now."""
        self.look_up([branch], anew=True)
        pull = self.newest(branch)
        if pull is None and base != self._home.default_branch:
            self._take(branch, self._between(branch, base))
        return pull or self.newest(branch)

    def _between(self, branch: str, base: str) -> list[Row]:
        """The pull requests from a branch to another.

        Asked for by its two branches, Gitea shows one of them, and which is not said; later ones have higher numbers.
        """
        base, head = quote(base, safe=""), quote(branch, safe="/")
        row = self._client.find(self._home.path(f"pulls/{base}/{head}"))
        rows = [row] if row else []
        if row and not payload.is_open(row):
            for later in self._client.rows(self._home.path("pulls"), {"state": "all"}):
                if payload.number_of(later) <= payload.number_of(row):
                    break
                rows.append(later)
        return rows

    def _take(self, branch: str, rows: Iterable[Row]) -> None:
        """These are the pull requests of a branch, among others, and closed ones that go elsewhere are as they were."""
        rows = [row for row in rows if normalize.head_of(row) == branch]
        with self._lock:
            numbers = {payload.number_of(row) for row in rows}
            before = self._known.get(branch, {})
            self._known[branch] = {n: pull for n, pull in before.items() if n in numbers or not pull.open}
        for row in rows:
            self._note(row)

    def _note(self, row: Row) -> None:
        pull = normalize.pull_from_rest(row)
        with self._lock:
            known = self._known.get(pull.head)
            if known is None:
                return
            before = known.get(pull.number)
            shown = with_talk(pull, before) if before else pull
            if before != shown:
                known[pull.number] = shown
            self._changed[pull.number] = payload.text_of(row, "updated_at")

    def _forget(self, branches: Collection[str]) -> None:
        with self._lock:
            for branch in branches:
                self._known.pop(branch, None)

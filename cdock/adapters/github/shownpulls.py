"""Pull requests as the forge showed them last, with our own writes since: nothing here asks anybody.

Replicas lag, so what is older than what is known is passed over. What is said about a pull request comes by another
door than its row (see `following`), and is kept while the row changes, as far as it is not about an older commit.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.payload import Row
from cdock.adapters.pulltalk import with_talk
from cdock.core.pulls import PullRequest


@dataclass(frozen=True)
class Shown:
    """A pull request, when it was changed last by the forge's clock, and what GraphQL calls it."""

    pull: PullRequest
    updated: datetime | None
    node: str
    unsure: bool = False
    """Whether a write of unknown outcome may have changed it."""
    base: str = ""
    """The branch it goes to; empty when no row told yet."""


class ShownPulls:
    """Pull requests by branch and number. Safe to use from several threads."""

    def __init__(self) -> None:
        self.revision = 0
        """Grows with every change that can be seen."""
        self._branches: dict[str, dict[int, Shown]] = {}
        self._strange: set[int] = set()
        self._lock = threading.RLock()

    def knows(self, branch: str) -> bool:
        """Whether the pull requests of this branch were read."""
        return branch in self._branches

    def newest(self, branch: str) -> PullRequest | None:
        """The open pull request of a branch, else its last one."""
        with self._lock:
            pulls = [shown.pull for shown in self._branches.get(branch, {}).values()]
        return max(pulls, key=lambda pull: (pull.open, pull.number), default=None)

    def find(self, number: int) -> Shown | None:
        """A pull request of a branch that was read."""
        with self._lock:
            return next((own[number] for own in self._branches.values() if number in own), None)

    def note_branch(self, branch: str, rows: Iterable[Row]) -> None:
        """All pull requests of a branch were read."""
        with self._lock:
            self._branches.setdefault(branch, {})
            for row in rows:
                self.note(row)

    def note(self, row: Row) -> bool:
        """A pull request's row was read, or answered to a write of ours; whether it is one of a known branch."""
        pull = normalize.pull_from_rest(row)
        updated = normalize.changed_of(row)
        with self._lock:
            self._strange.add(pull.number)
            own = self._branches.get(pull.head)
            if own is None:
                return False
            before = own.get(pull.number)
            if before is None or not normalize.older(updated, before.updated):
                shown = pull
                if before:
                    # The row tells what its target was when it was pushed to last.
                    stays = pull.open and before.base == normalize.base_of(row)
                    target = before.pull.target if stays else pull.target
                    shown = replace(with_talk(pull, before.pull), target=target)
                node, base = payload.text_of(row, "node_id"), normalize.base_of(row)
                self._put(own, Shown(shown, updated, node, base=base))
            return True

    def note_issue(self, row: Row) -> bool:
        """A pull request was shown among the issues, which tells all but its commit; whether that was taken over."""
        ending = row.get("pull_request")
        with self._lock:
            before = self.find(payload.number_of(row))
            if before is None or not isinstance(ending, dict):
                return False
            is_open, updated = payload.is_open(row), normalize.changed_of(row)
            if not is_open and "merged_at" not in ending:
                return False
            if normalize.older(updated, before.updated):
                return True
            pull = replace(
                before.pull,
                open=is_open,
                merged=bool(ending.get("merged_at")),
                draft=row.get("draft", before.pull.draft) is True,
                body=payload.body_of(row),
            )
            if not is_open:
                pull = replace(pull, conflicting=False, remarks=(), reviews=(), threads=(), checks=())
            self._put(self._branches[pull.head], replace(before, pull=pull, updated=updated))
            return True

    def note_talk(self, pull: PullRequest, updated: datetime) -> None:
        """What is said about a pull request was read; `updated` is when that changed last."""
        with self._lock:
            own = self._branches.get(pull.head, {})
            if before := own.get(pull.number):
                newest = updated if before.updated is None else max(updated, before.updated)
                self._put(own, replace(before, pull=pull, updated=newest))

    def note_answer(self, number: int, fields: Row) -> None:
        """What GraphQL answered to a write of ours: `isDraft`, `body` and `updatedAt`."""
        with self._lock:
            if before := self.find(number):
                draft, body = fields.get("isDraft") is True, payload.body_of(fields)
                pull = replace(before.pull, draft=draft, body=body)
                self.note_talk(pull, payload.moment_of(fields, "updatedAt"))

    def note_merged(self, number: int) -> None:
        """We merged it."""
        with self._lock:
            if before := self.find(number):
                pull = replace(
                    before.pull,
                    open=False,
                    merged=True,
                    conflicting=False,
                    remarks=(),
                    reviews=(),
                    threads=(),
                    checks=(),
                )
                self._put(self._branches[pull.head], replace(before, pull=pull))

    def doubt(self, number: int) -> None:
        """A write to it may have been applied or not: it has to be read before the next one."""
        with self._lock:
            for own in self._branches.values():
                if number in own:
                    own[number] = replace(own[number], unsure=True)

    def forget(self, branches: Iterable[str]) -> None:
        """The pull requests of these branches have to be read anew, once they are wanted."""
        with self._lock:
            for branch in branches:
                self._branches.pop(branch, None)
                self.revision += 1

    def branches(self) -> tuple[str, ...]:
        """All branches whose pull requests were read."""
        with self._lock:
            return tuple(self._branches)

    def is_news(self, row: Row) -> bool:
        """Whether an issue's row is of a pull request that may be one of ours and is not known to be as it says."""
        number, is_open = payload.number_of(row), payload.is_open(row)
        with self._lock:
            if shown := self.find(number):
                return shown.pull.open is not is_open
            strange = number not in self._strange
            self._strange.add(number)
            return strange

    def _put(self, own: dict[int, Shown], shown: Shown) -> None:
        """A value that did not change stays the same object."""
        before = own.get(shown.pull.number)
        same = before is not None and before.pull == shown.pull
        own[shown.pull.number] = replace(shown, pull=before.pull) if before and same else shown
        self.revision += not same

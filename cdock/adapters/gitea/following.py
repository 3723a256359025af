"""Following what is said about open pull requests: read when one changed, and now and then, for statuses change none.

Gitea knows no threads of its own: comments on one line of a file are one. Nor does it say that two branches are in
conflict, only that a pull request cannot be merged: a draft cannot, nor one that was not looked at yet.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from cdock.adapters import payload
from cdock.adapters.gitea.client import Client
from cdock.adapters.gitea.home import Home
from cdock.adapters.gitea.normalize import login_of
from cdock.adapters.gitea.pulls import Pulls
from cdock.adapters.gitea.writers import Writers
from cdock.adapters.payload import Row
from cdock.adapters.refusals import line_of
from cdock.core.marker import speaks_for_cdock
from cdock.core.pulls import Check, CheckState, Opinion, PullRequest, Remark, Review, Thread

PACE, SOON = 60.0, 30.0
"""Seconds between two readings of what is said; and while a status is pending, or what hinders a merge not known."""
TALK, THREADS, REMARKS, REVIEWS, CHECKS = 50, 50, 20, 20, 30
"""How many of the newest are taken: comments, threads, comments of a thread, reviews, statuses."""

_OPINIONS = {
    "APPROVED": Opinion.APPROVED,
    "REQUEST_CHANGES": Opinion.CHANGES,
    "COMMENT": Opinion.COMMENT,
}
_STATES = {
    **dict.fromkeys(("success", "warning", "skipped"), CheckState.PASSED),
    **dict.fromkeys(("failure", "error"), CheckState.FAILED),
}
_URGENT = (CheckState.FAILED, CheckState.PENDING, CheckState.PASSED)


class Follower:
    """Keeps what is said about pull requests up to date. `clock` is in seconds and never jumps."""

    def __init__(
        self,
        client: Client,
        home: Home,
        writers: Writers,
        pulls: Pulls,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._pulls = pulls
        self._clock = clock
        self._read: dict[int, tuple[str, float]] = {}
        self._hindered: dict[int, tuple[str, str]] = {}

    def follow(self, branches: Collection[str]) -> None:
        """Read about the open pull requests of these branches that changed, or are due."""
        pulls = self._pulls.open_of(branches)
        self._read = {pull.number: self._read[pull.number] for pull in pulls if pull.number in self._read}
        for pull in pulls:
            changed, due = self._read.get(pull.number, ("", 0.0))
            if changed != self._pulls.changed(pull.number) or self._clock() >= due:
                self._read_about(pull)

    def _read_about(self, pull: PullRequest) -> None:
        row = self._pulls.read(pull.number)
        found = self._pulls.newest(pull.head)
        if row is None or found is None or found.number != pull.number or not found.open:
            return
        conflicting, certain = self._conflict(found, row)
        reviews = self._rows(f"pulls/{found.number}/reviews")
        submitted = [each for each in reviews if each.get("state") in _OPINIONS and not each.get("dismissed")]
        checks = self._checks(found.commit)
        shown = replace(
            found,
            conflicting=conflicting,
            remarks=self._conversation(found),
            reviews=self._reviews(found, submitted),
            threads=self._threads(found, submitted),
            checks=checks,
        )
        self._pulls.note_talk(shown)
        pending = any(check.state is CheckState.PENDING for check in checks)
        wait = SOON if pending or not certain else PACE
        self._read[pull.number] = self._pulls.changed(pull.number), self._clock() + wait

    def _conflict(self, pull: PullRequest, row: Row) -> tuple[bool, bool]:
        """Whether there are conflicts, and whether that is certain: what is being looked at is so only for a moment."""
        if pull.draft or row.get("mergeable") is not False:
            self._hindered.pop(pull.number, None)
            return False, True
        ends = pull.commit, pull.target
        before, self._hindered[pull.number] = self._hindered.get(pull.number), ends
        return before == ends, before == ends

    def _conversation(self, pull: PullRequest) -> tuple[Remark, ...]:
        rows = self._client.whole(self._home.path(f"issues/{pull.number}/comments"))
        known = {remark.id: remark for remark in pull.remarks}
        said = [self._remark(row, "created_at", known) for row in sorted(rows, key=payload.id_of)[-TALK:]]
        return tuple(remark for remark in said if not remark.mine)

    def _reviews(self, pull: PullRequest, rows: Iterable[Row]) -> tuple[Review, ...]:
        known = {review.remark.id: review.remark for review in pull.reviews}
        found = []
        for row in rows:
            remark, opinion = self._remark(row, "submitted_at", known), _OPINIONS[str(row["state"])]
            if opinion is not Opinion.COMMENT or (remark.body.strip() and not remark.mine):
                found.append(Review(opinion, remark, payload.text_of(row, "commit_id")))
        return tuple(sorted(found, key=lambda review: review.remark.id)[-REVIEWS:])

    def _threads(self, pull: PullRequest, reviews: Iterable[Row]) -> tuple[Thread, ...]:
        commented = sorted((row for row in reviews if row.get("comments_count")), key=payload.id_of)
        places: dict[tuple[str, object, object], list[Row]] = {}
        for review in commented[-THREADS:]:
            path = f"pulls/{pull.number}/reviews/{payload.id_of(review)}/comments"
            for row in self._client.whole(self._home.path(path)):
                place = payload.text_of(row, "path"), row.get("position"), row.get("original_position")
                places.setdefault(place, []).append(row)
        known = {remark.id: remark for thread in pull.threads for remark in thread.remarks}
        threads = []
        for (path, line, _), rows in places.items():
            rows.sort(key=payload.id_of)
            remarks = tuple(self._remark(row, "created_at", known) for row in rows[-REMARKS:])
            threads.append(
                Thread(
                    ref=str(payload.id_of(rows[0])),
                    path=path,
                    line=line if isinstance(line, int) else 0,
                    resolved=any(row.get("resolver") for row in rows),
                    remarks=remarks,
                )
            )
        return tuple(sorted(threads, key=lambda thread: int(thread.ref))[-THREADS:])

    def _checks(self, commit: str) -> tuple[Check, ...]:
        if not commit:
            return ()
        row = self._client.find(self._home.path(f"commits/{commit}/status")) or {}
        newest: dict[str, Check] = {}
        rows = [each for each in row.get("statuses") or () if isinstance(each, dict)]
        for status in sorted(rows, key=payload.id_of):
            check = Check(
                ref=f"status-{payload.id_of(status)}",
                name=payload.text_of(status, "context"),
                state=_STATES.get(payload.text_of(status, "status"), CheckState.PENDING),
                summary=line_of(payload.text_of(status, "description")),
                url=payload.text_of(status, "target_url"),
            )
            newest[check.name] = check
        checks = sorted(newest.values(), key=lambda check: (_URGENT.index(check.state), check.name))
        return tuple(sorted(checks[:CHECKS], key=lambda check: check.name))

    def _remark(self, row: Row, moment: str, known: Mapping[int, Remark]) -> Remark:
        number, body = payload.id_of(row), payload.body_of(row)
        before = known.get(number)
        if before and before.body == body:
            return before
        mine = speaks_for_cdock(body) and self._writers.wrote(row)
        return Remark(
            id=number,
            author=login_of(row),
            body=body,
            created_at=payload.moment_of(row, moment),
            mine=mine,
            by_writer=not mine and self._writers.include(login_of(row)),
        )

    def _rows(self, rest: str) -> list[Row]:
        return list(self._client.rows(self._home.path(rest), {}))

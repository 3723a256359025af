"""Deliver what people said while the forge was away: each once, in order, and nothing over what happened meanwhile.

Only one process of a clone may deliver at a time: whoever holds the lock of its poller.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from cdock.core.errors import CdockError, Limited, Refused, Unavailable
from cdock.core.issues import Issue, Watch
from cdock.core.marker import parse_marker
from cdock.core.outbox import (
    SETTLE,
    Entry,
    Kind,
    State,
    due,
    forgettable,
    parked,
    sending,
    stranded,
    target_of,
    unanswered,
)
from cdock.core.policy import Policy
from cdock.ports import Clock, Forge, Outbox

log = logging.getLogger("cdock")

NOT_SEEN = "the forge did not show the issue"
CLOCKS = timedelta(days=1)
"""How far the clocks of this machine and of the forge may be apart when what we made is looked for."""


class Post(Protocol):
    """What delivering needs of a house."""

    @property
    def forge(self) -> Forge:
        """Where to."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Where from."""
        ...

    @property
    def clock(self) -> Clock:
        """When."""
        ...

    @property
    def policy(self) -> Policy:
        """By which names."""
        ...


@dataclass(frozen=True)
class Report:
    """The entries that changed, as they are now, and what ended the delivery before all that is due was tried."""

    changed: tuple[Entry, ...] = ()
    trouble: CdockError | None = None


def deliver(post: Post) -> tuple[Entry, ...]:
    """Deliver all that is due; the entries that changed. Never raises what a port may: the next call goes on."""
    report = deliver_all(post)
    if report.trouble is not None:
        # One that was not even begun is told of by whoever looks at the forge.
        level = logging.INFO if report.changed else logging.DEBUG
        log.log(level, "delivery waits", extra={"error": report.trouble.message, "fix": report.trouble.fix})
    return report.changed


def deliver_all(post: Post) -> Report:
    """Deliver all that is due, until the forge is not there, limits us, or does not know us."""
    round_ = _Round(post)
    try:
        round_.run()
    except CdockError as error:
        return Report(changed=tuple(round_.changed.values()), trouble=error)
    return Report(changed=tuple(round_.changed.values()))


class _Round:
    """One delivery: the entries as they were listed, kept up to date with what is written down."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._kept: dict[UUID, Entry] = {}
        self.changed: dict[UUID, Entry] = {}

    def run(self) -> None:
        """Deliver one entry after the other. Raises what ended it early."""
        self._kept = {entry.op: entry for entry in self._post.outbox.list()}
        for entry in forgettable(self._kept.values(), now=self._post.clock.now()):
            self._post.outbox.remove(entry.op)
            del self._kept[entry.op]
        while True:
            for entry in stranded(self._kept.values()):
                self._park(entry, entry.error, fix=entry.fix)
            ready = due(self._kept.values(), now=self._post.clock.now())
            if not ready:
                return
            self._deliver(ready[0])

    def _keep(self, entry: Entry) -> Entry:
        self._post.outbox.put(entry)
        self._kept[entry.op] = self.changed[entry.op] = entry
        return entry

    def _park(self, entry: Entry, error: str, *, fix: str) -> None:
        kept = self._keep(parked(entry, error, fix=fix))
        log.warning("kept for a person", extra={"issue": kept.on or None, "error": error, "fix": fix})

    def _deliver(self, entry: Entry) -> None:
        """Send one entry, unless what it is about has changed. It is never due again right after this.

        Raises:
            Unavailable: the forge did not answer; the entry says whether it may have been applied.
            Refused: this token may not even read.
        """
        number = target_of(entry, self._kept)
        issue = self._look(number)
        if entry.kind is Kind.COMMENT and not self._stands(entry, number, issue):
            return
        sent = self._keep(sending(entry, now=self._post.clock.now()))
        try:
            made = self._send(sent, number)
        except Limited as error:
            self._keep(replace(sent, state=State.PENDING, not_before=error.until, error=error.message))
            raise
        except Unavailable as error:
            self._keep(unanswered(sent, error.message, now=self._post.clock.now()))
            raise
        except Refused as error:
            fix = f"{error.fix.rstrip('.') or 'mend it'}; then `cdock sync --retry {sent.name}`"
            doubt = "; a former try may have arrived all the same" if entry.state is not State.PENDING else ""
            self._park(sent, error.message + doubt, fix=fix)
            return
        if made is None:
            self._done(sent, number, issue.url if issue else "")
        else:
            self._done(sent, made.number, made.url)

    def _look(self, number: int) -> Issue | None:
        """The issue as it is now. Asked even when there is none, so that nothing is sent to a forge that is away."""
        labels = self._post.policy.labels
        held = frozenset({number} if number else ())
        shown = self._post.forge.look(Watch(ready=labels.ready, help=labels.help_issue, held=held))
        return next((issue for issue in shown.issues if issue.number == number), None)

    def _stands(self, entry: Entry, number: int, issue: Issue | None) -> bool:
        """Whether a comment is to be sent now; if not, the entry says why."""
        now = self._post.clock.now()
        if issue is None and not entry.on:
            # Just made by us: a list that does not show it yet is no news.
            return True
        if issue is None and entry.error != NOT_SEEN:
            # One answer proves nothing; a replica may lag behind.
            self._keep(replace(entry, tried_at=now, not_before=now + SETTLE, error=NOT_SEEN))
            return False
        drop = f"`cdock sync --drop {entry.name}`"
        if issue is None or issue.gone:
            self._park(
                entry, f"#{number} was deleted or moved", fix=f"{drop}, or say it where the issue is now"
            )
            return False
        if any(parse_marker(comment.body) == entry.marker for comment in issue.comments):
            # A former try did reach the forge. Whatever happened to the issue since then, perhaps because of it.
            self._done(entry, number, issue.url)
            return False
        if entry.while_open and not issue.open:
            by = self._closed_by(issue)
            why = f"#{number} was closed meanwhile{f' by {by}' if by else ''}"
            self._park(entry, why, fix=f"{drop}, and say it on the task's own issue if it still matters")
            return False
        return True

    def _done(self, entry: Entry, number: int, url: str) -> None:
        self._keep(
            replace(entry, state=State.DONE, number=number, url=url, error="", fix="", not_before=None)
        )
        log.info("delivered", extra={"issue": number, "text": entry.title or "a person's words"})

    def _closed_by(self, issue: Issue) -> str:
        """Who closed a help issue; empty when the forge does not tell, or it is another kind of issue."""
        marker = parse_marker(issue.body)
        task = marker.fields.get("issue", "") if marker and marker.kind == "help" else ""
        if not task.isdecimal():
            return ""
        labels = self._post.policy.labels
        watch = Watch(ready=labels.ready, help=labels.help_issue, asking=frozenset({int(task)}))
        helps = self._post.forge.look(watch, fresh=False).helps
        return next((found.closed_by for found in helps if found.number == issue.number), "")

    def _send(self, entry: Entry, number: int) -> Issue | None:
        forge, labels = self._post.forge, self._post.policy.labels
        if entry.kind is Kind.COMMENT:
            forge.ensure_comment(number, marker=str(entry.marker), body=entry.text)
            return None
        # A day earlier than this machine's clock says: the forge's own may be another one.
        return forge.ensure_issue(
            marker=str(entry.marker),
            title=entry.title,
            body=entry.text,
            labels=(*entry.labels, *([labels.ready] if entry.ready else [])),
            since=entry.created_at - CLOCKS,
        )

"""What was done to an issue and by whom, and the two questions that answers: who said go, and who closed it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cdock.adapters import payload
from cdock.adapters.gitea import normalize
from cdock.adapters.gitea.client import Client
from cdock.adapters.gitea.home import Home
from cdock.adapters.gitea.sights import Sights
from cdock.adapters.gitea.writers import Writers
from cdock.adapters.payload import Row
from cdock.core.issues import Approval

GHOST = "ghost"
"""For accounts that are gone."""


@dataclass(frozen=True)
class Event:
    """One thing that was done. `kind`: labeled, unlabeled, renamed, closed, reopened."""

    kind: str
    by: str
    at: datetime
    label: str = ""


class Timeline:
    """Reads timelines of one repository's issues."""

    def __init__(self, client: Client, home: Home, writers: Writers, sights: Sights) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._sights = sights

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge.approval`. Who changed the body is kept from clients: see `Sights` for what is done instead.

        Raises:
            Refused: there is no such issue.
        """
        row = self._client.find(self._home.path(f"issues/{issue}"))
        if row is None or payload.is_pull(row):
            raise self._home.gone(issue)
        events = self._read(issue)
        labelled = [n for n, event in enumerate(events) if event.label.casefold() == label.casefold()]
        last = events[labelled[-1]] if labelled else None
        given = last if last and last.kind == "labeled" else None
        allowed = next((n for n in reversed(labelled) if self._allows(events[n])), None)
        at = None if allowed is None else events[allowed].at
        # Events come in the order in which they happened, also within a second.
        later = events if allowed is None else events[allowed + 1 :]
        editors = [event.by for event in later if event.kind == "renamed"]
        seen = normalize.issue_from_rest(row)
        if at and self._sights.differs(seen, since=at):
            editors.append(seen.author)
        strange = next((by or GHOST for by in editors if not self._writers.include(by)), "")
        return Approval(
            by=given.by if given else "",
            granted=given is not None and self._writers.include(given.by),
            at=at,
            digest=seen.digest,
            edited_by=strange,
            blind=True,
        )

    def closer(self, issue: int) -> str:
        """The login of who closed the issue last; empty when nobody did, or the account is gone."""
        closings = [event for event in self._read(issue) if event.kind == "closed"]
        return closings[-1].by if closings else ""

    def _allows(self, event: Event) -> bool:
        return event.kind == "labeled" and self._writers.include(event.by)

    def _read(self, issue: int) -> list[Event]:
        # Not in pages: what the account may not see (references from private repositories) is taken out of each page
        # after it was cut, so an empty page need not be the last one, and a stranger could hide a change behind it.
        return list(_events(self._client.whole(self._home.path(f"issues/{issue}/timeline"))))


def _events(rows: Iterable[Row]) -> Iterable[Event]:
    kinds = {"change_title": "renamed", "close": "closed", "reopen": "reopened"}
    for row in rows:
        kind = row.get("type")
        by, label = normalize.login_of(row), row.get("label")
        if kind == "label" and isinstance(label, dict):
            # The body says which: 1 for on, nothing for off.
            put_on = payload.text_of(row, "body") == "1"
            yield Event(
                "labeled" if put_on else "unlabeled",
                by,
                payload.moment_of(row, "created_at"),
                label=payload.text_of(label, "name"),
            )
        elif kind in kinds:
            yield Event(kinds[kind], by, payload.moment_of(row, "created_at"))

"""Issues that wait for others, where the host has such and the token may say so.

What an issue waits for is named by its database id: a number would be taken for the id of some stranger's issue.
"""

from cdock.adapters import payload
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.home import Home
from cdock.adapters.github.reading import Reader
from cdock.adapters.refusals import Absent
from cdock.core.errors import NotPermitted, Refused

DEPENDENCIES = "show what issues wait for"


class Dependencies:
    """What the issues of one repository wait for."""

    def __init__(self, client: Client, home: Home, reader: Reader, optional: OptionalFeatures) -> None:
        self._client = client
        self._home = home
        self._reader = reader
        self._optional = optional
        self._known: dict[int, set[int]] = {}

    def ensure(self, issue: int, *, by: int) -> None:
        """The issue number `issue` waits for the one with the database id `by`, if that can be.

        Raises:
            Refused: the waiting one is gone.
            Unavailable: it may wait or not.
        """
        if issue not in self._known:
            self._optional.attempt(DEPENDENCIES, lambda: self._list(issue), otherwise=None)
        known = self._known.get(issue)
        if known is None or by in known:
            return
        if self._optional.attempt(DEPENDENCIES, lambda: self._add(issue, by), otherwise=False):
            known.add(by)

    def _list(self, issue: int) -> None:
        """Read what it waits for: after a crash most of it stands there already."""
        try:
            rows = list(self._client.rows(self._home.path(f"issues/{issue}/dependencies/blocked_by")))
        except Absent as error:
            self._reader.require(issue, error)
            raise
        self._known[issue] = {payload.id_of(row) for row in rows}

    def _add(self, issue: int, by: int) -> bool:
        path = self._home.path(f"issues/{issue}/dependencies/blocked_by")
        try:
            row = self._client.write("POST", path, {"issue_id": by}, may_wait=True)
        except Absent as error:
            # The host has shown the list, so it is one of the two that is gone.
            self._reader.require(issue, error)
        except NotPermitted:
            raise
        except Refused:
            # It does already, or the two wait for each other, or for as many as there may be.
            pass
        else:
            if isinstance(row, dict) and row.get("number") == issue:
                self._reader.note(row)
        return True

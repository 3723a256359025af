"""Issues as parts of others, where the host has such and the token may make them.

Parts are named by their database id: a number would be taken for the id of some stranger's issue.
"""

from cdock.adapters import payload
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.home import Home
from cdock.adapters.github.reading import Reader
from cdock.adapters.refusals import Absent
from cdock.core.errors import NotPermitted, Refused

SUB_ISSUES = "make sub-issues"


class SubIssues:
    """Parents of one repository's issues."""

    def __init__(self, client: Client, home: Home, reader: Reader, optional: OptionalFeatures) -> None:
        self._client = client
        self._home = home
        self._reader = reader
        self._optional = optional
        self._settled: set[int] = set()
        self._read: set[int] = set()

    def ensure(self, child: int, *, parent: int) -> None:
        """The issue with the database id `child` is a part of the issue number `parent`, or of none if that cannot be.

        Raises:
            Refused: the parent is gone.
            Unavailable: it may be one or not.
        """
        if child in self._settled:
            return
        if self._optional.attempt(SUB_ISSUES, lambda: self._add(child, parent), otherwise=False):
            self._settled.add(child)

    def ensure_among(self, child: int, *, parent: int) -> None:
        """As `ensure`, for one of many: the parts that are there are read once, rather than each added in vain."""
        if child not in self._settled and parent not in self._read:
            self._optional.attempt(SUB_ISSUES, lambda: self._list(parent), otherwise=None)
        self.ensure(child, parent=parent)

    def _list(self, parent: int) -> None:
        try:
            rows = list(self._client.rows(self._home.path(f"issues/{parent}/sub_issues")))
        except Absent as error:
            self._reader.require(parent, error)
            raise
        self._settled.update(payload.id_of(row) for row in rows)
        self._read.add(parent)

    def _add(self, child: int, parent: int) -> bool:
        path = self._home.path(f"issues/{parent}/sub_issues")
        try:
            self._client.write("POST", path, {"sub_issue_id": child}, may_wait=True)
        except Absent as error:
            if parent not in self._read:
                raise
            # A host that has parts does not find the child: somebody deleted it.
            self._reader.require(parent, error)
        except NotPermitted:
            raise
        except Refused:
            # It is one already, or people gave it another parent, or there are as many as there may be.
            pass
        return True

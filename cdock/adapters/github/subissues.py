"""Help issues as sub-issues of what they are about, where the host has such and the token may make them."""

from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.home import Home
from cdock.core.errors import NotPermitted, Refused

SUB_ISSUES = "make help issues sub-issues"


class SubIssues:
    """Parents of one repository's issues."""

    def __init__(self, client: Client, home: Home, optional: OptionalFeatures) -> None:
        self._client = client
        self._home = home
        self._optional = optional
        self._settled: set[int] = set()

    def ensure(self, child: int, *, parent: int) -> None:
        """The issue with the database id `child` is a part of the issue number `parent`, or of none if that cannot be.

        Raises:
            Unavailable: it may be one or not.
        """
        if child not in self._settled:
            self._optional.attempt(SUB_ISSUES, lambda: self._add(child, parent), otherwise=None)
            self._settled.add(child)

    def _add(self, child: int, parent: int) -> None:
        # By its database id: a number would be taken for the id of some stranger's issue.
        path = self._home.path(f"issues/{parent}/sub_issues")
        try:
            self._client.write("POST", path, {"sub_issue_id": child}, may_wait=True)
        except NotPermitted:
            raise
        except Refused:
            # It is one already, or people gave it another parent, or there are as many as there may be.
            return

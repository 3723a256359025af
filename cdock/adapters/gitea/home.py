"""Where the repository is, and the number that stays its own whatever it is called."""

import threading

from cdock.adapters.gitea.client import Client, Row
from cdock.adapters.refusals import issue_gone, taken_over
from cdock.core.errors import Refused, Unavailable


class Home:
    """The repository `full_name` (`owner/name`), asked about once and at every `verify`."""

    def __init__(self, client: Client, full_name: str) -> None:
        self.full_name = full_name
        self.owner = full_name.partition("/")[0]
        self._client = client
        self._lock = threading.Lock()
        self._row: Row | None = None
        self._id = 0

    @property
    def host(self) -> str:
        """The host, for messages."""
        return self._client.host

    def path(self, rest: str) -> str:
        """The address of something below the repository."""
        return f"/repos/{self.full_name}/{rest}"

    @property
    def may_push(self) -> bool:
        """Whether the token's account may write to the repository."""
        permissions = self.description().get("permissions") or {}
        return bool(permissions.get("push"))

    @property
    def default_branch(self) -> str:
        """The branch pull requests go to."""
        return str(self.description()["default_branch"])

    def description(self) -> Row:
        """What the host says of the repository, as last asked; `verify` asks anew."""
        return self._row or self.verify()

    def verify(self) -> Row:
        """Ask whether the name still means the same repository.

        Raises:
            Refused: it means another one than before, or the repository has moved.
            Unavailable: there is no usable answer.
        """
        path = f"/repos/{self.full_name}"
        row = self._client.read(path)
        number = row.get("id")
        if not row.get("default_branch") or not isinstance(number, int):
            raise Unavailable(
                f"{self.host} sent no usable description of {self.full_name}",
                tried=f"GET {path}",
                fix="Check the host in the settings: it does not speak Gitea's REST API there.",
            )
        with self._lock:
            if self._id and number != self._id:
                raise taken_over(self.full_name, tried=f"GET {path}", number=number, before=self._id)
            self._id, self._row = number, row
        return row

    def gone(self, issue: int) -> Refused:
        """The error for an issue that is not there."""
        return issue_gone(issue, repository=self.full_name)

"""Where the repository is: the name it has now, and the number that stays its own whatever it is called."""

import threading
from typing import Any

from cdock.adapters.github.client import Client
from cdock.adapters.refusals import issue_gone, taken_over
from cdock.core.errors import Refused, Unavailable

Row = dict[str, Any]


class Home:
    """The repository `asked_for` (`owner/name`). Its name is asked for once, and again when something has moved."""

    def __init__(self, client: Client, asked_for: str) -> None:
        self._client = client
        self._asked_for = asked_for
        self._lock = threading.RLock()
        self._row: Row | None = None
        self._id = 0
        self._redirects = 0

    @property
    def host(self) -> str:
        """The host, for messages."""
        return self._client.host

    @property
    def full_name(self) -> str:
        """The repository's present name."""
        return str(self.description()["full_name"])

    def path(self, rest: str) -> str:
        """The address of something below the repository."""
        return f"/repos/{self.full_name}/{rest}"

    def owns(self, row: Row) -> bool:
        """Whether an issue is of this repository: a transferred one answers from its new home."""
        there = "/".join(str(row.get("repository_url", "")).split("/")[-2:])
        return there.casefold() == self.full_name.casefold()

    def gone(self, issue: int) -> Refused:
        """The error for an issue that is not here."""
        return issue_gone(issue, repository=self.full_name)

    def description(self) -> Row:
        """What the host says of the repository, as last asked; `verify` asks anew."""
        with self._lock:
            if self._row is None or self._redirects != self._client.redirects:
                return self.verify()
            return self._row

    def verify(self) -> Row:
        """Ask what the repository is called now, and whether it is still the same one.

        Raises:
            Refused: the name leads to another repository than it did before.
            Unavailable: there is no usable answer.
        """
        with self._lock:
            name = self._row["full_name"] if self._row else self._asked_for
            row = self._client.read(f"/repos/{name}")
            number = row.get("id")
            if not row.get("full_name") or not row.get("default_branch") or not isinstance(number, int):
                raise Unavailable(
                    f"{self._client.host} sent no usable description of {self._asked_for}",
                    tried=f"GET /repos/{name}",
                    fix="Check the host in the settings: it does not speak GitHub's REST API there.",
                )
            if self._id and number != self._id:
                # Asked again by everything that follows, so that nothing is read or written there meanwhile.
                self._redirects = -1
                raise taken_over(name, tried=f"GET /repos/{name}", number=number, before=self._id)
            self._id, self._row, self._redirects = number, row, self._client.redirects
            return row

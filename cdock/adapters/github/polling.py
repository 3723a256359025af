"""A list sorted by change, asked for at a constant address: what changed since the last walk, newest first.

A moving `since` would make every answer a new one. So the address stays, an unchanged list costs nothing, and a changed
one is walked until what was seen before. How far that is says the forge's own clock, never ours.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cdock.adapters.github import client, normalize
from cdock.adapters.github.client import Client, Poll, Query
from cdock.core.errors import Unavailable

Row = dict[str, Any]

OVERLAP = timedelta(seconds=120)
"""Replicas lag, and what changed in one second comes in any order: so far behind the newest row is looked again."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Feed:
    """One list of a repository, `size` rows a page."""

    def __init__(self, client: Client, rest: str, *, size: int, state: str = "") -> None:
        self.rest = rest
        self._client = client
        wanted: Query = {"state": state} if state else {}
        self._query: Query = {**wanted, "sort": "updated", "direction": "desc", "per_page": size}
        self._watermark: datetime | None = None

    def restart(self) -> None:
        """Begin anew, as if it had never been walked."""
        self._watermark = None

    def walk(self, path: str, take: Callable[[Row], object], *, more: Callable[[], bool] = bool) -> bool:
        """Give each changed row to `take`; whether the server sent anything.

        The first walk is over with the first page, and goes on as long as `more` says so. Where `take` raises, the
        walk did not happen: the next one gives all its rows again.

        Raises:
            Unavailable: no usable answer, or a row without its time of change.
        """
        first = self._client.poll(path, self._query, anew=self._watermark is None)
        if not first.changed:
            return False
        newest, page = self._watermark or BEGINNING, first
        for _ in range(client.MOST_PAGES):
            reached = False
            # To its end, for what is here costs nothing: some things change a row and not its time, as dependencies do.
            for row in rows_of(page, path):
                changed = normalize.updated_of(row)
                newest = max(newest, changed)
                reached |= self._watermark is not None and changed < self._watermark - OVERLAP
                take(row)
            if reached or not page.next or (self._watermark is None and not more()):
                first.commit()
                self._watermark = newest
                return True
            page = self._client.poll(page.next)
        raise Unavailable(f"{self._client.host} sent more than {client.MOST_PAGES} pages for GET {path}")


def rows_of(page: Poll, path: str) -> list[Row]:
    """The rows of a page.

    Raises:
        Unavailable: it is no list.
    """
    if not isinstance(page.content, list):
        raise Unavailable(
            f"the forge sent no list for GET {path}",
            tried=f"GET {path}",
            fix="A proxy or a login page may be in between; check the host in the settings.",
        )
    return [row for row in page.content if isinstance(row, dict)]

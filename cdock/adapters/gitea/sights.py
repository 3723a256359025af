"""What issues said when they were first seen after the label that starts work was put on.

Gitea tells nobody who edited a body, so its approvals are blind ones, and a task whose text changes needs a new label.
Before there is a task nobody remembers the text but we. Who may edit it is known: the author, and those who may write.
So when the author may not write, and the body is another than at first sight, it counts as changed by the author. The
memory is that of this process.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from cdock.core.issues import Issue


@dataclass
class _Sight:
    body: str
    at: datetime | None
    worn: bool


class Sights:
    """First sights by issue. Safe to use from several threads."""

    def __init__(self) -> None:
        self._seen: dict[int, _Sight] = {}
        self._lock = threading.Lock()

    def see(self, issue: Issue, *, worn: bool) -> None:
        """The issue was read, with the label on or off."""
        with self._lock:
            known = self._seen.get(issue.number)
            if known is None or (worn and not known.worn):
                self._seen[issue.number] = _Sight(issue.body, issue.updated_at, worn)
            else:
                known.worn = worn

    def differs(self, issue: Issue, *, since: datetime) -> bool:
        """Whether the body is another than at the first sight after the label was put on at `since`.

        Where that was before, or never, this is the first sight.
        """
        with self._lock:
            known = self._seen.get(issue.number)
            if known is None or known.at is None or known.at < since:
                worn = known is None or known.worn
                self._seen[issue.number] = _Sight(issue.body, issue.updated_at, worn)
                return False
            return known.body != issue.body

    def keep(self, numbers: Collection[int]) -> None:
        """Forget all other issues."""
        with self._lock:
            self._seen = {number: sight for number, sight in self._seen.items() if number in numbers}

"""The labels of the repository by name: Gitea's writes take ids, and only newer versions take names as well."""

import threading
from collections.abc import Collection
from itertools import chain

from cdock.adapters.gitea.client import Client
from cdock.adapters.gitea.home import Home
from cdock.adapters.gitea.normalize import label_ids
from cdock.adapters.labels import PLAIN_COLOR, LabelLook, label_looks
from cdock.core.errors import NotPermitted
from cdock.core.policy import Labels


class RepositoryLabels:
    """The labels that issues of one repository can wear: its own, and those of the organisation it belongs to."""

    def __init__(self, client: Client, home: Home) -> None:
        self._client = client
        self._home = home
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}

    def ids(self, names: Collection[str]) -> list[int]:
        """The ids of these labels; those that are not there are made.

        Raises:
            NotPermitted: the token may not make one.
        """
        with self._lock:
            if any(name.casefold() not in self._known for name in names):
                self._known = self._read()
            for name in sorted(names):
                if name.casefold() not in self._known:
                    self._make(LabelLook(name, PLAIN_COLOR, ""))
            return [self._known[name.casefold()] for name in sorted(names)]

    def forget(self) -> None:
        """Somebody deleted one that was known."""
        with self._lock:
            self._known = {}

    def lacking(self, labels: Labels) -> tuple[LabelLook, ...]:
        """The state labels that are not there."""
        with self._lock:
            self._known = self._read()
            wanted = {look.name.casefold(): look for look in label_looks(labels)}
            return tuple(look for name, look in wanted.items() if name not in self._known)

    def make(self, look: LabelLook) -> None:
        """Make a label."""
        with self._lock:
            self._make(look)

    def _make(self, look: LabelLook) -> None:
        body = {"name": look.name, "color": f"#{look.color}", "description": look.description}
        row = self._client.write_row("POST", self._home.path("labels"), body)
        self._known |= {name.casefold(): number for name, number in label_ids([row]).items()}

    def _read(self) -> dict[str, int]:
        own = label_ids(self._client.rows(self._home.path("labels")))
        try:
            shared = label_ids(self._client.rows(f"/orgs/{self._home.owner}/labels"))
        except NotPermitted:
            # A person's repository, or a token that may not see the organisation: then its own must do.
            shared = {}
        return {name.casefold(): number for name, number in chain(shared.items(), own.items())}

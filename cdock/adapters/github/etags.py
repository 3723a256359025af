"""What GitHub last said to each conditional read, kept in memory: a 304 then gives the same rows for no points.

An answer and its ETag are stored together and only once it was understood, so a crash or a broken body never hides a
change. Nothing here is written to disk: after a restart each URL costs one full read.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Page:
    """One answer: parsed JSON (callers must not change it), its ETag, and the URL of the page after it, if any.

    A page of which only changes matter is kept without what it showed.
    """

    content: Any
    etag: str
    next: str


class ETagCache:
    """The newest `limit` pages read with one token, the least recently used going first."""

    def __init__(self, *, token: str, limit: int = 4_000) -> None:
        # GitHub mixes the credential into its ETags, so another token's are worthless. The token itself stays out.
        self._fingerprint = hashlib.sha256(token.encode()).hexdigest()[:16]
        self._limit = limit
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, url: str, query: Mapping[str, str | int], *, accept: str) -> str:
        """The name of a read: everything GitHub's ETag depends on."""
        return f"GET {url}?{urlencode(sorted(query.items()))} {accept} {self._fingerprint}"

    def find(self, key: str) -> Page | None:
        """The page last stored under `key`."""
        with self._lock:
            if key in self._pages:
                self._pages.move_to_end(key)
            return self._pages.get(key)

    def store(self, key: str, page: Page) -> None:
        """Remember a page that was read and understood."""
        with self._lock:
            self._pages[key] = page
            self._pages.move_to_end(key)
            while len(self._pages) > self._limit:
                self._pages.popitem(last=False)

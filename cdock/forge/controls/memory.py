"""What the forge said lately, so that a fault can say it again: GitHub's replicas lag behind.

Kept are the answers themselves, per address and token, not states of the store: what a client never read before a
change it cannot read as it was before it.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cdock.forge.controls.asked import Asked
from cdock.forge.controls.reply import Reply

ADDRESSES: Final = 500
STATES: Final = 10
"""How many addresses are remembered, and how many different answers of each."""
BORN: Final = 5000
"""How many new objects are remembered."""

_PREFIX: Final = re.compile(r"/api(?:/v3)?(?=/)")
_Key = tuple[str, str, int | None, str, str, bytes]


@dataclass
class _Address:
    """One address: its answers, each since when it was right, and when it was last looked at."""

    states: deque[tuple[datetime, Reply]] = field(default_factory=lambda: deque(maxlen=STATES))
    seen: datetime | None = None


class Memory:
    """Answers of the recent past, and when objects came to be. With no addresses to remember it remembers nothing."""

    def __init__(self, addresses: int = ADDRESSES) -> None:
        self._most = addresses
        self._addresses: OrderedDict[_Key, _Address] = OrderedDict()
        self._born: OrderedDict[str, datetime] = OrderedDict()
        self._changed: datetime | None = None

    def clear(self) -> None:
        """Forget everything."""
        self._addresses.clear()
        self._born.clear()
        self._changed = None

    def changed(self, *, now: datetime) -> None:
        """Something was changed: answers that differ from now on differ since now."""
        self._changed = now

    def note(self, asked: Asked, reply: Reply, *, now: datetime) -> None:
        """Remember an answer of the forge."""
        if not self._most:
            return
        if asked.interface == "rest" and reply.status == 201 and reply.is_json:
            self._note_birth(reply, now)
        if asked.reads and reply.status in {200, 304}:
            self._note_state(asked, reply, now)

    def before(self, asked: Asked, moment: datetime) -> Reply | None:
        """The answer that was right then, or the oldest one known; None when there is none."""
        address = self._addresses.get(_key(asked))
        if address is None or not address.states:
            return None
        older = [reply for since, reply in address.states if since <= moment]
        return older[-1] if older else address.states[0][1]

    def born_since(self, path: str, moment: datetime) -> bool:
        """Whether what is at this path, or what it is a part of, was made after this moment."""
        parts = path.split("/")
        places = ("/".join(parts[:end]) for end in range(len(parts), 1, -1))
        return any(place in self._born and self._born[place] > moment for place in places)

    def _note_birth(self, reply: Reply, now: datetime) -> None:
        made = reply.json
        for name in ("url", "issue_url"):
            # A comment names its issue so, which is old; a pull request is an issue itself.
            address = made.get(name) if isinstance(made, dict) and (name == "url" or "head" in made) else None
            if isinstance(address, str):
                self._born[_PREFIX.sub("", urlsplit(address).path)] = now
        while len(self._born) > BORN:
            self._born.popitem(last=False)

    def _note_state(self, asked: Asked, reply: Reply, now: datetime) -> None:
        key = _key(asked)
        address = self._addresses.setdefault(key, _Address())
        self._addresses.move_to_end(key)
        if len(self._addresses) > self._most:
            self._addresses.popitem(last=False)
        if reply.status == 200 and (not address.states or address.states[-1][1].body != reply.body):
            moved = self._changed is not None and address.seen is not None and self._changed >= address.seen
            address.states.append((self._changed if moved and self._changed else now, reply))
        address.seen = now


def _key(asked: Asked) -> _Key:
    return (
        asked.path,
        asked.query,
        asked.who.token if asked.who else None,
        asked.headers.get("accept", ""),
        asked.headers.get("x-github-api-version", ""),
        asked.body if asked.interface == "graphql" else b"",
    )

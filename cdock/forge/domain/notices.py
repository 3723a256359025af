"""What happened in a transaction, said to whoever wants to tell others (webhooks); nobody listening costs nothing.

What goes away is said with the thing itself, before it is gone; everything else is looked up when the change is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

TIMELINE: Final = "timeline"
"""The event of what is also written down in an issue's timeline; its action is the kind there (see `events`)."""


@dataclass(frozen=True)
class Notice:
    """One thing that happened, named as GitHub's webhooks name it; `about` are the things that it is about."""

    repo: Repo
    event: str
    action: str | None
    actor: User | None
    about: Mapping[str, Any] = field(default_factory=dict)


def tell(tx: Tx, repo: Repo, event: str, action: str | None, *, actor: User | None, **about: Any) -> None:
    """Say that something happened; it counts only if the transaction is kept."""
    tx.notices.append(Notice(repo, event, action, actor, about))

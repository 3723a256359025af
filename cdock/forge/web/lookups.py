"""Commits that a text names: asked for once each, and not more of them than a page is worth."""

from __future__ import annotations

from collections.abc import Callable

from cdock.forge.domain import refs
from cdock.forge.domain.repos import Repo

LOOKUPS_PER_PAGE = 40
"""Each costs a git process; a hostile text names thousands of commits that do not exist."""


def commit_finder(repo: Repo) -> Callable[[str], str | None]:
    """A function from an abbreviated commit id to the whole one, or None when it is no commit here."""
    known: dict[str, str | None] = {}

    def commit_of(prefix: str) -> str | None:
        if prefix not in known and len(known) < LOOKUPS_PER_PAGE:
            oid = refs.resolved(repo, [prefix])[0]
            # git would take a branch of that name too
            known[prefix] = oid if oid and oid.startswith(prefix) else None
        return known.get(prefix)

    return commit_of

"""Issues that name each other: a mention in one shows in the timeline of the other."""

from __future__ import annotations

from collections.abc import Iterable

from cdock.forge.domain import events, repos, texts
from cdock.forge.domain.errors import DomainError
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Tx


def targets(
    tx: Tx, repo: Repo, found: Iterable[texts.Reference], *, actor: User | None
) -> list[tuple[Repo, int]]:
    """The issues that references lead to, as repository and issue id; those that lead nowhere are left out."""
    known: list[tuple[Repo, int]] = []
    for reference in found:
        home = repo
        if reference.repo is not None:
            owner, _, name = reference.repo.partition("/")
            try:
                home = repos.find(tx, owner, name, actor=actor)
            except DomainError:
                continue
        row = tx.row("SELECT id FROM issue WHERE repo_id = ? AND number = ?", home.id, reference.number)
        if row is not None:
            known.append((home, row["id"]))
    return known


def note_mentions(tx: Tx, repo: Repo, issue_id: int, text: str | None, *, actor: User) -> None:
    """Record on every issue that a text of this issue names that it was named, once per pair."""
    for home, target_id in targets(tx, repo, texts.references(text or ""), actor=actor):
        if target_id == issue_id:
            continue
        known = tx.row(
            "SELECT 1 FROM event WHERE issue_id = ? AND kind = 'cross-referenced' "
            "AND json_extract(data, '$.source') = ?",
            target_id,
            issue_id,
        )
        if known is None:
            events.record(tx, home, target_id, "cross-referenced", actor=actor, source=issue_id)

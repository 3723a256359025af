"""Branches that were made for an issue; GitHub shows them beside it."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from cdock.forge.domain import refmoves, refs
from cdock.forge.domain.errors import NotFound, invalid
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.refs import Ref
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx


@dataclass(frozen=True)
class LinkedBranch:
    """A link between an issue and a branch of its repository; `ref` is None once the branch is gone."""

    id: int
    issue_id: int
    name: str
    ref: Ref | None


def create(
    tx: Tx, repo: Repo, issue: Issue, *, oid: str, name: str | None, actor: User | None
) -> LinkedBranch:
    """Make a branch at a commit and link it. Without a name it gets one from the issue. Needs write access.

    Raises Invalid when a branch of this name exists, for a pull request and for an unknown commit.
    """
    if issue.pull:
        raise invalid("LinkedBranch", "issue", "Branches can be linked to issues only")
    short = (name or _name_for(issue)).removeprefix("refs/heads/")
    refmoves.create(tx, repo, f"refs/heads/{short}", oid, actor=actor)
    link_id = tx.insert("linked_branch", issue_id=issue.id, name=short, created=tx.stamp)
    return _load(repo, tx.rows("SELECT * FROM linked_branch WHERE id = ?", link_id))[0]


def of_issue(tx: Tx, repo: Repo, issue: Issue) -> list[LinkedBranch]:
    """The branches of an issue that still exist, oldest link first."""
    rows = tx.rows("SELECT * FROM linked_branch WHERE issue_id = ? ORDER BY id", issue.id)
    return [link for link in _load(repo, rows) if link.ref is not None]


def issue_id_of(tx: Tx, link_id: int) -> int:
    """The issue of a link. Raises NotFound."""
    row = tx.row("SELECT issue_id FROM linked_branch WHERE id = ?", link_id)
    if row is None:
        raise NotFound
    return int(row["issue_id"])


def delete(tx: Tx, repo: Repo, link_id: int, *, actor: User | None) -> None:
    """Forget a link; the branch stays. Needs write access."""
    require(tx, repo, actor, Role.WRITE)
    tx.run("DELETE FROM linked_branch WHERE id = ?", link_id)


def _name_for(issue: Issue) -> str:
    words = re.findall(r"[a-z0-9]+", issue.title.lower())
    return "-".join([str(issue.number), *words])[:100]


def _load(repo: Repo, rows: list[sqlite3.Row]) -> list[LinkedBranch]:
    known = {ref.short: ref for ref in refs.branches(repo)} if rows else {}
    return [LinkedBranch(row["id"], row["issue_id"], row["name"], known.get(row["name"])) for row in rows]

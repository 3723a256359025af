"""Repositories: a row here and a bare git repository on disk."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cdock.forge.domain import gitdir, users
from cdock.forge.domain.errors import Forbidden, Moved, NotFound, already_exists, invalid
from cdock.forge.domain.roles import Role, require, role_of
from cdock.forge.domain.users import User
from cdock.forge.store import Tx, moment_of

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")

SWITCHES: Final = {
    "has_issues": True,
    "allow_merge_commit": True,
    "allow_squash_merge": True,
    "allow_rebase_merge": True,
    "delete_branch_on_merge": False,
    "archived": False,
}
"""What can be switched per repository, with the values of a new one."""


class Unchecked:
    """Stands for the forge itself where an acting user is asked for."""


FORGE: Final = Unchecked()


@dataclass(frozen=True)
class Repo:
    """One repository; `git_dir` is the bare repository on disk."""

    id: int
    owner: User
    name: str
    description: str | None
    private: bool
    default_branch: str
    settings: dict[str, bool]
    created: datetime
    updated: datetime
    pushed: datetime
    git_dir: Path

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"


def create(
    tx: Tx,
    name: str,
    *,
    owner: User,
    private: bool = False,
    description: str | None = None,
    default_branch: str = "main",
) -> Repo:
    """A new, empty repository. Raises Invalid for a name that is taken or cannot be one."""
    _check_name(name)
    if tx.row("SELECT 1 FROM repo WHERE owner_id = ? AND name = ?", owner.id, name):
        raise invalid("Repository", "name", "name already exists on this account")
    tx.run("DELETE FROM redirect WHERE owner_id = ? AND name = ?", owner.id, name)
    repo_id = tx.insert(
        "repo",
        owner_id=owner.id,
        name=name,
        description=description,
        private=int(private),
        default_branch=default_branch,
        settings=json.dumps(SWITCHES),
        created=tx.stamp,
        updated=tx.stamp,
        pushed=tx.stamp,
    )
    repo = by_id(tx, repo_id)
    gitdir.create(repo.git_dir, default_branch=default_branch)
    return repo


def ensure(
    tx: Tx, owner: str, name: str, *, private: bool = False, description: str | None = None
) -> tuple[Repo, bool]:
    """The repository, and whether it had to be made. An existing one is left as it is."""
    person = users.ensure(tx, owner)
    row = tx.row("SELECT id FROM repo WHERE owner_id = ? AND name = ?", person.id, name)
    if row is not None:
        return by_id(tx, row["id"]), False
    return create(tx, name, owner=person, private=private, description=description), True


def find(tx: Tx, owner: str, name: str, *, actor: User | Unchecked | None) -> Repo:
    """The repository of this name as far as the acting user may see it.

    Raises NotFound, and Moved when it has another name now.
    """
    row = tx.row(
        "SELECT repo.id FROM repo JOIN user ON user.id = owner_id WHERE login = ? AND repo.name = ?",
        owner,
        name,
    )
    if row is not None:
        return by_id(tx, row["id"], actor=actor)
    moved = tx.row(
        "SELECT repo_id FROM redirect JOIN user ON user.id = owner_id WHERE login = ? AND redirect.name = ?",
        owner,
        name,
    )
    if moved is None:
        raise NotFound
    raise Moved(by_id(tx, moved["repo_id"], actor=actor).id)


def by_id(tx: Tx, repo_id: int, *, actor: User | Unchecked | None = FORGE) -> Repo:
    """The repository with this id. Raises NotFound, also when the acting user may not see it."""
    row = tx.row("SELECT * FROM repo WHERE id = ?", repo_id)
    if row is None:
        raise NotFound
    repo = _repos(tx, [row])[0]
    if not isinstance(actor, Unchecked) and role_of(tx, repo, actor) is Role.NONE:
        raise NotFound
    return repo


def is_visible(tx: Tx, repo_id: int, *, actor: User | Unchecked | None) -> bool:
    """Whether the acting user may know of the repository with this id."""
    try:
        by_id(tx, repo_id, actor=actor)
    except NotFound:
        return False
    return True


def list_visible(tx: Tx, *, actor: User | None, owner: User | None = None) -> list[Repo]:
    """All repositories that the user may see, by name; optionally of one owner only."""
    rows = tx.rows(
        "SELECT * FROM repo WHERE ?1 IS NULL OR owner_id = ?1 ORDER BY name, id", owner and owner.id
    )
    return [repo for repo in _repos(tx, rows) if role_of(tx, repo, actor) is not Role.NONE]


def list_shared(tx: Tx, user: User) -> list[Repo]:
    """The repositories that a user owns or has a role in, by name."""
    rows = tx.rows(
        "SELECT * FROM repo WHERE owner_id = ?1 OR id IN (SELECT repo_id FROM perm WHERE user_id = ?1) "
        "ORDER BY name, id",
        user.id,
    )
    return _repos(tx, rows)


def list_all(tx: Tx) -> list[Repo]:
    """Every repository, for the forge itself."""
    return _repos(tx, tx.rows("SELECT * FROM repo ORDER BY id"))


def update(tx: Tx, repo: Repo, *, actor: User | None, changes: dict[str, Any]) -> Repo:
    """Change a repository. Keys: name, description, private, default_branch and those of `SWITCHES`.

    Raises Invalid for a taken name or an unknown branch, Forbidden unless the user is admin.
    """
    require(tx, repo, actor, Role.ADMIN)
    columns: dict[str, object] = {"updated": tx.stamp}
    for key in ("description", "private"):
        if key in changes:
            columns[key] = int(changes[key]) if key == "private" else changes[key]
    if (branch := changes.get("default_branch")) is not None:
        if not gitdir.has_ref(repo.git_dir, f"refs/heads/{branch}"):
            raise invalid("Repository", "default_branch", f"Branch '{branch}' was not found")
        columns["default_branch"] = branch
        gitdir.set_head(repo.git_dir, branch)
    columns["settings"] = json.dumps(repo.settings | {k: v for k, v in changes.items() if k in SWITCHES})
    if (name := changes.get("name")) is not None and name != repo.name:
        columns["name"] = _rename(tx, repo, name)
    tx.update("repo", repo.id, **columns)
    return by_id(tx, repo.id)


def delete(tx: Tx, repo: Repo, *, actor: User | None) -> None:
    """Forget a repository with everything in it. Raises Forbidden unless the user is admin."""
    require(tx, repo, actor, Role.ADMIN)
    issues = "(SELECT id FROM issue WHERE repo_id = ?1)"
    comments = "(SELECT id FROM comment WHERE repo_id = ?1)"
    tx.run(f"DELETE FROM reaction WHERE subject = 'issue' AND subject_id IN {issues}", repo.id)  # noqa: S608
    tx.run(f"DELETE FROM reaction WHERE subject = 'comment' AND subject_id IN {comments}", repo.id)  # noqa: S608
    for table in ("issue_label", "assignee", "pull"):
        tx.run(f"DELETE FROM {table} WHERE issue_id IN {issues}", repo.id)  # noqa: S608
    for table in ("event", "comment", "issue", "label", "milestone", "status", "perm", "redirect"):
        tx.run(f"DELETE FROM {table} WHERE repo_id = ?", repo.id)  # noqa: S608
    tx.run("DELETE FROM repo WHERE id = ?", repo.id)
    shutil.rmtree(repo.git_dir)


def next_number(tx: Tx, repo: Repo) -> int:
    """The next number that issues and pull requests share."""
    tx.run("UPDATE repo SET seq = seq + 1 WHERE id = ?", repo.id)
    row = tx.row("SELECT seq FROM repo WHERE id = ?", repo.id)
    return int(row["seq"]) if row is not None else 0


def touch_pushed(tx: Tx, repo: Repo) -> None:
    """Note that something was pushed now."""
    tx.update("repo", repo.id, pushed=tx.stamp, updated=tx.stamp)


def open_issues(tx: Tx, repo: Repo) -> int:
    """How many issues and pull requests are open."""
    row = tx.row("SELECT count(*) AS n FROM issue WHERE repo_id = ? AND state = 'open'", repo.id)
    return int(row["n"]) if row is not None else 0


def refuse_archived(repo: Repo) -> None:
    """Raises Forbidden when the repository is read-only."""
    if repo.settings["archived"]:
        raise Forbidden("Repository was archived so is read-only.")


def require_open(tx: Tx, repo: Repo, user: User | None, wanted: Role) -> User:
    """The acting user, known to have at least this role in a repository that is not read-only.

    Raises NotFound, LoginNeeded and Forbidden as `roles.require` does, and Forbidden for an archived repository.
    """
    person = require(tx, repo, user, wanted)
    refuse_archived(repo)
    return person


def _rename(tx: Tx, repo: Repo, name: str) -> str:
    _check_name(name)
    taken = tx.row("SELECT id FROM repo WHERE owner_id = ? AND name = ?", repo.owner.id, name)
    if taken is not None and taken["id"] != repo.id:
        raise already_exists("Repository", "name")
    tx.run("DELETE FROM redirect WHERE owner_id = ? AND name = ?", repo.owner.id, name)
    if name.lower() != repo.name.lower():
        tx.insert("redirect", owner_id=repo.owner.id, name=repo.name, repo_id=repo.id)
    repo.git_dir.rename(_git_dir(tx.repos_root, repo.owner.login, name))
    return name


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name in {".", ".."} or name.lower().endswith((".git", ".wiki")):
        raise invalid(
            "Repository", "name", f"'{name}' is not a repository name: use letters, digits, . _ and -"
        )


def _git_dir(root: Path, owner: str, name: str) -> Path:
    return root / owner / f"{name}.git"


def _repos(tx: Tx, rows: Iterable[sqlite3.Row]) -> list[Repo]:
    rows = list(rows)
    owners = users.by_ids(tx, (row["owner_id"] for row in rows))
    return [
        Repo(
            id=row["id"],
            owner=owners[row["owner_id"]],
            name=row["name"],
            description=row["description"],
            private=bool(row["private"]),
            default_branch=row["default_branch"],
            settings=SWITCHES | json.loads(row["settings"]),
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            pushed=moment_of(row["pushed"]),
            git_dir=_git_dir(tx.repos_root, owners[row["owner_id"]].login, row["name"]),
        )
        for row in rows
    ]

"""Boards ("projects") of users and organisations: who may see and change them, which repositories they go with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from cdock.forge.domain import repos, standardfields
from cdock.forge.domain.errors import Forbidden, LoginNeeded, NotFound, invalid, missing
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, role_of
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx, moment_of

DENIED = "You do not have permission to do this to the project."


class Access(IntEnum):
    """What a user may do with a board; each includes those below it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """GitHub's name of it, in lower case."""
        return self.name.lower()


@dataclass(frozen=True)
class Project:
    """One board; `number` counts per owner, `closed` is when it was closed."""

    id: int
    owner: User
    number: int
    title: str
    short_description: str | None
    readme: str | None
    public: bool
    creator: User
    created: datetime
    updated: datetime
    closed: datetime | None

    @property
    def path(self) -> str:
        """Where its page is on this forge, from the root."""
        return f"/{'orgs' if self.owner.kind == 'Organization' else 'users'}/{self.owner.login}/projects/{self.number}"


def create(tx: Tx, owner: User, title: str, *, actor: User | None, repo: Repo | None = None) -> Project:
    """A new private board with GitHub's standard fields, linked to `repo` when one is given.

    A user's boards are made by that user; an organisation's by whoever may write to one of its repositories (and by
    itself, for the forge's own commands). Whoever makes one is its admin. Raises Forbidden, and Invalid for an empty
    title or one beyond 256 characters.
    """
    if actor is None:
        raise LoginNeeded
    if not _may_create(tx, owner, actor):
        raise Forbidden(f"You do not have permission to create projects owned by {owner.login}.")
    row = tx.row("SELECT coalesce(max(number), 0) + 1 AS next FROM project WHERE owner_id = ?", owner.id)
    project_id = tx.insert(
        "project",
        owner_id=owner.id,
        number=row["next"] if row else 1,
        title=_checked_title(title),
        creator_id=actor.id,
        created=tx.stamp,
        updated=tx.stamp,
    )
    tx.insert("project_access", project_id=project_id, user_id=actor.id, access=Access.ADMIN.label)
    standardfields.create(tx, project_id)
    project = by_id(tx, project_id, actor=actor)
    if repo is not None:
        link(tx, project, repo, actor=actor)
    return project


def find(tx: Tx, owner: User, number: int, *, actor: User | None) -> Project:
    """The owner's board of this number. Raises NotFound, also when the acting user may not see it."""
    row = tx.row("SELECT * FROM project WHERE owner_id = ? AND number = ?", owner.id, number)
    return _seen(tx, row, actor)


def by_id(tx: Tx, project_id: int, *, actor: User | None) -> Project:
    """The board with this database id. Raises NotFound, also when the acting user may not see it."""
    return _seen(tx, tx.row("SELECT * FROM project WHERE id = ?", project_id), actor)


def list_of(tx: Tx, owner: User, *, actor: User | None) -> list[Project]:
    """All boards of an owner that the acting user may see, newest first; closed ones too."""
    rows = tx.rows("SELECT * FROM project WHERE owner_id = ? ORDER BY number DESC", owner.id)
    return _visible(tx, rows, actor)


def list_visible(tx: Tx, *, actor: User | None) -> list[Project]:
    """The open boards of all owners that the acting user may see, by title."""
    rows = tx.rows("SELECT * FROM project WHERE closed IS NULL ORDER BY title, id")
    return _visible(tx, rows, actor)


def list_of_repo(tx: Tx, repo: Repo, *, actor: User | None) -> list[Project]:
    """All boards linked to a repository that the acting user may see, newest first."""
    rows = tx.rows(
        "SELECT project.* FROM project JOIN project_repo ON project_id = project.id WHERE repo_id = ? "
        "ORDER BY project.id DESC",
        repo.id,
    )
    return _visible(tx, rows, actor)


def repos_of(tx: Tx, project: Project, *, actor: User | None) -> list[Repo]:
    """The repositories that a board is linked to, as far as the acting user may see them."""
    rows = tx.rows("SELECT repo_id FROM project_repo WHERE project_id = ? ORDER BY rowid", project.id)
    ids = [row["repo_id"] for row in rows if repos.is_visible(tx, row["repo_id"], actor=actor)]
    return [repos.by_id(tx, repo_id) for repo_id in ids]


def update(
    tx: Tx,
    project: Project,
    *,
    actor: User | None,
    title: str | None = None,
    short_description: str | None = None,
    readme: str | None = None,
    public: bool | None = None,
    closed: bool | None = None,
) -> Project:
    """Change a board; None leaves a thing as it is. Needs write access, and admin access for `public`."""
    require(tx, project, actor, Access.WRITE if public is None else Access.ADMIN)
    columns: dict[str, object] = {"updated": tx.stamp}
    if title is not None:
        columns["title"] = _checked_title(title)
    if short_description is not None:
        columns["short_description"] = short_description
    if readme is not None:
        columns["readme"] = readme
    if public is not None:
        columns["public"] = int(public)
    if closed is not None and closed != (project.closed is not None):
        columns["closed"] = tx.stamp if closed else None
    tx.update("project", project.id, **columns)
    return by_id(tx, project.id, actor=actor)


def delete(tx: Tx, project: Project, *, actor: User | None) -> None:
    """Remove a board with its items; the issues on it stay. Needs admin access."""
    require(tx, project, actor, Access.ADMIN)
    tx.run("DELETE FROM project WHERE id = ?", project.id)


def link(tx: Tx, project: Project, repo: Repo, *, actor: User | None) -> None:
    """Show a board with a repository of its owner; nothing happens when it is linked already.

    Needs write access to both. Raises Invalid for a repository of somebody else.
    """
    person = require(tx, project, actor, Access.WRITE)
    _require_writer(tx, repo, person)
    if repo.owner.id != project.owner.id:
        raise invalid("ProjectV2", "repository", "The repository and the project must have the same owner")
    tx.run("INSERT OR IGNORE INTO project_repo (project_id, repo_id) VALUES (?, ?)", project.id, repo.id)


def unlink(tx: Tx, project: Project, repo: Repo, *, actor: User | None) -> None:
    """The opposite of `link`; nothing happens when it is not linked."""
    person = require(tx, project, actor, Access.WRITE)
    _require_writer(tx, repo, person)
    tx.run("DELETE FROM project_repo WHERE project_id = ? AND repo_id = ?", project.id, repo.id)


def access_of(tx: Tx, project: Project, user: User | None) -> Access:
    """What a user may do with a board: its owner everything, others what they were given; all may read a public one.

    As on GitHub a role in a linked repository gives nothing here: people are invited to a board by themselves.
    """
    everybody = Access.READ if project.public else Access.NONE
    if user is None:
        return everybody
    if user.id == project.owner.id:
        return Access.ADMIN
    row = tx.row(
        "SELECT access FROM project_access WHERE project_id = ? AND user_id = ?", project.id, user.id
    )
    return max(everybody, Access[row["access"].upper()]) if row is not None else everybody


def set_access(tx: Tx, project: Project, user: User, access: Access, *, actor: User | None) -> None:
    """Invite a user to a board, change what they may do, or (`Access.NONE`) take it back. Needs admin access."""
    require(tx, project, actor, Access.ADMIN)
    tx.run("DELETE FROM project_access WHERE project_id = ? AND user_id = ?", project.id, user.id)
    if access is not Access.NONE:
        tx.insert("project_access", project_id=project.id, user_id=user.id, access=access.label)


def require(tx: Tx, project: Project, user: User | None, wanted: Access) -> User:
    """The acting user, known to be somebody with at least this access.

    Raises NotFound when they may not even know of the board, LoginNeeded when nobody is logged in, else Forbidden.
    """
    access = access_of(tx, project, user)
    if access is Access.NONE:
        raise NotFound
    if user is None:
        raise LoginNeeded
    if access < wanted:
        raise Forbidden(DENIED)
    return user


def touch(tx: Tx, project_id: int) -> None:
    """Note that something on the board changed now."""
    tx.update("project", project_id, updated=tx.stamp)


def _may_create(tx: Tx, owner: User, actor: User) -> bool:
    if owner.kind != "Organization" or actor.id == owner.id:
        return actor.id == owner.id
    mine = repos.list_visible(tx, actor=actor, owner=owner)
    return any(role_of(tx, repo, actor) >= Role.WRITE for repo in mine)


def _require_writer(tx: Tx, repo: Repo, person: User) -> None:
    role = role_of(tx, repo, person)
    if role is Role.NONE:
        raise NotFound
    if role < Role.WRITE:
        raise Forbidden("Write access to the repository is needed to link it.")


def _checked_title(title: str) -> str:
    if not title.strip():
        raise missing("ProjectV2", "title")
    if len(title) > 256:
        raise invalid("ProjectV2", "title", "title is too long (maximum is 256 characters)")
    return title


def _seen(tx: Tx, row: sqlite3.Row | None, actor: User | None) -> Project:
    found = _visible(tx, [row] if row is not None else [], actor)
    if not found:
        raise NotFound
    return found[0]


def _visible(tx: Tx, rows: Iterable[sqlite3.Row], actor: User | None) -> list[Project]:
    rows = list(rows)
    people = by_ids(tx, [row[key] for row in rows for key in ("owner_id", "creator_id")])
    found = [
        Project(
            id=row["id"],
            owner=people[row["owner_id"]],
            number=row["number"],
            title=row["title"],
            short_description=row["short_description"],
            readme=row["readme"],
            public=bool(row["public"]),
            creator=people[row["creator_id"]],
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
            closed=moment_of(row["closed"]) if row["closed"] else None,
        )
        for row in rows
    ]
    return [project for project in found if access_of(tx, project, actor) is not Access.NONE]

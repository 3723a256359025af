"""Who may do what in a repository."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from cdock.forge.domain.errors import Forbidden, LoginNeeded, NotFound, invalid
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx

if TYPE_CHECKING:
    from cdock.forge.domain.repos import Repo


class Role(IntEnum):
    """What a user may do; each role includes those below it."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def label(self) -> str:
        """GitHub's name of the role."""
        return self.name.lower()


def parse_role(name: str) -> Role:
    """The role of this name; takes the older names `pull` and `push` too. Raises Invalid."""
    known = {role.label: role for role in Role if role} | {"pull": Role.READ, "push": Role.WRITE}
    if name.lower() not in known:
        raise invalid("Repository", "permission", f"'{name}' is not a role; roles are {', '.join(known)}")
    return known[name.lower()]


def role_of(tx: Tx, repo: Repo, user: User | None) -> Role:
    """The role of a user in a repository; everybody may read a public one."""
    everybody = Role.NONE if repo.private else Role.READ
    if user is None:
        return everybody
    if user.id == repo.owner.id:
        return Role.ADMIN
    row = tx.row("SELECT role FROM perm WHERE repo_id = ? AND user_id = ?", repo.id, user.id)
    if row is not None:
        return max(everybody, parse_role(row["role"]))
    return Role.WRITE if user.kind == "Bot" and _installed(tx, repo, user) else everybody


def _installed(tx: Tx, repo: Repo, bot: User) -> bool:
    """Whether a bot is that of an App that is installed for the repository. Such a bot is no collaborator."""
    found = tx.row(
        "SELECT 1 FROM installation_repo JOIN installation ON installation.id = installation_id "
        "JOIN app ON app.id = app_id WHERE repo_id = ? AND bot_id = ?",
        repo.id,
        bot.id,
    )
    return found is not None


def allows(tx: Tx, repo: Repo, user: User | None, wanted: Role) -> bool:
    """Whether a user has at least this role."""
    return role_of(tx, repo, user) >= wanted


def require(
    tx: Tx,
    repo: Repo,
    user: User | None,
    wanted: Role,
    *,
    message: str = "Must have admin rights to Repository.",
) -> User:
    """The acting user, known to be somebody with at least this role.

    Raises NotFound when they may not even know of the repository, LoginNeeded when nobody is logged in, else Forbidden.
    """
    role = role_of(tx, repo, user)
    if role is Role.NONE:
        raise NotFound
    if user is None:
        raise LoginNeeded
    if role < wanted:
        raise Forbidden(message)
    return user


def set_role(tx: Tx, repo: Repo, user: User, role: Role) -> None:
    """Give a user a role; `Role.NONE` takes it away. The owner stays admin whatever is set."""
    tx.run("DELETE FROM perm WHERE repo_id = ? AND user_id = ?", repo.id, user.id)
    if role is not Role.NONE:
        tx.insert("perm", repo_id=repo.id, user_id=user.id, role=role.label)


def collaborators(tx: Tx, repo: Repo) -> list[tuple[User, Role]]:
    """The owner and everybody who was given a role, by login."""
    rows = tx.rows("SELECT user_id, role FROM perm WHERE repo_id = ?", repo.id)
    found = {row["user_id"]: parse_role(row["role"]) for row in rows} | {repo.owner.id: Role.ADMIN}
    people = by_ids(tx, found)
    return sorted(
        ((people[key], role) for key, role in found.items()), key=lambda pair: pair[0].login.lower()
    )


def is_collaborator(tx: Tx, repo: Repo, user: User) -> bool:
    """Whether the user was given a role (reading a public repository is none)."""
    return any(user.id == person.id for person, _ in collaborators(tx, repo))


def assignables(tx: Tx, repo: Repo) -> list[User]:
    """Everybody to whom issues can be assigned: who may write."""
    return [person for person, role in collaborators(tx, repo) if role >= Role.TRIAGE]

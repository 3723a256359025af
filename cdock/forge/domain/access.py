"""What a token may do, whoever's it is: fine-grained tokens and those of Apps by permissions, classic ones by scopes.

The rights of the user are asked for as well; a token never gives more than its user has.
"""

from __future__ import annotations

from typing import Final

from cdock.forge.domain.errors import Forbidden, NotFound
from cdock.forge.domain.logins import Login
from cdock.forge.domain.repos import Repo

LEVELS: Final = ("read", "write", "admin")
AREAS: Final = frozenset(
    {
        "actions",
        "administration",
        "checks",
        "contents",
        "issues",
        "metadata",
        "organization_projects",
        "pull_requests",
        "repository_hooks",
        "statuses",
        "workflows",
    }
)

Permission = tuple[str, str]
"""An area and a level."""


class Inaccessible(Forbidden):
    """The token has not the permission, whatever its user may do."""

    def __init__(self, login: Login) -> None:
        who = "integration" if login.kind == "app" else "personal access token"
        super().__init__(f"Resource not accessible by {who}")


def parse_permissions(text: str) -> dict[str, str]:
    """Permissions written as `issues=write,contents=read`. Raises ValueError for what is none."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        area, equals, level = part.partition("=")
        if area not in AREAS or not equals or level not in LEVELS:
            raise ValueError(
                f"'{part}' is not a permission: write AREA=read or AREA=write; areas are {', '.join(sorted(AREAS))}"
            )
        found[area] = level
    return found


def has(login: Login, permission: Permission, repo: Repo | None = None) -> bool:
    """Whether a token has a permission, in a repository when it is given. Classic tokens have all."""
    if login.kind == "classic":
        return True
    if repo is not None and login.repo_ids is not None and repo.id not in login.repo_ids:
        return False
    area, level = permission
    given = login.permissions.get(area)
    return given is not None and LEVELS.index(given) >= LEVELS.index(level)


def check(login: Login | None, permission: Permission, repo: Repo | None = None) -> None:
    """Raises Inaccessible when somebody's token has not this permission. What is public may be read with any."""
    if login is None or _public(permission, repo):
        return
    if not has(login, permission, repo):
        raise Inaccessible(login)


def check_scopes(login: Login | None, *, write: bool, repo: Repo) -> None:
    """Raises NotFound when a classic token has not the scope for a repository, as GitHub answers then."""
    if login is None or login.kind != "classic" or "repo" in login.scopes:
        return
    if repo.private or (write and "public_repo" not in login.scopes):
        raise NotFound


def _public(permission: Permission, repo: Repo | None) -> bool:
    return permission[1] == "read" and repo is not None and not repo.private

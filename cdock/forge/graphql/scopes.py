"""What a token must be made for, beyond what its user may do."""

from __future__ import annotations

from cdock.forge.domain import access
from cdock.forge.domain.access import Inaccessible
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.graphql.asked import Ask
from cdock.forge.graphql.errors import Typed


def boards(ask: Ask, field: str, *, owner: User | None = None, write: bool = False) -> None:
    """Raises Typed or Inaccessible unless the token may read (or `write`) boards of this owner."""
    login = ask.login
    if login.kind != "classic":
        if owner is not None and owner.kind != "Organization":
            # No permission is about the boards of users.
            raise Inaccessible(login)
        access.check(login, ("organization_projects", "write" if write else "read"))
        return
    wanted = ["project"] if write else ["read:project"]
    if not set(login.scopes) & {"project", *wanted}:
        mine = ", ".join(f"'{scope}'" for scope in login.scopes)
        raise Typed(
            "INSUFFICIENT_SCOPES",
            "Your token has not been granted the required scopes to execute this query. The "
            f"'{field}' field requires one of the following scopes: {wanted}, but your token has only been granted "
            f"the: [{mine}] scopes. Please modify your token's scopes at: https://github.com/settings/tokens.",
        )


def checks(ask: Ask, repo: Repo) -> None:
    """Raises Inaccessible unless the token may read checks, which no fine-grained one may on GitHub."""
    if not access.has(ask.login, ("checks", "read"), repo):
        raise Inaccessible(ask.login)


def reading(ask: Ask, repo: Repo, *areas: str) -> None:
    """Raises Inaccessible unless the token may read in one of these areas; what is public may be read with any."""
    if repo.private and not any(access.has(ask.login, (area, "read"), repo) for area in areas):
        raise Inaccessible(ask.login)


def changing(ask: Ask, repo: Repo) -> None:
    """Raises Inaccessible unless the token may do in a repository what the mutation under way needs.

    Raises NotFound when a classic token lacks the scope. In a query nothing is asked.
    """
    if ask.needs:
        access.check_scopes(ask.login, write=True, repo=repo)
        if not any(access.has(ask.login, (area, "write"), repo) for area in ask.needs):
            raise Inaccessible(ask.login)

"""Which permission each operation asks of fine-grained tokens and of Apps, after GitHub's table."""

from __future__ import annotations

import re
from typing import Final

from cdock.forge.domain import access
from cdock.forge.domain.access import Inaccessible, Permission
from cdock.forge.domain.errors import Forbidden
from cdock.forge.domain.logins import Login
from cdock.forge.domain.repos import Repo
from cdock.forge.store import Tx

# Paths below a repository; the first that fits counts. What may be an issue or a pull request has two areas.
_RULES: Final = tuple(
    (methods, re.compile(path), areas)
    for methods, path, areas in (
        ("POST", r"/issues", ("issues",)),
        ("*", r"/issues/\d+/(?:sub_issue|parent|dependencies).*", ("issues",)),
        ("*", r"/(?:issues|labels|milestones|assignees)(?:/.*)?", ("issues", "pull_requests")),
        ("PUT", r"/pulls/\d+/merge", ("contents",)),
        ("*", r"/pulls(?:/.*)?", ("pull_requests",)),
        ("*", r"/statuses/.+|/commits/.+/status(?:es)?", ("statuses",)),
        ("*", r"/check-(?:runs|suites)(?:/.*)?|/commits/.+/check-runs", ("checks",)),
        ("*", r"/hooks(?:/.*)?", ("repository_hooks",)),
        ("*", r"/(?:git|contents|commits|branches|tags|compare|readme)(?:/.*)?", ("contents",)),
        ("GET", r"(?:/collaborators.*)?", ("metadata",)),
        ("*", r".*", ("administration",)),
    )
)
_NUMBERED: Final = re.compile(r"/issues/(\d{1,18})(?:/.*)?")


def accepted(method: str, path: str, *, in_repo: bool) -> tuple[Permission, ...]:
    """The permissions of which one is enough, the usual one first; none is needed for what is everybody's."""
    level = "read" if method == "GET" else "write"
    if in_repo:
        areas = next(
            areas for methods, rule, areas in _RULES if methods in {"*", method} and rule.fullmatch(path)
        )
        return tuple((area, level) for area in areas)
    if "/projectsV2" in path:
        return (("organization_projects", level),)
    return (("administration", "write"),) if (method, path) == ("POST", "/user/repos") else ()


def check(tx: Tx, login: Login | None, method: str, path: str, repo: Repo | None) -> None:
    """Raises Forbidden unless a token has what a request asks of it, and NotFound when a classic one lacks a scope."""
    if login is None:
        return
    if repo is not None:
        access.check_scopes(login, write=method != "GET", repo=repo)
    if login.kind != "classic" and path.startswith("/users/") and "/projectsV2" in path:
        # No permission is about the boards of users.
        raise Inaccessible(login)
    wanted = accepted(method, path, in_repo=repo is not None)
    enough = [one for one in wanted if one[0] != "pull_requests" or _may_be_pull(tx, path, repo)]
    for one in enough:
        try:
            access.check(login, one, repo)
        except Forbidden:
            if one == enough[-1]:
                raise
        else:
            break


def headers(login: Login | None, wanted: tuple[Permission, ...]) -> dict[str, str]:
    """What an answer says about the token: how long it is valid, what it may do, what would have been enough."""
    if login is None:
        return {}
    found: dict[str, str] = {}
    if login.kind == "classic":
        found["X-OAuth-Scopes"] = ", ".join(login.scopes)
    elif wanted:
        found["X-Accepted-GitHub-Permissions"] = "; ".join(f"{area}={level}" for area, level in wanted)
    if login.expires is not None and login.kind != "app":
        found["github-authentication-token-expiration"] = f"{login.expires:%Y-%m-%d %H:%M:%S} UTC"
    return found


def _may_be_pull(tx: Tx, path: str, repo: Repo | None) -> bool:
    """Whether a path is about a pull request, or about no issue or pull request in particular."""
    found = _NUMBERED.fullmatch(path)
    if found is None or repo is None:
        return True
    row = tx.row("SELECT is_pull FROM issue WHERE repo_id = ? AND number = ?", repo.id, int(found[1]))
    return row is None or bool(row["is_pull"])

"""Addresses in answers. They are made from the request's own, so that the client that asked can follow them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User


@dataclass(frozen=True)
class Urls:
    """`api`: scheme, host and prefix of REST. `web`: scheme and host of the pages. Neither ends with a slash."""

    api: str
    web: str

    def repo(self, repo: Repo) -> str:
        """The REST address of a repository."""
        return f"{self.api}/repos/{repo.full_name}"

    def page(self, repo: Repo) -> str:
        """The page of a repository."""
        return f"{self.web}/{repo.full_name}"

    def user(self, user: User) -> str:
        """The REST address of a user."""
        return f"{self.api}/users/{quoted(user.login)}"


def urls_of(host: str, prefix: str) -> Urls:
    """The addresses for a request to this Host under this prefix."""
    web = host.removeprefix("api.") if host.partition(":")[0].endswith("github.localhost") else host
    return Urls(api=f"http://{host}{prefix}", web=f"http://{web}")


def quoted(part: str) -> str:
    """One segment of a path."""
    return quote(part, safe="")


def quoted_path(path: str) -> str:
    """A path whose slashes separate."""
    return quote(path, safe="/")

"""What cdock proves itself with: which token it uses for a host, and where it was found."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cdock.adapters.github.hosts import Host
from cdock.core.errors import Misconfigured, NotPermitted

GhRunner = Callable[[Sequence[str]], str]
"""Runs a `gh` command line and gives what it prints; empty when gh is missing, fails or takes too long."""


class Credential(Protocol):
    """Gives the token that is good now. Ask anew for every use: an App's changes every hour."""

    @property
    def source(self) -> str:
        """For people: where it came from."""
        ...

    @property
    def account(self) -> str:
        """Stands for whoever's limits it shares, without telling the token."""
        ...

    @property
    def permissions(self) -> Mapping[str, str] | None:
        """What an App was given, such as `contents: write`; None for what is no App. Raises as `token` does."""
        ...

    def token(self) -> str:
        """The token that is good now. Raises `Unavailable` and `Refused` where it has to be asked for."""
        ...

    def login(self) -> str:
        """The account's login where it is known without asking as that account, else empty."""
        ...

    def refused(self, token: str) -> bool:
        """The host did not accept `token`. Whether asking again gives another one that may be."""
        ...


@dataclass(frozen=True)
class Token:
    """A credential that stays as it is. Its value is left out of its representation."""

    value: str = field(repr=False)
    source: str = "its caller"

    @property
    def account(self) -> str:
        """See `Credential.account`."""
        return fingerprint(self.value)

    @property
    def permissions(self) -> None:
        """See `Credential.permissions`."""
        return None

    def token(self) -> str:
        """See `Credential.token`."""
        return self.value

    def login(self) -> str:
        """See `Credential.login`."""
        return ""

    def refused(self, token: str) -> bool:
        """See `Credential.refused`."""
        return False


def fingerprint(token: str) -> str:
    """Tells one token from another without telling the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def token_for(host: Host, *, env: Mapping[str, str], token_file: Path | None, run_gh: GhRunner) -> Token:
    """The token for `host`: from the file, else from the first variable that is set, else from gh's own store.

    The variables are gh's, so that both tools act as the same account: `GH_TOKEN` and `GITHUB_TOKEN` are for hosts that
    GitHub runs, `GH_ENTERPRISE_TOKEN` and `GITHUB_ENTERPRISE_TOKEN` for others. `CDOCK_TOKEN` comes before all of them.
    The embedded forge is never given what gh would use: those tokens are meant for GitHub.

    Raises:
        Misconfigured: the file cannot be read, or what was found is not a token.
        NotPermitted: there is none.
    """
    if token_file is not None:
        try:
            return _checked(token_file.read_text(encoding="utf-8"), f"the file {token_file}")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"the token file {token_file} cannot be read ({type(error).__name__})",
                tried=f"find a token for {host.name}",
                fix="Check the path and its permissions.",
            ) from error
    names = ["CDOCK_TOKEN"]
    if host.github:
        names += ["GH_TOKEN", "GITHUB_TOKEN"]
    elif not host.loopback:
        names += ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]
    for name in names:
        if env.get(name, "").strip():
            return _checked(env[name], f"the variable {name}")
    if not host.loopback:
        found = run_gh(["gh", "auth", "token", "--hostname", host.name])
        if found.strip():
            return _checked(found, "`gh auth login`")
    raise NotPermitted(
        f"no token for {host.name} was found",
        tried=f"looked at {', '.join(names)}" + ("" if host.loopback else " and gh's own store"),
        fix="Start the local forge with `cdock forge`, or set CDOCK_TOKEN."
        if host.loopback
        else f"Log in with `gh auth login --hostname {host.name}`, or set {names[1]}.",
    )


def _checked(text: str, source: str) -> Token:
    value = text.strip()
    # Anything else would break the request's header, and the error for that would show the value.
    if not re.fullmatch(r"[!-~]{1,1000}", value):
        raise Misconfigured(
            f"{source} does not hold a token: a token is one word of plain characters",
            fix="Copy the token again, without anything around it.",
        )
    return Token(value, source)

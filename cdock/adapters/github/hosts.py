"""Where a repository lives: from what a person or a git remote says to the addresses of a GitHub host.

Pure, and strict where a token would go to the wrong place: over plain http only to this machine, and never to a host
that was guessed from an ssh alias.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cdock.core.errors import Misconfigured

_OWNER = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_NAME = r"[A-Za-z0-9._-]+"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_PLAIN = re.compile(rf"(?:(?P<host>{_HOST})/)?(?P<owner>{_OWNER})/(?P<name>{_NAME})")
_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<host>\[[^\]]+\]|[^@/:\s]+):(?P<path>[^:\s]+)")
_GITHUB_NAMES = ("github.com", "www.github.com", "ssh.github.com", "api.github.com")


@dataclass(frozen=True)
class Host:
    """A GitHub host. `name` is what `gh` and settings call it, with the port where there is one; no URL ends in `/`."""

    name: str
    rest: str
    web: str
    git: str

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine: the embedded forge, never GitHub."""
        return is_loopback(urlsplit(self.web).hostname or "")

    @property
    def graphql(self) -> str:
        """The GraphQL endpoint, beside the REST root: both are below `/api` on a company's own server."""
        return f"{self.rest.removesuffix('/v3')}/graphql"

    @property
    def github(self) -> bool:
        """Whether GitHub runs it (github.com, or a company's *.ghe.com), rather than the company itself."""
        return self.name == "github.com" or self.name.endswith(".ghe.com")


@dataclass(frozen=True)
class Repository:
    """A repository on a host, as named by a person or a remote; GitHub itself may spell it differently."""

    host: Host
    owner: str
    name: str

    def __str__(self) -> str:
        full = f"{self.owner}/{self.name}"
        return full if self.host.name == "github.com" else f"{self.host.name}/{full}"

    @property
    def full_name(self) -> str:
        """`OWNER/NAME`."""
        return f"{self.owner}/{self.name}"

    @property
    def clone_url(self) -> str:
        """Where git fetches from and pushes to over http."""
        return f"{self.host.git}/{self.full_name}.git"


def host_of(name: str) -> Host:
    """The host of this name, `HOST` or `HOST:PORT`.

    Raises:
        Misconfigured: it is not a host name.
    """
    name = name.strip().lower()
    if not re.fullmatch(_HOST, name, re.IGNORECASE):
        raise Misconfigured(
            f"{name[:100]!r} is not a host name", fix="Write it like github.com or HOST:PORT."
        )
    bare = urlsplit(f"//{name}").hostname or ""
    if bare in _GITHUB_NAMES:
        return Host("github.com", "https://api.github.com", "https://github.com", "https://github.com")
    if bare.endswith(".ghe.com"):
        bare = bare.removeprefix("api.")
        return Host(bare, f"https://api.{bare}", f"https://{bare}", f"https://{bare}")
    base = f"http://{name}" if is_loopback(bare) else f"https://{name}"
    return Host(name, f"{base}/api/v3", base, base)


def parse_repository(text: str, *, default_host: str = "github.com", alias: str = "") -> Repository:
    """The repository in `OWNER/REPO`, `HOST/OWNER/REPO`, a page's address, or the URL of a git remote.

    `alias` is the host that an alias from ~/.ssh/config stands for; without it an alias is refused.

    Raises:
        Misconfigured: it names none, or one that a token cannot safely be sent to.
    """
    text = text.strip()
    if "://" in text:
        return _from_url(text, alias=alias)
    if plain := _PLAIN.fullmatch(text):
        return _repository(plain["host"] or default_host, plain["owner"], plain["name"])
    if (scp := _SCP.fullmatch(text)) and len(scp["host"]) > 1:
        owner, _, name = scp["path"].strip("/").partition("/")
        return _repository(_ssh_host(scp["host"], alias=alias), owner, name)
    raise _unknown(text)


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without port, is this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _from_url(text: str, *, alias: str) -> Repository:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _unknown(text) from error
    segments = [segment for segment in parts.path.split("/") if segment]
    scheme = parts.scheme.removeprefix("git+")
    if not host or len(segments) < 2 or scheme not in ("https", "http", "ssh", "git"):
        raise _unknown(text)
    if scheme in ("ssh", "git"):
        # The port is that of sshd, which says nothing about the web server's.
        return _repository(_ssh_host(host, alias=alias), segments[0], segments[1])
    if scheme == "http" and not is_loopback(host) and host not in _GITHUB_NAMES:
        raise Misconfigured(
            f"{host} is given with http, which would show the token to everybody on the way",
            tried=f"read {_shown(parts)}",
            fix="Use its https address.",
        )
    named = f"[{host}]" if ":" in host else host
    default = 80 if scheme == "http" else 443
    return _repository(f"{named}:{port}" if port and port != default else named, segments[0], segments[1])


def _ssh_host(host: str, *, alias: str) -> str:
    if "." in host or is_loopback(host):
        return host
    if not alias:
        raise Misconfigured(
            f"{host} looks like an alias from ~/.ssh/config, so its real name is unknown",
            fix="Set GH_HOST to that name, or give the remote its whole address: `git remote set-url`.",
        )
    return alias


def _repository(host: str, owner: str, name: str) -> Repository:
    name = name.rstrip("/").removesuffix(".git")
    if not re.fullmatch(_OWNER, owner) or not re.fullmatch(_NAME, name) or name in (".", ".."):
        raise _unknown(f"{owner}/{name}")
    return Repository(host_of(host), owner, name)


def _unknown(text: str) -> Misconfigured:
    # A remote's URL may hold a password before its `@`.
    shown = re.sub(r"//[^/@]*@", "//", text)[:200]
    return Misconfigured(
        f"{shown!r} names no repository on GitHub",
        fix="Write OWNER/REPO, HOST/OWNER/REPO, or the address of the repository's page.",
    )


def _shown(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.hostname}{parts.path}"

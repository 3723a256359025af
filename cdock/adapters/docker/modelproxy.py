"""The only way from a container to the providers of models: a proxy on this machine that adds the keys.

A container has no network, only a unix socket. Behind it runs one process per socket that forwards to the providers
whose keys are in its own environment, puts the key on each request, and outlives the poller, because runs do too. Which
provider is meant, the beginning of a path says. It ends after an hour without a request; whoever starts a run starts it
again.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cdock.core.errors import Misconfigured, Unavailable


@dataclass(frozen=True)
class Provider:
    """An API of models: its address, the variables its key may be in (best first), the variable of its address.

    From a container it is what lies below `prefix`, of which only paths that begin with `api` are passed on.
    """

    name: str
    address: str
    keys: tuple[str, ...]
    base: str
    prefix: str = ""
    api: str = "/"

    def key(self, environment: Mapping[str, str]) -> str:
        """The variable with the key; empty when there is none."""
        return next((name for name in self.keys if environment.get(name)), "")


ANTHROPIC = Provider(
    "anthropic",
    "https://api.anthropic.com",
    ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    "ANTHROPIC_BASE_URL",
    api="/v1/",
)
OPENAI = Provider(
    "openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "OPENAI_BASE_URL", prefix="/openai/v1"
)
GEMINI = Provider(
    "gemini",
    "https://generativelanguage.googleapis.com",
    ("GEMINI_API_KEY",),
    "GOOGLE_GEMINI_BASE_URL",
    prefix="/gemini",
    api="/v1",
)
PROVIDERS: Mapping[str, Provider] = {each.name: each for each in (ANTHROPIC, OPENAI, GEMINI)}
"""All that can be reached, by name."""

INSIDE = "http://127.0.0.1:8081"
"""Where an agent finds the proxy; the entry script makes that address lead to the socket."""
PLACEHOLDER = "placeholder"
"""The key an agent has; programs refuse to work without one."""

_PATH_LIMIT = 100
"""Bytes of a socket's path; the system's limit is 108, on some systems 104."""
_START_LIMIT = 20.0
_NETWORK = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
            "http_proxy", "NO_PROXY", "no_proxy")  # fmt: skip


@dataclass(frozen=True)
class ModelProxy:
    """Where the proxy is, where it leads, and the environment its keys are taken from.

    `socket` is a file named `llm.sock` in a directory of its own, which containers are shown; what lies beside that
    directory is for us alone. `upstream` is where Anthropic's API is; the environment may name other addresses for the
    others. Only the providers named in `providers` are led to, and of them those whose key is there.
    """

    socket: Path
    upstream: str
    environment: Mapping[str, str] = field(repr=False)
    providers: frozenset[str] = frozenset(PROVIDERS)

    @property
    def served(self) -> tuple[Provider, ...]:
        """The providers it leads to."""
        return tuple(
            each for each in PROVIDERS.values() if each.name in self.providers and each.key(self.environment)
        )

    @property
    def own_environment(self) -> dict[str, str]:
        """What the process of the proxy gets of the environment: a key for each, and what it needs for the network."""
        wanted = {*_NETWORK}
        for provider in self.served:
            wanted |= {provider.key(self.environment), provider.base} - {ANTHROPIC.base}
        return {name: self.environment[name] for name in sorted(wanted) if name in self.environment}

    @property
    def inside(self) -> dict[str, str]:
        """What an agent is told by its environment: nothing of it is secret.

        The placeholder stands where the key stands outside, because Claude Code tells a subscription by that, and knows
        when the usage limit of one ends.
        """
        told: dict[str, str] = {}
        for provider in self.served:
            key = provider.key(self.environment)
            told |= {provider.base: f"{INSIDE}{provider.prefix}", key: PLACEHOLDER}
        return told

    def address_of(self, provider: Provider) -> str:
        """Where the provider is, without a slash at the end."""
        named = self.environment.get(provider.base) or provider.address
        return (self.upstream if provider is ANTHROPIC else named).rstrip("/")

    @property
    def lock(self) -> Path:
        """Held by the process that serves the socket; holds its pid and what it was started with."""
        return self.socket.parent.with_name(f"{self.socket.parent.name}.lock")


def ensure(proxy: ModelProxy) -> None:
    """The proxy runs, with this upstream and this key; an older one with others finishes what it has begun.

    Raises:
        Misconfigured: there is no key, the upstream is no http address, or the socket's path is too long.
        Unavailable: it did not start.
    """
    tried = f"starting the model proxy at {proxy.socket}"
    _refuse_faulty(proxy, tried=tried)
    wanted = fingerprint(proxy.upstream, proxy.own_environment)
    deadline = time.monotonic() + _START_LIMIT
    while not (_answers(proxy.socket) and _note(proxy.lock).get("fingerprint") == wanted):
        if time.monotonic() > deadline:
            raise Unavailable(f"The model proxy at {proxy.socket} did not come up.", tried=tried)
        if _held(proxy.lock):
            # Started by somebody at this very moment, or with another key: that one makes room.
            note = _note(proxy.lock)
            if note.get("fingerprint", wanted) != wanted:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(note["pid"]), signal.SIGTERM)
            time.sleep(0.05)
        else:
            _launch(proxy, tried=tried)


def _refuse_faulty(proxy: ModelProxy, *, tried: str) -> None:
    if not proxy.served:
        keys = [name for each in PROVIDERS.values() if each.name in proxy.providers for name in each.keys]
        raise Misconfigured(
            "There is no key for the model's provider.",
            tried=tried,
            fix=f"Set one of {', '.join(keys)} in the environment of cdock.",
        )
    for provider in proxy.served:
        address = urllib.parse.urlsplit(proxy.address_of(provider))
        if address.scheme not in ("http", "https") or not address.hostname:
            raise Misconfigured(
                f"{proxy.address_of(provider)!r} is not the address of a model's provider.",
                tried=tried,
                fix=f"Give an address such as {provider.address}.",
            )
    if len(os.fsencode(proxy.socket)) > _PATH_LIMIT:
        raise Misconfigured(
            f"The path of the socket has more than {_PATH_LIMIT} bytes: {proxy.socket}",
            tried=tried,
            fix="Choose a shorter runtime directory (XDG_RUNTIME_DIR).",
        )


def _launch(proxy: ModelProxy, *, tried: str) -> None:
    # The directory above keeps other users of this machine out; a container is shown only the inner one, in which
    # its user, whose number need not be ours, must be able to connect.
    proxy.socket.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    proxy.socket.parent.mkdir(mode=0o755, exist_ok=True)
    command = [sys.executable, "-I", "-m", "cdock.adapters.docker.modelserver"]
    try:
        done = subprocess.run(
            [*command, "--socket", str(proxy.socket), "--upstream", proxy.upstream],
            check=False,
            env=proxy.own_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_START_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"The model proxy at {proxy.socket} did not come up.", tried=tried) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"The model proxy at {proxy.socket} could not start: {said}", tried=tried)


def fingerprint(upstream: str, environment: Mapping[str, str]) -> str:
    """Equal for proxies that do the same. A key cannot be found out from it, nor is it shown to containers."""
    return hashlib.sha256(json.dumps([upstream, sorted(environment.items())]).encode()).hexdigest()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _held(path: Path) -> bool:
    lock = take_lock(path)
    if lock is None:
        return True
    os.close(lock)
    return False


def take_lock(path: Path) -> int | None:
    """The lock, or None when somebody holds it. It goes with the last process that has it open."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _note(path: Path) -> dict[str, str]:
    try:
        note: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note

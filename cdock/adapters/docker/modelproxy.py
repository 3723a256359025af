"""The only way from a container to the model's provider: a proxy on this machine that adds the key.

A container has no network, only a unix socket. Behind it runs one process per socket that forwards to one upstream,
puts the key from its own environment on each request, and outlives the poller, because runs do too. It ends after an
hour without a request; whoever starts a run starts it again.
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

INSIDE = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:8081", "ANTHROPIC_API_KEY": "placeholder"}
"""What an agent is told; the entry script makes that address lead to the socket."""
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
"""Where the key may be, best first."""

_PATH_LIMIT = 100
"""Bytes of a socket's path; the system's limit is 108, on some systems 104."""
_START_LIMIT = 20.0
_NETWORK = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
            "http_proxy", "NO_PROXY", "no_proxy")  # fmt: skip


@dataclass(frozen=True)
class ModelProxy:
    """Where the proxy is, where it leads, and the environment its key is taken from.

    `socket` is a file named `llm.sock` in a directory of its own, which containers are shown; what lies beside that
    directory is for us alone.
    """

    socket: Path
    upstream: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def own_environment(self) -> dict[str, str]:
        """What the proxy's process gets of the environment: one key, and what it needs to reach the network."""
        key = next((name for name in KEYS if self.environment.get(name)), None)
        wanted = (*_NETWORK, key) if key else _NETWORK
        return {name: self.environment[name] for name in wanted if name in self.environment}

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
    if not any(name in proxy.own_environment for name in KEYS):
        raise Misconfigured(
            "There is no key for the model's provider.",
            tried=tried,
            fix=f"Set one of {', '.join(KEYS)} in the environment of cdock.",
        )
    address = urllib.parse.urlsplit(proxy.upstream)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Misconfigured(
            f"{proxy.upstream!r} is not the address of a model's provider.",
            tried=tried,
            fix="Give an address such as https://api.example.com.",
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

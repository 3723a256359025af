"""The one door to the Docker Engine: which engine it is, one client per thread, and its faults in our words."""

import shlex
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cdock.core.errors import CdockError, Misconfigured, Missing, NotPermitted, Refused, Unavailable

if TYPE_CHECKING:
    from docker import APIClient

TIMEOUT = 60
"""Seconds one call to the engine may take."""
_DEFAULT = "unix:///var/run/docker.sock"
# What decides which engine is meant, and how it is reached. None of it is secret.
_DECIDING = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "HOME", "PATH",
             "SSH_AUTH_SOCK")  # fmt: skip


class Engine:
    """The engine that the docker command would use in this environment.

    Raises:
        Misconfigured: `DOCKER_CONTEXT` names a context that does not exist. (The library would use the local socket
            instead, without a word.)
    """

    def __init__(self, environment: Mapping[str, str], *, timeout: int = TIMEOUT) -> None:
        self.environment: Mapping[str, str] = {
            name: environment[name] for name in _DECIDING if name in environment
        }
        """What decides for this engine. Programs that are to reach it are given that."""
        self._timeout = timeout
        self._threads = threading.local()
        self._met = False
        self._arguments = _arguments(self.environment)

    @property
    def address(self) -> str:
        """The engine's address, for people."""
        return str(self._arguments.get("base_url") or _DEFAULT)

    @property
    def shell_prefix(self) -> str:
        """Shell words that give a program the environment which decides for this engine."""
        return "env " + " ".join(shlex.quote(f"{name}={value}") for name, value in self.environment.items())

    def connect(self, *, tried: str) -> "APIClient":
        """The client of this thread.

        Raises:
            Missing: there never was an answer from this engine.
            NotPermitted: this user may not speak to it.
            Unavailable: there was one, but not now.
        """
        held: _Held | None = getattr(self._threads, "held", None)
        if held is None:
            held = self._threads.held = _Held(self._new_client(tried))
        return held.client

    def _new_client(self, tried: str) -> "APIClient":
        from docker import APIClient
        from docker.errors import DockerException

        try:
            if self.address.startswith("unix://"):
                _knock(self.address.removeprefix("unix://"))
            client = APIClient(version="auto", timeout=self._timeout, use_ssh_client=True, **self._arguments)
        except PermissionError as error:
            raise NotPermitted(
                f"You may not use the Docker Engine at {self.address}.",
                tried=tried,
                fix="Add yourself to the group `docker` and log in again, or use a rootless engine.",
            ) from error
        except (DockerException, OSError) as error:
            kind = Unavailable if self._met else Missing
            raise kind(
                f"The Docker Engine at {self.address} does not answer.",
                tried=tried,
                fix="Start Docker, or point DOCKER_HOST or `docker context use` at an engine that runs. "
                "Without Docker, choose the local runner.",
            ) from error
        self._met = True
        return client

    @contextmanager
    def asking(self, tried: str) -> Iterator["APIClient"]:
        """A client for one step; what goes wrong in it is raised as one of our errors.

        Raises:
            Missing, Unavailable: see `connect`; also when the engine breaks off or has a fault of its own.
            Refused: the engine understood and said no.
        """
        import requests
        from docker.errors import APIError, DockerException

        client = self.connect(tried=tried)
        try:
            yield client
        except CdockError:
            raise
        except APIError as error:
            raise fault_of(error, tried=tried) from error
        except (requests.RequestException, DockerException, OSError) as error:
            raise Unavailable(
                f"The Docker Engine at {self.address} broke off: {error}",
                tried=tried,
                fix="Look at the engine's log.",
            ) from error


def _knock(path: str) -> None:
    """Raise what connecting to the socket raises. The library hides the reason, and leaves its socket open."""
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(TIMEOUT)
        knocking.connect(path)


class _Held:
    """A client that is closed when its thread, or the engine's object, is gone."""

    def __init__(self, client: "APIClient") -> None:
        self.client = client

    def __del__(self) -> None:
        self.client.close()


def _arguments(environment: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for a client, as the docker command would choose them."""
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    # An empty mapping would make the library look at the environment of this process.
    arguments: dict[str, Any] = {**kwargs_from_env(environment={"DOCKER_HOST": "", **environment})}
    if "base_url" in arguments:
        return arguments
    context = environment.get("DOCKER_CONTEXT", "")
    if context and ContextAPI.get_context(context) is None:
        raise Misconfigured(
            f"The Docker context {context!r} does not exist.",
            tried="choosing the Docker Engine by DOCKER_CONTEXT",
            fix="Use one of `docker context ls`, or unset DOCKER_CONTEXT.",
        )
    for name, value in ContextAPI.kwargs_from_context(environment=dict(environment)).items():
        arguments.setdefault(name, value)
    return arguments


def fault_of(error: Exception, *, tried: str) -> CdockError:
    """An answer of the engine that is an error, in our words."""
    status = getattr(error, "status_code", None) or 500
    said = str(getattr(error, "explanation", "") or error).strip()
    if status >= 500 and "space left" not in said:
        return Unavailable(f"The Docker Engine had a fault: {said}", tried=tried)
    if status in (404, 409):
        # What we looked at a moment ago is gone, or somebody is at it right now.
        return Unavailable(f"The Docker Engine cannot do that now: {said}", tried=tried)
    return Refused(f"The Docker Engine refused: {said}", tried=tried, fix="See what it says, and try again.")


def status_of(error: Exception) -> int:
    """The HTTP status of an engine's error; 0 when it has none."""
    return int(getattr(error, "status_code", None) or 0)

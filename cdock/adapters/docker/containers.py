"""Containers as the engine shows them: looked at, found to be gone, asked what they were told."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cdock.adapters.docker.engine import status_of
from cdock.core.errors import Refused

if TYPE_CHECKING:
    from docker import APIClient

_APPEAR_LIMIT = 30.0


@contextlib.contextmanager
def absent_is_fine() -> Iterator[None]:
    """What is not there, or is just being removed by somebody, needs no more from us."""
    from docker.errors import APIError, NotFound

    try:
        yield
    except NotFound:
        pass
    except APIError as error:
        if not (status_of(error) == 409 and "already in progress" in str(error.explanation)):
            raise


def inspected(api: "APIClient", container: str) -> dict[str, Any]:
    """All the engine knows of it. Raises what the library raises."""
    seen: dict[str, Any] = api.inspect_container(container)
    return seen


def appearing(api: "APIClient", container: str) -> dict[str, Any]:
    """A container whose name is taken; the engine takes the name first and shows the container a little later."""
    from docker.errors import NotFound

    deadline = time.monotonic() + _APPEAR_LIMIT
    while True:
        try:
            return inspected(api, container)
        except NotFound:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def refuse_alive(found: Mapping[str, Any], *, tried: str) -> None:
    """Raise `Refused` for a container that runs."""
    if found["State"]["Running"]:
        name = str(found["Name"]).removeprefix("/")
        raise Refused(f"The run {name} is still alive.", tried=tried, fix="Stop it first.")


def told(found: Mapping[str, Any], name: str) -> str:
    """The value of a variable that the container was made with; empty when it has none."""
    for entry in found["Config"].get("Env") or ():
        if entry.startswith(f"{name}="):
            return str(entry).partition("=")[2]
    return ""

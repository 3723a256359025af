"""Containers of our own small tools: behind the same walls as an agent, used once and gone again."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cdock.adapters.docker import walls
from cdock.adapters.docker.walls import Limits
from cdock.core.errors import Unavailable

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import Mount

_SURROUNDINGS = {"HOME": walls.HOME, "LANG": "C.UTF-8"}


def run_script(
    script: str,
    *arguments: str,
    api: "APIClient",
    image: str,
    mounts: Sequence["Mount"],
    labels: Mapping[str, str],
    environment: Mapping[str, str],
    tried: str,
    limit: int,
) -> None:
    """Run a script by sh to its end, within `limit` seconds.

    Raises:
        Unavailable: its exit code was not 0. Otherwise what the library raises.
    """
    made = api.create_container(
        image,
        entrypoint=["/bin/sh", "-c", script, "cdock", *arguments],
        command=[],
        user=walls.USER,
        working_dir=walls.WORKSPACE,
        environment={**_SURROUNDINGS, **environment},
        labels=dict(labels),
        host_config=walls.host_config(api, mounts=mounts, limits=walls.TOOL),
    )
    try:
        api.start(made["Id"])
        code = api.wait(made["Id"], timeout=limit)["StatusCode"]
        if code != 0:
            said = api.logs(made["Id"]).decode(errors="replace").strip()
            raise Unavailable(f"A step in a workspace failed: {said or f'exit code {code}'}", tried=tried)
    finally:
        api.remove_container(made["Id"], force=True)


def made_for_a_person(
    *command: str,
    api: "APIClient",
    image: str,
    mounts: Sequence["Mount"],
    labels: Mapping[str, str],
    limits: Limits,
) -> str:
    """The id of a container that waits for a terminal to be started with, and is gone when its command has ended."""
    made = api.create_container(
        image,
        entrypoint=list(command),
        command=[],
        user=walls.USER,
        working_dir=walls.WORKSPACE,
        environment=_SURROUNDINGS,
        labels=dict(labels),
        tty=True,
        stdin_open=True,
        host_config=walls.host_config(api, mounts=mounts, limits=limits, auto_remove=True),
    )
    return str(made["Id"])

"""What separates a container from the machine: the same walls for every container of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import Mount

USER = "1000:1000"
WORKSPACE = "/workspace"
MIRROR = "/cdock/mirror.git"
SOCKETS = "/run/cdock"
HOME = "/home/agent"


@dataclass(frozen=True)
class Limits:
    """What one run may use. `memory` in bytes, swap not included because there is none."""

    memory: int = 2 * 1024**3
    cpus: float = 1.0
    processes: int = 512


TOOL = Limits(memory=512 * 1024**2, processes=64)
"""For containers of our own small tools."""


def host_config(
    api: "APIClient", *, mounts: Sequence["Mount"], limits: Limits, auto_remove: bool = False
) -> dict[str, Any]:
    """No network, no capability, no new privilege, nothing to write to but the mounts and two small tmpfs.

    Seccomp stays at the engine's default. `init` matters twice: a shell as first process would ignore SIGTERM, and
    nobody would bury the orphans of an agent.
    """
    from docker.types import LogConfig, Ulimit

    config: dict[str, Any] = api.create_host_config(
        auto_remove=auto_remove,
        init=True,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
        tmpfs={
            "/tmp": "rw,nosuid,nodev,size=256m",  # noqa: S108 - inside the container
            HOME: "rw,exec,nosuid,nodev,size=512m,uid=1000,gid=1000,mode=0700",
        },
        pids_limit=limits.processes,
        mem_limit=limits.memory,
        memswap_limit=limits.memory,
        nano_cpus=int(limits.cpus * 1e9),
        ulimits=[Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=4096, hard=8192)],
        log_config=LogConfig(type="json-file", config={"max-size": "50m", "max-file": "2"}),
        mounts=list(mounts),
    )
    return config


def volume(name: str, *, read_only: bool = False) -> "Mount":
    """The volume of a task as the workspace."""
    from docker.types import Mount

    return Mount(target=WORKSPACE, source=name, type="volume", read_only=read_only)


def mirror(path: str) -> "Mount":
    """The bare repository with all that is published, for reading."""
    from docker.types import Mount

    return Mount(target=MIRROR, source=path, type="bind", read_only=True)


def sockets(path: str) -> "Mount":
    """The directory with the sockets of the host's proxies. Connecting needs no write access to the mount."""
    from docker.types import Mount

    return Mount(target=SOCKETS, source=path, type="bind", read_only=True)

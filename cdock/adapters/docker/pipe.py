"""The program that git runs as `upload-pack` for a container's repository: it copies stdin and stdout, nothing more.

`git fetch --upload-pack='python -m cdock.adapters.docker.pipe --image … --volume … --mirror …' PATH` starts a container
that sees the volume read-only, has git serve PATH in it, and ends it when git here has had enough.
"""

import argparse
import contextlib
import os
import re
import select
import socket
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from cdock.adapters.docker import walls
from cdock.adapters.docker.engine import Engine
from cdock.core.errors import CdockError, Unavailable

if TYPE_CHECKING:
    from docker import APIClient

INSIDE_LIMIT = 60
"""Seconds git may serve inside. The limit is kept in there too, because nobody stops a container whose client died."""
_OUTSIDE_LIMIT = 90.0
_CHUNK = 1 << 16
_HEADER = struct.Struct(">BxxxL")
# A blob of some hundred megabytes must not need as much memory again to be packed.
_FRUGAL = ("-c", "core.bigFileThreshold=8m", "-c", "pack.threads=1")


def main() -> int:
    """Serve one fetch; exit code 1 when it could not be served."""
    parser = argparse.ArgumentParser(prog="cdock-pipe")
    for option in ("image", "volume", "mirror"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("path")
    wanted = parser.parse_args()
    try:
        _serve(
            wanted.path,
            image=wanted.image,
            volume=wanted.volume,
            mirror=wanted.mirror,
            labels=dict(label.split("=", 1) for label in wanted.label),
        )
    except CdockError as error:
        print(f"cdock: {error}", file=sys.stderr)  # noqa: T201 - this is where git shows what a server says
        return 1
    return 0


def _serve(path: str, *, image: str, volume: str, mirror: str, labels: dict[str, str]) -> None:
    with Engine(os.environ).asking(f"serving the repository in the volume {volume}") as api:
        made = api.create_container(
            image,
            entrypoint=["timeout", "-k", "1", str(INSIDE_LIMIT)],
            command=["git", *_FRUGAL, "upload-pack", "--strict", path],
            user=walls.USER,
            working_dir="/",
            environment={"HOME": walls.HOME, "LANG": "C.UTF-8", **_protocol()},
            labels=labels,
            stdin_open=True,
            host_config=walls.host_config(
                api,
                mounts=[walls.volume(volume, read_only=True), walls.mirror(mirror)],
                limits=walls.TOOL,
                auto_remove=True,
            ),
        )
        try:
            # Attached first: what it says before somebody listens would be lost.
            attached = _attach(api, made["Id"])
            api.start(made["Id"])
            _copy(attached)
        finally:
            _end(api, made["Id"])


def _protocol() -> dict[str, str]:
    """The version of git's protocol that the fetching side asked for."""
    asked = os.environ.get("GIT_PROTOCOL", "")
    return {"GIT_PROTOCOL": asked} if re.fullmatch(r"version=\d", asked) else {}


def _attach(api: "APIClient", container: str) -> Any:
    params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    raw = api.attach_socket(container, params=params)
    # For a local engine the library hands out a read-only file around the socket that is needed here.
    return getattr(raw, "_sock", raw)


def _end(api: "APIClient", container: str) -> None:
    from docker.errors import APIError

    with contextlib.suppress(APIError):  # it ended by itself, and the engine removes it
        api.remove_container(container, force=True)


def _copy(attached: Any) -> None:
    """Our stdin goes in, its stdout and stderr come out, until it has said all."""
    threading.Thread(target=_feed, args=(attached,), daemon=True).start()
    deadline = time.monotonic() + _OUTSIDE_LIMIT
    while header := _exactly(attached, _HEADER.size, deadline):
        stream, length = _HEADER.unpack(header)
        while length:
            chunk = _some(attached, min(length, _CHUNK), deadline)
            if not chunk:
                raise Unavailable("The Docker Engine broke off in the middle of a fetch.")
            _write(2 if stream == 2 else 1, chunk)
            length -= len(chunk)


def _feed(attached: Any) -> None:
    with contextlib.suppress(OSError):
        while chunk := os.read(0, _CHUNK):
            attached.sendall(chunk)
        attached.shutdown(socket.SHUT_WR)


def _exactly(attached: Any, size: int, deadline: float) -> bytes:
    """`size` bytes, or none at all when there are no more."""
    got = b""
    while len(got) < size:
        chunk = _some(attached, size - len(got), deadline)
        if not chunk:
            return b""
        got += chunk
    return got


def _some(attached: Any, size: int, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0 or not select.select([attached], [], [], left)[0]:
        raise Unavailable(f"The fetch was not finished within {_OUTSIDE_LIMIT:g} seconds.")
    received: bytes = attached.recv(size)
    return received


def _write(descriptor: int, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(descriptor, chunk) :]


if __name__ == "__main__":
    sys.exit(main())

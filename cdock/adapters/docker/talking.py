"""A small script of ours in a living container: it is given something on its standard input, and says how it went."""

import selectors
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cdock.adapters.docker import walls
from cdock.core.errors import Unavailable

if TYPE_CHECKING:
    from docker import APIClient

_HEADER = struct.Struct(">BxxxL")
_SAID_LIMIT = 4096


def told(
    script: str,
    *arguments: str,
    container: str,
    given: bytes = b"",
    api: "APIClient",
    limit: float,
    tried: str,
) -> tuple[int, str]:
    """Run the script by sh in the container; its exit code, and the start of what it printed.

    It must not wait for the end of its standard input: not every way to an engine can close that alone.

    Raises:
        Unavailable: it took more than `limit` seconds, or the engine broke off. Otherwise what the library raises.
    """
    made = api.exec_create(
        container, ["/bin/sh", "-c", script, "cdock", *arguments], stdin=bool(given), user=walls.USER
    )
    raw: Any = api.exec_start(made["Id"], socket=True)
    # For a local engine the library hands out a read-only file around the socket that is needed here.
    attached = getattr(raw, "_sock", raw)
    deadline = time.monotonic() + limit
    try:
        if given:
            attached.sendall(given)
        said = b"".join(_received(attached, deadline=deadline, tried=tried))
    finally:
        # The library would leave the last two to the garbage collection.
        for each in (getattr(raw, "_response", raw), raw, attached):
            each.close()
    code = api.exec_inspect(made["Id"])["ExitCode"]
    if code is None:
        raise Unavailable("The Docker Engine broke off while a step was done in a run.", tried=tried)
    return int(code), _words(said)


def _received(attached: Any, *, deadline: float, tried: str) -> Iterator[bytes]:
    with selectors.DefaultSelector() as selector:
        selector.register(attached, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise Unavailable("A step in a run was not done in time.", tried=tried)
            chunk: bytes = attached.recv(1 << 16)
            if not chunk:
                return
            yield chunk


def _words(frames: bytes) -> str:
    """The text in the engine's frames."""
    text, place = b"", 0
    while place + _HEADER.size <= len(frames) and len(text) < _SAID_LIMIT:
        _, size = _HEADER.unpack_from(frames, place)
        start = place + _HEADER.size
        text, place = text + frames[start : start + size], start + size
    return text[:_SAID_LIMIT].decode(errors="replace").strip()

"""What a container printed, from a given byte on.

The engine's log has no exact place to go on from: its timestamps cut long lines in two. So it is read from its start
each time, but in pieces, and only what comes after the given byte is kept.
"""

import logging
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient

log = logging.getLogger(__name__)

_HEADER = struct.Struct(">BxxxL")
_CHUNK = 1 << 20


class Output:
    """What is known of the outputs of ended runs, so that the engine is asked for no more than is new."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}  # of the whole output of ended runs, by container id
        self._shortened: set[str] = set()  # containers of whose log the engine has dropped the start

    def forget(self, container: str) -> None:
        """The container is gone."""
        self._lengths.pop(container, None)
        self._shortened.discard(container)

    def since(self, offset: int, *, found: Mapping[str, Any], api: "APIClient") -> bytes:
        """What the run in the container `found` printed from byte `offset` on.

        Raises what the library raises.
        """
        container, ended = str(found["Id"]), not found["State"]["Running"]
        if self._lengths.get(container, offset + 1) <= offset:
            return b""
        fresh, length = printed(container, offset=offset, api=api)
        if ended:
            self._lengths[container] = length
        if offset > length and container not in self._shortened:
            self._shortened.add(container)
            log.warning(
                "the engine dropped the start of a log, some output is lost",
                extra={"run": found["Name"], "offset": offset, "length": length},
            )
        return fresh


def printed(container: str, *, offset: int, api: "APIClient") -> tuple[bytes, int]:
    """What the container printed from byte `offset` on, and how much the engine has of it altogether.

    Raises what the library raises.
    """
    import requests
    from docker.errors import create_api_error_from_http_exception

    # Not by the library's `logs`, which holds all of the log in memory, twice, or takes four times as long.
    answer = api.get(
        f"{api.base_url}/v{api.api_version}/containers/{container}/logs",
        params={"stdout": 1, "stderr": 1, "follow": 0},
        stream=True,
        timeout=api.timeout,
    )
    with answer:
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        fresh, length, rest = bytearray(), 0, b""
        for chunk in answer.iter_content(_CHUNK):
            rest, place = rest + chunk, 0
            while place + _HEADER.size <= len(rest):
                _, size = _HEADER.unpack_from(rest, place)
                start, end = place + _HEADER.size, place + _HEADER.size + size
                if end > len(rest):
                    break
                if length + size > offset:
                    fresh += rest[start + max(0, offset - length) : end]
                length, place = length + size, end
            rest = rest[place:]
    return bytes(fresh), length

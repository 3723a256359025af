"""Node ids: the names under which everything is known to GraphQL. REST gives the same ones."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.shapes.code import oid_node
from cdock.forge.rest.shapes.people import node_id

_ID: Final = re.compile(r"([A-Z]+[a-z]*)_kwDO([A-Za-z0-9_-]{1,400})")

__all__ = ["node_id", "number_of", "oid_node", "parse", "ref_of", "unresolved"]


def parse(text: str) -> tuple[str, bytes]:
    """The kind (`I`, `PR`, …) and what is behind it. Raises NotFound for what is no id of ours."""
    match = _ID.fullmatch(text)
    if match is None:
        raise unresolved(text)
    try:
        return match[1], base64.urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4))
    except (binascii.Error, ValueError) as error:
        raise unresolved(text) from error


def number_of(text: str, *kinds: str) -> int:
    """The database id behind a node id of one of these kinds. Raises NotFound for any other."""
    kind, rest = parse(text)
    if kind not in kinds or len(rest) > 7:
        raise unresolved(text)
    return int.from_bytes(rest, "big")


def ref_of(text: str) -> tuple[int, str]:
    """The repository and the full name behind a ref's node id. Raises NotFound."""
    kind, rest = parse(text)
    repo_id, colon, name = rest.decode(errors="replace").partition(":")
    if kind != "REF" or not colon or not repo_id.isdigit():
        raise unresolved(text)
    return int(repo_id), name


def ref_id(repo: Repo, name: str) -> str:
    """The node id of a ref by its full name."""
    return oid_node("REF", repo, name)


def unresolved(text: str) -> NotFound:
    """What GitHub says to an id that it does not know."""
    return NotFound(f"Could not resolve to a node with the global id of '{text[:200]}'")

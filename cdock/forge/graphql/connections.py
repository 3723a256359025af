"""Lists in GraphQL: a part at a time, with opaque cursors."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cdock.forge.graphql.asked import Args, Shown
from cdock.forge.graphql.errors import Typed

MOST: Final = 100
T = TypeVar("T")
_PREFIX: Final = "cursor:v2:"


@dataclass(frozen=True)
class Bounds:
    """How many to show from which end; exactly one of `first` and `last` is set, unless no element is asked for."""

    first: int | None
    last: int | None
    after: str | None
    before: str | None


def bounds(args: Args) -> Bounds:
    """The part of a list that is asked for. Raises Typed for what GitHub refuses."""
    first, last = args.get("first"), args.get("last")
    if first is None and last is None and args.wants("nodes", "edges"):
        raise Typed(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{args.field}` connection.",
        )
    for name, value in (("first", first), ("last", last)):
        if value is not None and value > MOST:
            raise Typed(
                "EXCESSIVE_PAGINATION",
                f"Requesting {value} records on the `{args.field}` connection exceeds the `{name}` limit of "
                f"{MOST} records.",
            )
        if value is not None and value < 0:
            raise Typed(
                "INVALID_PAGINATION", f"`{name}` on the `{args.field}` connection cannot be less than zero."
            )
    return Bounds(first, last, args.get("after"), args.get("before"))


def connection(args: Args, items: Sequence[T], show: Callable[[T], Any], **more: Any) -> Shown:
    """A list that is here in whole; `more` are fields that this connection has beside the usual ones."""
    asked = bounds(args)
    start = 0 if asked.after is None else _place(asked.after)
    end = len(items) if asked.before is None else min(_place(asked.before) - 1, len(items))
    if asked.first is not None:
        end = min(end, start + asked.first)
    elif asked.last is not None:
        start = max(start, end - asked.last)
    start, end = min(start, len(items)), max(end, min(start, len(items)))
    shown = [(_cursor(start + index + 1), item) for index, item in enumerate(items[start:end])]
    return part(shown, show, total=len(items), previous=start > 0, following=end < len(items), **more)


def part(
    items: Sequence[tuple[str, T]],
    show: Callable[[T], Any],
    *,
    total: int | Callable[[Args], int],
    previous: bool,
    following: bool,
    **more: Any,
) -> Shown:
    """A part of a list, each element with its cursor."""
    return {
        "nodes": lambda _: [show(item) for _, item in items],
        "edges": lambda _: [{"cursor": cursor, "node": show(item)} for cursor, item in items],
        "totalCount": total,
        "pageInfo": {
            "hasNextPage": following,
            "hasPreviousPage": previous,
            "startCursor": items[0][0] if items else None,
            "endCursor": items[-1][0] if items else None,
        },
        **more,
    }


def encoded(text: str) -> str:
    """A place in a list as a cursor."""
    return base64.urlsafe_b64encode(f"{_PREFIX}{text}".encode()).decode().rstrip("=")


def decoded(cursor: str) -> str:
    """The opposite of `encoded`. Raises Typed for a cursor that is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise strange(cursor) from error
    if not text.startswith(_PREFIX):
        raise strange(cursor)
    return text.removeprefix(_PREFIX)


def strange(cursor: str) -> Typed:
    """What GitHub says to a cursor that it did not give out."""
    return Typed("INVALID_CURSOR_ARGUMENTS", f"`{cursor[:100]}` does not appear to be a valid cursor.")


def _cursor(place: int) -> str:
    return encoded(str(place))


def _place(cursor: str) -> int:
    text = decoded(cursor)
    if not text.isdecimal() or len(text) > 9:
        raise strange(cursor)
    return int(text)

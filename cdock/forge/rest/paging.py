"""Pages of lists: numbers in most places, opaque cursors for issues, and the Link header for both."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from urllib.parse import urlencode

from cdock.forge.domain.errors import Invalid
from cdock.forge.domain.issuelist import Page, Place
from cdock.forge.rest.answers import Answer, Json
from cdock.forge.rest.call import Call, parse_number

MOST: Final = 100
T = TypeVar("T")
_PLACES: Final = frozenset({"page", "after", "before", "cursor"})
_STRANGE: Final = "The cursor is not one that this server gave out"


def per_page(call: Call) -> int:
    """How many on a page: 30 unless asked otherwise, never more than 100."""
    asked = parse_number(call.query.get("per_page", ""))
    return 30 if asked is None else min(max(asked, 1), MOST)


def page_number(call: Call) -> int:
    """Which page is asked for, from 1."""
    asked = parse_number(call.query.get("page", ""))
    return 1 if asked is None else min(max(asked, 1), 10**9)


def skip(call: Call) -> int:
    """How many are on the pages before."""
    return (page_number(call) - 1) * per_page(call)


def part(call: Call, items: Sequence[T]) -> Sequence[T]:
    """The asked page of a list that is here in whole."""
    start = skip(call)
    return items[start : start + per_page(call)]


def numbered(call: Call, body: Json, total: int, **headers: str) -> Answer:
    """A page of a list with `total` items, with links by page number."""
    last = max(-(-total // per_page(call)), 1)
    here = page_number(call)
    wanted: dict[str, int] = {}
    if here > 1:
        wanted |= {"prev": min(here - 1, last), "first": 1}
    if here < last:
        wanted |= {"next": here + 1, "last": last}
    links = {rel: _address(call, {"page": str(number)}) for rel, number in sorted(wanted.items())}
    return Answer(body, links=links, headers=headers)


def cursors(call: Call) -> tuple[Place | None, Place | None]:
    """The places after and before which to read. Raises Invalid for a page number beyond the first."""
    if page_number(call) > 1:
        raise Invalid(
            "Pagination with the page parameter is not supported for large datasets, "
            "please use cursor based pagination (after/before)"
        )
    return _place(call.query.get("after")), _place(call.query.get("before"))


def walked(call: Call, body: Json, page: Page) -> Answer:
    """A page of issues, with links by cursor; there is no last one."""
    links: dict[str, str] = {}
    if page.before is not None:
        links["prev"] = _address(call, {"before": _cursor(page.before)})
    if page.after is not None:
        links["next"] = _address(call, {"after": _cursor(page.after)})
    return Answer(body, links=links)


def stretch(
    call: Call, found: Sequence[T], *, id_of: Callable[[T], int], shape: Callable[[T], Json]
) -> Answer:
    """A page of a list that is here in whole, with links by cursor. Only what is on the page is shaped."""
    after, before = _place(call.query.get("after")), _place(call.query.get("before"))
    places = {id_of(one): index for index, one in enumerate(found)}
    size = per_page(call)
    if before is not None:
        end = places.get(before.id, int(before.key))
        start = max(end - size, 0)
    else:
        # Without the item that the last page ended with, the list goes on where it was.
        start = 0 if after is None else places.get(after.id, int(after.key) - 1) + 1
        end = start + size
    shown = found[start:end]
    links: dict[str, str] = {}
    if shown and start > 0:
        links["prev"] = _address(call, {"before": _cursor(Place(start, id_of(shown[0])))})
    if shown and start + len(shown) < len(found):
        links["next"] = _address(call, {"after": _cursor(Place(start + len(shown) - 1, id_of(shown[-1])))})
    return Answer([shape(one) for one in shown], links=links)


def followed(call: Call, body: Json, cursor: str | None) -> Answer:
    """A page of a list that only goes on, with a link to where it does."""
    return Answer(body, links={"next": _address(call, {"cursor": cursor})} if cursor else {})


def _address(call: Call, place: dict[str, str]) -> str:
    kept = {key: value for key, value in call.query.items() if key not in _PLACES}
    path = f"/repositories/{call.repo.id}{call.path}" if call.target else call.path
    return f"{call.urls.api}{path}?{urlencode(kept | place)}"


def _cursor(place: Place) -> str:
    text = json.dumps([place.key, place.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key, issue_id = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, TypeError) as error:
        raise Invalid(_STRANGE) from error
    if not isinstance(key, str | int) or not isinstance(issue_id, int) or max(_size(key), issue_id) >= 2**63:
        raise Invalid(_STRANGE)
    return Place(key, issue_id)


def _size(key: str | int) -> int:
    return key if isinstance(key, int) else 0

"""Lists of issues and of pull requests, with their filters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.responses import Response

from cdock.forge.domain import issuelist
from cdock.forge.domain.errors import Invalid
from cdock.forge.domain.issuelist import Place as Cursor
from cdock.forge.domain.issuelist import Query
from cdock.forge.web.places import place_of
from cdock.forge.web.visits import Visit

PAGE = 25
STATES = ("open", "closed")
SORTS = {
    "newest": ("created", True),
    "oldest": ("created", False),
    "updated": ("updated", True),
    "comments": ("comments", True),
}


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; everything is in the address, so a list can be kept as a bookmark."""

    path: str
    state: str = "open"
    labels: tuple[str, ...] = ()
    text: str = ""
    sort: str = "newest"

    @property
    def narrow(self) -> bool:
        """Whether anything but the state is filtered."""
        return bool(self.labels or self.text)

    def link(self, **cursor: str) -> str:
        """The address of this list."""
        pairs = [("state", self.state)] if self.state != "open" else []
        pairs += [("label", label) for label in self.labels]
        pairs += [("q", self.text)] if self.text else []
        pairs += [("sort", self.sort)] if self.sort != "newest" else []
        pairs += list(cursor.items())
        return self.path + (f"?{urlencode(pairs)}" if pairs else "")

    def with_state(self, state: str) -> str:
        """The address of the same list in another state."""
        return replace(self, state=state).link()

    def without_text(self) -> str:
        """The address of the same list without the words."""
        return replace(self, text="").link()

    def has(self, label: str) -> bool:
        """Whether the list is narrowed to a label."""
        return label.lower() in (known.lower() for known in self.labels)

    def toggled(self, label: str) -> str:
        """The address of the list with this label added to the filter, or taken out of it."""
        kept = tuple(known for known in self.labels if known.lower() != label.lower())
        return replace(self, labels=kept if self.has(label) else (*kept, label)).link()


def issue_list(visit: Visit) -> Response:
    """GET /OWNER/REPO/issues"""
    return _list(visit, kind="issue", tab="issues")


def pull_list(visit: Visit) -> Response:
    """GET /OWNER/REPO/pulls"""
    return _list(visit, kind="pull", tab="pulls")


def _list(visit: Visit, *, kind: str, tab: str) -> Response:
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        state, sort = visit.asked("state"), visit.asked("sort")
        filters = Filters(
            path=f"{place.path}/{tab}",
            state=state if state in ("closed", "all") else "open",
            labels=tuple(dict.fromkeys(visit.request.query_params.getlist("label"))),
            text=visit.asked("q").strip(),
            sort=sort if sort in SORTS else "newest",
        )
        key, descending = SORTS[filters.sort]
        query = Query(
            state=filters.state,
            kind=kind,
            labels=filters.labels,
            text=filters.text,
            sort=key,
            descending=descending,
        )
        found = issuelist.list_page(
            tx,
            place.repo,
            query,
            limit=PAGE,
            after=_cursor(visit.asked("after")),
            before=_cursor(visit.asked("before")),
        )
        counts = {state: issuelist.count(tx, place.repo, replace(query, state=state)) for state in STATES}
    return visit.page(
        "list.html",
        place=place,
        tab=tab,
        filters=filters,
        sorts=list(SORTS),
        issues=found.issues,
        counts=counts,
        newer=filters.link(before=_written(found.before)) if found.before else "",
        older=filters.link(after=_written(found.after)) if found.after else "",
    )


def _written(cursor: Cursor) -> str:
    return f"{cursor.key},{cursor.id}"


def _cursor(text: str) -> Cursor | None:
    key, _, number = text.rpartition(",")
    if not text:
        return None
    if not (key and number.isdecimal()):
        raise Invalid("This address does not lead to a page of the list. Start from the list's beginning.")
    return Cursor(int(key) if key.isdecimal() else key, int(number))

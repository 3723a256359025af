"""The labels of a repository: see them, make, change and remove them."""

from __future__ import annotations

from starlette.responses import Response

from cdock.forge.domain import issuelist, labels
from cdock.forge.domain.errors import invalid
from cdock.forge.domain.issuelist import Query
from cdock.forge.web.places import place_of
from cdock.forge.web.visits import Visit, see


def labels_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/labels"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        counts = {
            label.name: issuelist.count(tx, place.repo, Query(labels=(label.name,))) for label in place.labels
        }
    return visit.page("labels.html", place=place, tab="issues", counts=counts)


def create(visit: Visit) -> Response:
    """POST /OWNER/REPO/labels"""
    with visit.store.write() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        labels.create(
            tx,
            place.repo,
            visit.text("name").strip(),
            actor=visit.user,
            color=_colour(visit),
            description=visit.text("description").strip() or None,
        )
        return see(f"{place.path}/labels")


def change(visit: Visit) -> Response:
    """POST /OWNER/REPO/labels/change: save or remove one label."""
    with visit.store.write() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        label = labels.find(tx, place.repo, visit.text("was"))
        if visit.text("action") == "remove":
            labels.delete(tx, place.repo, label, actor=visit.user)
        else:
            labels.update(
                tx,
                place.repo,
                label,
                actor=visit.user,
                name=visit.text("name").strip(),
                color=_colour(visit),
                description=visit.text("description").strip(),
            )
        return see(f"{place.path}/labels")


def _colour(visit: Visit) -> str:
    colour = visit.text("color").strip().lstrip("#")
    if not colour:
        raise invalid("Label", "color", "A colour is needed: six digits such as 0e8a16.")
    return colour

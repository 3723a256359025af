"""The forms with which somebody reviews a pull request."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from cdock.forge.domain import pulls, reviewcomments, reviewers, reviews, threads
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.threads import Anchor
from cdock.forge.store import Tx
from cdock.forge.web.issues import number_of
from cdock.forge.web.places import Place, place_of
from cdock.forge.web.visits import Visit, see


def review(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/review: give a review, or submit or drop the one that waits."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        waiting = reviews.pending_of(tx, pull, visit.user)
        event, body = visit.text("event"), visit.text("body")
        if event == "discard":
            if waiting is not None:
                reviews.discard(tx, place.repo, pull, waiting, actor=visit.user)
            return see(_address(place, pull) + "/files")
        if waiting is None:
            given = reviews.create(tx, place.repo, pull, actor=visit.user, event=event, body=body)
        else:
            given = reviews.submit(
                tx, place.repo, pull, waiting, actor=visit.user, event=event, body=body or None
            )
        return see(f"{_address(place, pull)}#pullrequestreview-{given.id}")


def remark(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/remark: comment on a line or a file, at once or as part of a review."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        line = visit.text("line")
        anchor = Anchor(
            visit.text("file"),
            side=visit.text("side") or "RIGHT",
            line=int(line) if line.isdecimal() and len(line) < 10 else None,
        )
        waiting = reviews.pending_of(tx, pull, visit.user)
        if visit.text("action") == "later" and waiting is None:
            waiting = reviews.create(tx, place.repo, pull, actor=visit.user)
        made = reviews.comment(
            tx, place.repo, pull, anchor, visit.text("body"), actor=visit.user, review=waiting
        )
        return see(f"{_address(place, pull)}/files#discussion_r{made.id}")


def answer(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/threads/ID: answer in a thread, settle it or take it up again, or both."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        thread = threads.find(tx, place.repo, _number(visit.part("thread")), viewer=visit.user)
        if thread.issue_id != pull.issue.id:
            raise NotFound
        action, anchor = visit.text("action"), f"discussion_r{thread.comments[0].id}"
        if visit.text("body").strip() or action == "reply":
            waiting = reviews.pending_of(tx, pull, visit.user)
            made = reviews.reply(
                tx, place.repo, pull, thread, visit.text("body"), actor=visit.user, review=waiting
            )
            anchor = f"discussion_r{made.id}"
        if action == "resolve":
            threads.resolve(tx, place.repo, thread, actor=visit.user)
        elif action == "unresolve":
            threads.unresolve(tx, place.repo, thread, actor=visit.user)
        page = "/files" if visit.text("on") == "files" else ""
        return see(f"{_address(place, pull)}{page}#{anchor}")


def edit_remark(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/remarks/ID: change or remove a comment on a line."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        shown = reviewcomments.find(tx, place.repo, _number(visit.part("remark")), viewer=visit.user)
        if shown.issue_id != pull.issue.id:
            raise NotFound
        if visit.text("action") == "delete":
            reviewcomments.delete(tx, place.repo, shown, actor=visit.user)
            return see(_address(place, pull))
        reviewcomments.edit(tx, place.repo, shown, visit.text("body"), actor=visit.user)
        return see(f"{_address(place, pull)}#discussion_r{shown.id}")


def ask(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/reviewers: ask for reviews and take requests back, as changed on the page."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        was, wanted = set(visit.texts("was")), set(visit.texts("reviewer"))
        reviewers.request(tx, place.repo, pull, sorted(wanted - was), actor=visit.user)
        reviewers.unrequest(tx, place.repo, pull, sorted(was - wanted), actor=visit.user)
        return see(_address(place, pull))


def asked_line(visit: Visit) -> Mapping[str, object] | None:
    """The line that the visitor wants to comment on, from the address."""
    path, line = visit.asked("file"), visit.asked("line")
    if not path or visit.user is None:
        return None
    number = int(line) if line.isdecimal() and len(line) < 10 else None
    return {"path": path, "side": visit.asked("side") or "RIGHT", "line": number}


def _found(tx: Tx, visit: Visit) -> tuple[Place, Pull]:
    place = place_of(tx, visit.repo(tx), visit.user)
    return place, pulls.find(tx, place.repo, number_of(visit))


def _address(place: Place, pull: Pull) -> str:
    return f"{place.path}/pull/{pull.number}"


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 16):
        raise NotFound
    return int(text)

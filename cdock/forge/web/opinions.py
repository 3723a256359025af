"""Reviews and threads on lines as a pull request's pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from cdock.forge.domain import reviewcomments, reviewers, reviews, roles, threads
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.threads import Thread
from cdock.forge.domain.users import User
from cdock.forge.store import Tx
from cdock.forge.web import markdown
from cdock.forge.web.hunks import Line, parse_hunks
from cdock.forge.web.markdown import Surroundings
from cdock.forge.web.places import Place

CONTEXT = 4
"""Lines of the diff that a thread shows in the conversation."""


@dataclass(frozen=True)
class Remark:
    """One comment in a thread."""

    id: int
    anchor: str
    author: User
    created: datetime
    editor: User | None
    html: Markup
    source: str
    pending: bool
    may_edit: bool


@dataclass(frozen=True)
class Talk:
    """A thread with what the visitor may do about it; `lines` are the last ones of what it was made on."""

    thread: Thread
    where: str
    lines: tuple[Line, ...]
    remarks: tuple[Remark, ...]
    may_resolve: bool
    may_reply: bool


@dataclass(frozen=True)
class Opinion:
    """A review with the threads that were begun in it."""

    review: Review
    anchor: str
    html: Markup
    talks: tuple[Talk, ...]


@dataclass(frozen=True)
class Reviewer:
    """Somebody who gave a review or is asked for one; `state` is that of the review that counts, or `asked`."""

    person: User
    state: str


def talks_of(
    tx: Tx, place: Place, pull: Pull, *, visitor: User | None, may_reply: bool, around: Surroundings
) -> list[Talk]:
    """The threads of a pull request that the visitor sees, in the order in which they were begun."""
    return [
        Talk(
            thread=thread,
            where=_where(thread),
            lines=tuple(line for hunk in parse_hunks(_whole(thread.hunk)) for line in hunk.lines)[-CONTEXT:],
            remarks=tuple(_remark(tx, place, one, visitor, around) for one in thread.comments),
            may_resolve=threads.may_resolve(tx, place.repo, thread, visitor),
            may_reply=may_reply,
        )
        for thread in threads.of_pull(tx, place.repo, pull, viewer=visitor)
    ]


def opinions_of(
    tx: Tx, pull: Pull, talks: Iterable[Talk], *, visitor: User | None, around: Surroundings
) -> dict[int, Opinion]:
    """Reviews by id, as far as they say anything: one that only answers in threads is seen there."""
    begun: dict[int, list[Talk]] = {}
    for talk in talks:
        begun.setdefault(talk.thread.comments[0].review_id, []).append(talk)
    return {
        review.id: Opinion(
            review=review,
            anchor=f"pullrequestreview-{review.id}",
            html=markdown.render(review.body, around),
            talks=tuple(begun.get(review.id, ())),
        )
        for review in reviews.of_pull(tx, pull, viewer=visitor)
        if review.state != "COMMENTED" or review.body.strip() or review.id in begun
    }


def by_line(talks: Iterable[Talk]) -> dict[tuple[str, str, int | None], list[Talk]]:
    """Threads that are in the diff as it is now, by path, side and line (None for those on a file)."""
    found: dict[tuple[str, str, int | None], list[Talk]] = {}
    for talk in talks:
        thread = talk.thread
        if not thread.outdated:
            found.setdefault((thread.path, thread.side, thread.line), []).append(talk)
    return found


def reviewers_of(tx: Tx, pull: Pull) -> list[Reviewer]:
    """Who reviewed or is asked to, in the order of the first time; of who is asked again only that is shown."""
    states: dict[int, Reviewer] = {}
    for review in reviews.latest(tx, pull):
        if review.author.id != pull.issue.author.id:
            states[review.author.id] = Reviewer(review.author, review.state)
    for review in reviews.opinions(tx, pull):
        states[review.author.id] = Reviewer(review.author, review.state)
    for person in reviewers.of_pull(tx, pull):
        states[person.id] = Reviewer(person, "asked")
    return list(states.values())


def askable(tx: Tx, place: Place, pull: Pull) -> list[User]:
    """Whom one can ask for a review."""
    people = [person for person, _ in roles.collaborators(tx, place.repo)]
    return [person for person in people if person.id != pull.issue.author.id]


def _where(thread: Thread) -> str:
    line = thread.line or thread.original_line
    first = thread.start_line or thread.original_start_line
    if line is None:
        return ""
    if first is not None and first != line:
        return f"lines {first} to {line}"
    return f"line {line}" if thread.side == "RIGHT" else f"removed line {line}"


def _whole(hunk: str) -> str:
    """A hunk that ends at the commented line, with a heading that says so."""
    heading, newline, text = hunk.partition("\n")
    rows: Sequence[str] = text.split("\n") if newline else ()
    olds = sum(not row.startswith(("+", "\\")) for row in rows)
    news = sum(not row.startswith(("-", "\\")) for row in rows)
    starts = [part.partition(",")[0] for part in heading.split(" ")[1:3]]
    return f"@@ {starts[0]},{olds} {starts[1]},{news} @@\n{text}" if len(starts) == 2 else ""


def _remark(tx: Tx, place: Place, shown: ReviewComment, visitor: User | None, around: Surroundings) -> Remark:
    archived = place.repo.settings["archived"]
    return Remark(
        id=shown.id,
        anchor=f"discussion_r{shown.id}",
        author=shown.author,
        created=shown.created,
        editor=shown.editor,
        html=markdown.render(shown.body, around),
        source=shown.body,
        pending=shown.pending,
        may_edit=not archived and reviewcomments.may_edit(tx, place.repo, shown, visitor),
    )

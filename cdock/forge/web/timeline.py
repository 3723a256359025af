"""What happened to an issue or pull request, from its events to the lines of its page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from markupsafe import Markup

from cdock.forge.domain import comments, history, issues, links, timeline
from cdock.forge.domain.comments import Comment
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Tx
from cdock.forge.web import markdown
from cdock.forge.web.markdown import Surroundings
from cdock.forge.web.opinions import Opinion
from cdock.forge.web.places import Place

_TOGETHER = timedelta(minutes=1)
"""Label changes by one person within this time are one line."""


@dataclass(frozen=True)
class Writing:
    """A text that somebody wrote: the body of an issue, or a comment."""

    anchor: str
    """Its id on the page; the form that ticks its boxes is `tick-` and this."""
    author: User
    created: datetime
    editor: User | None
    source: str
    html: Markup
    version: str
    tasks: tuple[int, int]
    may_edit: bool
    reactions: Mapping[str, int]
    """How many there are of each kind."""
    comment_id: int | None
    """None for the body."""


@dataclass(frozen=True)
class Linked:
    """Another issue that names this one."""

    address: str
    name: str
    title: str
    open: bool
    pull: bool


@dataclass(frozen=True)
class Entry:
    """One line of the timeline; the template has words for each kind."""

    anchor: str
    kind: str
    """The kind of the event, or `labels` for label changes."""
    actor: User | None
    when: datetime
    writing: Writing | None = None
    added: tuple[Mapping[str, str], ...] = ()
    """Labels put on: name and color."""
    removed: tuple[Mapping[str, str], ...] = ()
    person: User | None = None
    """Who was assigned."""
    source: Linked | None = None
    oid: str = ""
    title: str = ""
    """The subject of a commit."""
    before: str = ""
    after: str = ""
    reason: str = ""
    opinion: Opinion | None = None


def body_of(tx: Tx, place: Place, issue: Issue, *, visitor: User | None, around: Surroundings) -> Writing:
    """The text with which an issue begins."""
    return _writing(
        "body",
        issue.body or "",
        author=issue.author,
        created=issue.created,
        editor=issue.editor,
        may_edit=issues.may_edit(tx, place.repo, issue, visitor) and not place.repo.settings["archived"],
        reactions=issue.reactions,
        comment_id=None,
        around=around,
    )


def entries_of(
    tx: Tx,
    place: Place,
    issue: Issue,
    *,
    visitor: User | None,
    around: Surroundings,
    opinions: Mapping[int, Opinion] = MappingProxyType({}),
) -> list[Entry]:
    """Everything after the body, oldest first; of reviews those that are among the `opinions`, by id."""
    items = timeline.of_issue(tx, place.repo, issue, actor=visitor)
    oids = {item.event.oid for item in items if item.event.oid and item.commit is None}
    titles = {commit.oid: commit.title for commit in history.some(place.repo, sorted(oids))}
    shown = [item for item in items if item.review is None or item.review.id in opinions]
    entries = [_entry(tx, place, item, titles, visitor=visitor, around=around) for item in shown]
    given = [
        replace(entry, anchor=opinions[item.review.id].anchor, opinion=opinions[item.review.id])
        if item.review is not None
        else entry
        for item, entry in zip(shown, entries, strict=True)
    ]
    return list(_joined(given))


def participants(issue: Issue, entries: Iterable[Entry]) -> list[User]:
    """Who wrote something, in order of appearance."""
    writers = [issue.author]
    for entry in entries:
        if entry.writing:
            writers.append(entry.writing.author)
        if entry.opinion:
            writers.append(entry.opinion.review.author)
            writers += [one.author for talk in entry.opinion.talks for one in talk.remarks]
    return list({writer.id: writer for writer in writers}.values())


def _entry(
    tx: Tx,
    place: Place,
    item: timeline.Item,
    titles: Mapping[str, str],
    *,
    visitor: User | None,
    around: Surroundings,
) -> Entry:
    event, data = item.event, item.event.data
    entry = Entry(
        anchor=f"event-{event.id}",
        kind=event.kind,
        actor=event.actor,
        when=event.created,
        person=item.assignee,
        oid=event.oid or "",
        title=item.commit.title if item.commit else titles.get(event.oid or "", ""),
        before=str(data.get("from") or data.get("before") or ""),
        after=str(data.get("to") or data.get("after") or data.get("title") or ""),
        reason=str(data.get("state_reason") or data.get("lock_reason") or data.get("message") or ""),
    )
    if item.comment is not None:
        writing = _comment(tx, place, item.comment, visitor=visitor, around=around)
        return replace(entry, anchor=writing.anchor, writing=writing)
    if event.kind in ("labeled", "unlabeled"):
        label = (data["label"],)
        if event.kind == "labeled":
            return replace(entry, kind="labels", added=label)
        return replace(entry, kind="labels", removed=label)
    if event.kind in links.NAMED:
        return replace(entry, source=_other(tx, place, data[links.NAMED[event.kind]], visitor=visitor))
    if item.source is not None and item.source_repo is not None:
        return replace(entry, source=_linked(item.source, item.source_repo, seen_from=place.repo))
    return entry


def _comment(
    tx: Tx, place: Place, comment: Comment, *, visitor: User | None, around: Surroundings
) -> Writing:
    return _writing(
        f"comment-{comment.id}",
        comment.body,
        author=comment.author,
        created=comment.created,
        editor=comment.editor,
        may_edit=comments.may_edit(tx, place.repo, comment, visitor) and not place.repo.settings["archived"],
        reactions=comment.reactions,
        comment_id=comment.id,
        around=around,
    )


def _writing(
    anchor: str,
    source: str,
    *,
    author: User,
    created: datetime,
    editor: User | None,
    may_edit: bool,
    reactions: Mapping[str, int],
    comment_id: int | None,
    around: Surroundings,
) -> Writing:
    here = replace(around, task_form=f"tick-{anchor}" if may_edit else "")
    return Writing(
        anchor=anchor,
        author=author,
        created=created,
        editor=editor,
        source=source,
        html=markdown.render(source, here),
        version=markdown.version_of(source),
        tasks=markdown.task_count(source),
        may_edit=may_edit,
        reactions=reactions,
        comment_id=comment_id,
    )


def _other(tx: Tx, place: Place, issue_id: int, *, visitor: User | None) -> Linked | None:
    """The other issue of an event; None when it is gone, or not for the visitor."""
    try:
        found, home = issues.reachable(tx, issue_id, actor=visitor)
    except NotFound:
        return None
    return _linked(found, home, seen_from=place.repo)


def _linked(source: Issue, home: Repo, *, seen_from: Repo) -> Linked:
    return Linked(
        address=f"/{home.full_name}/{'pull' if source.pull else 'issues'}/{source.number}",
        name=f"{'' if home.id == seen_from.id else home.full_name}#{source.number}",
        title=source.title,
        open=source.open,
        pull=source.pull is not None,
    )


def _joined(lines: Iterable[Entry]) -> Iterable[Entry]:
    """Label changes made in one go as one line."""
    waiting: Entry | None = None
    for line in lines:
        if (
            waiting
            and waiting.kind == line.kind == "labels"
            and waiting.actor == line.actor
            and line.when - waiting.when <= _TOGETHER
        ):
            waiting = replace(
                waiting, added=waiting.added + line.added, removed=waiting.removed + line.removed
            )
            continue
        if waiting:
            yield waiting
        waiting = line
    if waiting:
        yield waiting

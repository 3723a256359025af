"""The page of an issue, and the forms on it (a pull request is an issue too, so its page uses these forms)."""

from __future__ import annotations

from starlette.responses import Response

from cdock.forge.domain import comments, issues, marks, roles
from cdock.forge.domain.errors import Conflict, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.store import Tx
from cdock.forge.web import markdown, timeline
from cdock.forge.web.lookups import commit_finder
from cdock.forge.web.places import Place, place_of, surroundings_of
from cdock.forge.web.relations import relations_of
from cdock.forge.web.visits import Visit, see

CLOSINGS = {"close": "completed", "not_planned": "not_planned", "duplicate": "duplicate"}


def issue_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/issues/N"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        issue = issues.find(tx, place.repo, number_of(visit))
        if issue.pull is not None:
            return see(address_of(place, issue))
        around = surroundings_of(tx, place, commit_of=commit_finder(place.repo))
        entries = timeline.entries_of(tx, place, issue, visitor=visit.user, around=around)
        return visit.page(
            "issue.html",
            place=place,
            tab="issues",
            issue=issue,
            address=address_of(place, issue),
            body=timeline.body_of(tx, place, issue, visitor=visit.user, around=around),
            entries=entries,
            people=timeline.participants(issue, entries),
            related=relations_of(tx, place, issue, visitor=visit.user),
            assignable=roles.assignables(tx, place.repo),
            may_edit=issues.may_edit(tx, place.repo, issue, visit.user),
            may_comment=may_comment(place, issue, visit),
        )


def comment(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues/N/comment: a comment, a change of state, or both."""
    with visit.store.write() as tx:
        place, issue = _found(tx, visit)
        body, action = visit.text("body"), visit.text("action")
        anchor = ""
        if body.strip() or action in ("", "comment"):
            written = comments.create(tx, place.repo, issue, body, actor=visit.user)
            anchor = f"#comment-{written.id}"
        if action in CLOSINGS:
            issues.close(tx, place.repo, issue, actor=visit.user, reason=CLOSINGS[action])
        elif action == "reopen":
            issues.reopen(tx, place.repo, issue, actor=visit.user)
        return see(address_of(place, issue) + anchor)


def labels(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues/N/labels: put on and take off what was changed on the page, nothing else."""
    with visit.store.write() as tx:
        place, issue = _found(tx, visit)
        was, wanted = set(visit.texts("was")), set(visit.texts("label"))
        present = {label.name for label in issue.labels}
        marks.add_labels(tx, place.repo, issue.id, sorted(wanted - was), actor=visit.user)
        for name in sorted((was - wanted) & present):
            marks.remove_label(tx, place.repo, issue.id, name, actor=visit.user)
        return see(address_of(place, issue))


def assignees(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues/N/assignees"""
    with visit.store.write() as tx:
        place, issue = _found(tx, visit)
        was, wanted = set(visit.texts("was")), set(visit.texts("assignee"))
        marks.assign(tx, place.repo, issue.id, sorted(wanted - was), actor=visit.user)
        marks.unassign(tx, place.repo, issue.id, sorted(was - wanted), actor=visit.user)
        return see(address_of(place, issue))


def tick(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues/N/task: a click on a task box is an edit of the text it stands in."""
    line, _, state = visit.text("task").partition(":")
    with visit.store.write() as tx:
        place, issue = _found(tx, visit)
        comment_id = visit.text("comment")
        text, anchor = issue.body or "", "#body"
        if comment_id:
            written = comment_of(tx, place.repo, comment_id)
            text, anchor = written.body, f"#comment-{written.id}"
        # An agent may have rewritten its comment since the page was shown: the line could be another one now.
        if markdown.version_of(text) != visit.text("version"):
            raise Conflict("The text changed since you opened the page. Look at it again, then tick the box.")
        try:
            changed = markdown.with_task(text, line=int(line), checked=state == "on")
        except ValueError as error:
            raise Conflict(
                "There is no box at this place any more. Reload the page and try again."
            ) from error
        if comment_id:
            comments.edit(tx, place.repo, written, changed, actor=visit.user)
        else:
            issues.edit(tx, place.repo, issue, actor=visit.user, body=changed)
        return see(address_of(place, issue) + anchor)


def edit_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/issues/N/edit, for the issue or (`?comment=ID`) for a comment on it."""
    with visit.store.read() as tx:
        place, issue = _found(tx, visit)
        comment_id = visit.asked("comment")
        written = comment_of(tx, place.repo, comment_id) if comment_id else None
        return visit.page(
            "edit.html",
            place=place,
            tab="pulls" if issue.pull else "issues",
            issue=issue,
            address=address_of(place, issue),
            comment=written,
            text=written.body if written else issue.body or "",
            version=markdown.version_of(written.body if written else issue.body or ""),
        )


def edit(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues/N/edit"""
    with visit.store.write() as tx:
        place, issue = _found(tx, visit)
        comment_id = visit.text("comment")
        written = comment_of(tx, place.repo, comment_id) if comment_id else None
        text = written.body if written else issue.body or ""
        if markdown.version_of(text) != visit.text("version"):
            raise Conflict("Somebody else changed the text meanwhile. Yours is below; look at theirs first.")
        if written and visit.text("action") == "delete":
            comments.delete(tx, place.repo, written, actor=visit.user)
            return see(address_of(place, issue))
        if written:
            comments.edit(tx, place.repo, written, visit.text("body"), actor=visit.user)
            return see(f"{address_of(place, issue)}#comment-{written.id}")
        issues.edit(
            tx, place.repo, issue, actor=visit.user, title=visit.text("title"), body=visit.text("body")
        )
        return see(address_of(place, issue))


def number_of(visit: Visit) -> int:
    """The number in the address. Raises NotFound for one that is too long to be one."""
    digits = visit.part("number")
    if not (digits.isdecimal() and len(digits) < 10):
        raise NotFound
    return int(digits)


def address_of(place: Place, issue: Issue) -> str:
    """Where an issue or pull request is shown."""
    return f"{place.path}/{'pull' if issue.pull else 'issues'}/{issue.number}"


def may_comment(place: Place, issue: Issue, visit: Visit) -> bool:
    """Whether the comment form is of use to the visitor."""
    archived = place.repo.settings["archived"]
    return visit.user is not None and not archived and (not issue.locked or place.may_write)


def comment_of(tx: Tx, repo: Repo, comment_id: str) -> comments.Comment:
    """The comment a form means. Raises NotFound."""
    if not (comment_id.isdecimal() and len(comment_id) < 16):
        raise NotFound
    return comments.find(tx, repo, int(comment_id))


def _found(tx: Tx, visit: Visit) -> tuple[Place, Issue]:
    place = place_of(tx, visit.repo(tx), visit.user)
    return place, issues.find(tx, place.repo, number_of(visit))

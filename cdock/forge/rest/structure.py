"""Sub-issues and dependencies over REST. Other issues are named by database id, whatever repository they are in."""

from __future__ import annotations

from collections.abc import Sequence

from cdock.forge.domain import dependencies, repos, subissues
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.issues import Issue
from cdock.forge.rest.answers import Answer, Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.issues import find
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import issue as shapes


@repo_route("GET", "/issues/{number:int}/sub_issues")
def list_sub_issues(call: Call) -> Answer:
    """The parts of an issue in their order."""
    return _list(call, subissues.list_of(call.tx, find(call), actor=call.actor))


@repo_route("POST", "/issues/{number:int}/sub_issues")
def add_sub_issue(call: Call) -> Answer:
    """Make an issue a part of this one; gives the parent."""
    call.objects()
    parent = subissues.add(
        call.tx,
        call.repo,
        find(call),
        _needed_id(call, "sub_issue_id"),
        actor=call.actor,
        replace_parent=call.body.flag("replace_parent") or False,
    )
    return Answer(shapes.issue(call, call.repo, parent), status=201)


@repo_route("DELETE", "/issues/{number:int}/sub_issue")
def remove_sub_issue(call: Call) -> Answer:
    """Make a part independent; gives the parent."""
    call.objects()
    child_id = _needed_id(call, "sub_issue_id")
    parent = subissues.remove(call.tx, call.repo, find(call), child_id, actor=call.actor)
    return Answer(shapes.issue(call, call.repo, parent))


@repo_route("PATCH", "/issues/{number:int}/sub_issues/priority")
def move_sub_issue(call: Call) -> Answer:
    """Put a part behind or before another one; `after_id: null`, as PyGithub sends it, means first."""
    call.objects()
    if "after_id" not in call.body and "before_id" not in call.body:
        raise Invalid("Either after_id or before_id must be given")
    parent = subissues.move(
        call.tx,
        call.repo,
        find(call),
        _needed_id(call, "sub_issue_id"),
        actor=call.actor,
        after_id=_id(call, "after_id"),
        before_id=_id(call, "before_id"),
    )
    return Answer(shapes.issue(call, call.repo, parent))


@repo_route("GET", "/issues/{number:int}/parent")
def show_parent(call: Call) -> Answer:
    """The issue that this one is a part of, 404 when there is none."""
    parent = subissues.parent_of(call.tx, find(call), actor=call.actor)
    if parent is None:
        raise NotFound
    return Answer(_shape(call, parent), modified=parent.updated)


@repo_route("GET", "/issues/{number:int}/dependencies/blocked_by")
def list_blockers(call: Call) -> Answer:
    """What an issue waits for; closed issues too, it is for the client to leave them out."""
    return _list(call, dependencies.blockers_of(call.tx, find(call), actor=call.actor))


@repo_route("POST", "/issues/{number:int}/dependencies/blocked_by")
def add_blocker(call: Call) -> Answer:
    """Let an issue wait for another one; gives the waiting one."""
    call.objects()
    blocker_id = _needed_id(call, "issue_id")
    waiting = dependencies.add(call.tx, call.repo, find(call), blocker_id, actor=call.actor)
    return Answer(shapes.issue(call, call.repo, waiting), status=201)


@repo_route("DELETE", "/issues/{number:int}/dependencies/blocked_by/{issue_id:int}")
def remove_blocker(call: Call) -> Answer:
    """Let an issue not wait for another one any more; gives the issue that waited."""
    blocker_id = call.number("issue_id")
    waiting = dependencies.remove(call.tx, call.repo, find(call), blocker_id, actor=call.actor)
    return Answer(shapes.issue(call, call.repo, waiting))


@repo_route("GET", "/issues/{number:int}/dependencies/blocking")
def list_blocked(call: Call) -> Answer:
    """What waits for an issue."""
    return _list(call, dependencies.blocked_of(call.tx, find(call), actor=call.actor))


def _list(call: Call, found: Sequence[Issue]) -> Answer:
    return numbered(call, [_shape(call, one) for one in part(call, found)], len(found))


def _shape(call: Call, shown: Issue) -> Json:
    """An issue that may be in another repository, and therefore says in which."""
    home = call.repo if shown.repo_id == call.repo.id else repos.by_id(call.tx, shown.repo_id)
    return shapes.issue(call, home, shown)


def _id(call: Call, name: str) -> int | None:
    """A database id. GitHub takes no text for it, which is what `gh api -f` (for `-F`) sends."""
    value = call.body.raw(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise Invalid(f"Invalid property /{name}: `{str(value)[:200]!r}` is not of type `integer`.")
    return value


def _needed_id(call: Call, name: str) -> int:
    value = _id(call, name)
    if value is None:
        raise Invalid(f"Invalid request.\n\n'{name}' wasn't supplied.")
    return value

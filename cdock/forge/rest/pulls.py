"""Pull requests over REST."""

from __future__ import annotations

from cdock.forge.domain import diffs, merging, pulls
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.pulls import Pull
from cdock.forge.rest import issues
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part, per_page, skip
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import code
from cdock.forge.rest.shapes import pull as shapes


@repo_route("GET", "/pulls")
def list_pulls(call: Call) -> Answer:
    """A page of pull requests."""
    sort = call.choice("sort", "created", "created", "updated", "popularity", "long-running")
    newest_first = sort == "created" and not call.query.get("sort")
    direction = call.choice(
        "direction", "desc" if newest_first or sort == "created" else "asc", "asc", "desc"
    )
    found, total = pulls.list_page(
        call.tx,
        call.repo,
        state=call.choice("state", "open", "open", "closed", "all"),
        head=call.query.get("head") or None,
        base=call.query.get("base") or None,
        sort=sort,
        descending=direction == "desc",
        limit=per_page(call),
        skip=skip(call),
    )
    return numbered(call, [shapes.simple(call, call.repo, one) for one in found], total)


@repo_route("POST", "/pulls")
def create(call: Call) -> Answer:
    """Open a pull request."""
    call.objects()
    shown = pulls.create(
        call.tx,
        call.repo,
        call.body.needed("title", resource="PullRequest"),
        actor=call.actor,
        head=call.body.needed("head", resource="PullRequest"),
        base=call.body.needed("base", resource="PullRequest"),
        body=call.body.text("body"),
        draft=bool(call.body.flag("draft")),
        maintainer_can_modify=bool(call.body.flag("maintainer_can_modify")),
    )
    body = shapes.full(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/pulls/{number:int}")
def show(call: Call) -> Answer:
    """One pull request, or its changes where the client wants a diff or patches."""
    shown = _find(call)
    if (text := _as_text(call, shown)) is not None:
        return text
    return Answer(shapes.full(call, call.repo, shown), modified=shown.issue.updated)


@repo_route("PATCH", "/pulls/{number:int}")
def update(call: Call) -> Answer:
    """Change texts, state and base."""
    call.objects()
    shown = _find(call)
    issues.edit(call)
    if (base := call.body.text("base")) is not None:
        pulls.change_base(call.tx, call.repo, shown, base, actor=call.actor)
    issues.set_state(call)
    return Answer(shapes.full(call, call.repo, _find(call)))


@repo_route("GET", "/pulls/{number:int}/files")
def files(call: Call) -> Answer:
    """The changed files."""
    shown = _find(call)
    found = pulls.files(call.repo, shown)
    body = [code.change(call, call.repo, one, shown.head_oid) for one in part(call, found)]
    return numbered(call, body, len(found))


@repo_route("GET", "/pulls/{number:int}/commits")
def commits(call: Call) -> Answer:
    """The commits, oldest first."""
    found = pulls.commits(call.repo, _find(call))
    return numbered(call, [code.commit(call, call.repo, one) for one in part(call, found)], len(found))


@repo_route("GET", "/pulls/{number:int}/merge")
def is_merged(call: Call) -> Answer:
    """204 when it is merged, else 404."""
    if _find(call).merged is None:
        raise NotFound
    return NOTHING


@repo_route("PUT", "/pulls/{number:int}/merge")
def merge(call: Call) -> Answer:
    """Merge it."""
    call.objects()
    oid = merging.merge(
        call.tx,
        call.repo,
        _find(call),
        actor=call.actor,
        method=call.body.text("merge_method") or "merge",
        expected_head=call.body.text("sha"),
        title=call.body.text("commit_title"),
        message=call.body.text("commit_message"),
    )
    return Answer({"sha": oid, "merged": True, "message": "Pull Request successfully merged"})


@repo_route("PUT", "/pulls/{number:int}/update-branch")
def update_branch(call: Call) -> Answer:
    """Merge the base into it."""
    call.objects()
    shown = _find(call)
    expected = call.body.text("expected_head_sha")
    merging.update_branch(call.tx, call.repo, shown, actor=call.actor, expected_head=expected)
    url = f"{call.urls.repo(call.repo)}/pulls/{shown.number}"
    return Answer({"message": "Updating pull request branch.", "url": url}, status=202)


def _find(call: Call) -> Pull:
    return pulls.find(call.tx, call.repo, call.number("number"))


def _as_text(call: Call, shown: Pull) -> Answer | None:
    for kind in ("diff", "patch"):
        if (
            f"application/vnd.github.{kind}" in call.accept
            or f"application/vnd.github.v3.{kind}" in call.accept
        ):
            make = diffs.diff_text if kind == "diff" else diffs.patch_text
            text = make(call.repo, shown.base_oid, shown.head_oid)
            return Answer(text, media=f"application/vnd.github.v3.{kind}; charset=utf-8")
    return None

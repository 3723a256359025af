"""Branches, commits and files over REST."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cdock.forge.domain import contents, diffs, history, refs, trees
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.errors import Conflict, NotFound, invalid
from cdock.forge.domain.history import Commit
from cdock.forge.rest.answers import Answer, Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, page_number, part, per_page, skip
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import code

COMPARED_FILES = 300
"""GitHub shows no more files of a comparison or commit than this."""


@repo_route("GET", "/branches")
def branches(call: Call) -> Answer:
    """All branches, by name."""
    found = refs.branches(call.repo)
    return numbered(call, [code.branch(call, call.repo, one) for one in part(call, found)], len(found))


@repo_route("GET", "/branches/{branch:path}")
def branch(call: Call) -> Answer:
    """One branch with its last commit."""
    shown = refs.branch(call.repo, call.params["branch"])
    return Answer(code.whole_branch(call, call.repo, shown, history.find(call.repo, shown.oid)))


@repo_route("GET", "/commits")
def commits(call: Call) -> Answer:
    """Commits reachable from a branch (the default one), newest first."""
    oid = refs.resolve(call.repo, call.query.get("sha") or call.repo.default_branch)
    # One more than a page, to know whether there is another: counting all of a long history would take long.
    found = history.list_commits(
        call.repo,
        oid,
        limit=per_page(call) + 1,
        skip=skip(call),
        path=call.query.get("path") or None,
        author=call.query.get("author") or None,
        since=call.moment("since"),
        until=call.moment("until"),
    )
    total = skip(call) + len(found)
    body = [code.commit(call, call.repo, one) for one in found[: per_page(call)]]
    return numbered(call, body, total)


@repo_route("GET", "/commits/{ref:path}")
def commit(call: Call) -> Answer:
    """One commit with its changes, or only the changes where the client wants a diff."""
    shown = history.find(call.repo, refs.resolve(call.repo, call.params["ref"]))
    if "application/vnd.github.diff" in call.accept or "application/vnd.github.v3.diff" in call.accept:
        text = diffs.commit_diff_text(call.repo, shown)
        return Answer(text, media="application/vnd.github.v3.diff; charset=utf-8")
    if "application/vnd.github.sha" in call.accept or "application/vnd.github.v3.sha" in call.accept:
        return Answer(shown.oid.encode(), media="application/vnd.github.v3.sha; charset=utf-8")
    changed = diffs.commit_changes(call.repo, shown)
    body = code.commit(call, call.repo, shown, changes=changed[:COMPARED_FILES])
    return Answer(body, modified=shown.committer.date)


@repo_route("GET", "/compare/{basehead:path}")
def compare(call: Call) -> Answer:
    """What one line of history has over another, from where they parted."""
    base_name, dots, head_name = call.params["basehead"].partition("...")
    if not dots:
        raise NotFound
    prefix = f"{call.repo.owner.login}:".lower()
    base, head = (
        refs.resolve(call.repo, name[len(prefix) :] if name.lower().startswith(prefix) else name)
        for name in (base_name, head_name)
    )
    parted = history.merge_base(call.repo, base, head)
    if parted is None:
        raise NotFound(f"No common ancestor between {base_name} and {head_name}.")
    if "application/vnd.github.diff" in call.accept or "application/vnd.github.v3.diff" in call.accept:
        return Answer(
            diffs.diff_text(call.repo, base, head), media="application/vnd.github.v3.diff; charset=utf-8"
        )
    ahead, behind = history.ahead_behind(call.repo, base, head)
    found = part(call, history.between(call.repo, base, head, limit=max(ahead, 1)))
    changed = diffs.changes(call.repo, base, head) if page_number(call) == 1 else ()
    body = _comparison(call, base, head, parted, ahead, behind, found, changed)
    return numbered(call, body, ahead)


@repo_route("GET", "/contents")
@repo_route("GET", "/contents/{path:path}")
def show_contents(call: Call) -> Answer:
    """A file with its content, or what is in a folder."""
    path = call.params.get("path", "").strip("/")
    name = call.query.get("ref") or call.repo.default_branch
    oid = _resolved(call, name)
    if not path:
        listed = trees.list_tree(call.repo, oid)
        return Answer([code.content(call, call.repo, entry, name) for entry in listed])
    entry = trees.entry_at(call.repo, oid, path)
    if entry.kind == "tree":
        listed = trees.list_tree(call.repo, oid, path)
        return Answer([code.content(call, call.repo, one, name) for one in listed])
    data = trees.blob(call.repo, entry.oid) if entry.kind == "blob" else None
    return _file(call, name, entry, data)


@repo_route("GET", "/readme")
@repo_route("GET", "/readme/{path:path}")
def readme(call: Call) -> Answer:
    """The readme of the repository or of a folder."""
    name = call.query.get("ref") or call.repo.default_branch
    entry = trees.find_readme(call.repo, _resolved(call, name), call.params.get("path", ""))
    return _file(call, name, entry, trees.blob(call.repo, entry.oid))


@repo_route("PUT", "/contents/{path:path}")
def put_contents(call: Call) -> Answer:
    """Write a file as a commit of its own."""
    call.objects()
    try:
        data = base64.b64decode(call.body.needed("content", resource="Contents"))
    except ValueError as error:
        raise invalid("Contents", "content", "content is not valid Base64") from error
    written = contents.write(
        call.tx,
        call.repo,
        call.params["path"],
        data,
        actor=call.actor,
        message=call.body.needed("message", resource="Contents"),
        branch=call.body.text("branch"),
        known=call.body.text("sha"),
    )
    name = call.body.text("branch") or call.repo.default_branch
    entry = trees.entry_at(call.repo, written.commit, call.params["path"])
    body = {
        "content": code.content(call, call.repo, entry, name),
        "commit": code.git_commit(call, call.repo, history.find(call.repo, written.commit)),
    }
    return Answer(body, status=201 if written.new else 200)


@repo_route("DELETE", "/contents/{path:path}")
def delete_contents(call: Call) -> Answer:
    """Remove a file as a commit of its own; what it needs may stand in the body or in the query."""
    call.objects()
    given = {key: call.body.text(key) or call.query.get(key) for key in ("message", "sha", "branch")}
    if not given["message"]:
        raise invalid("Contents", "message", "message wasn't supplied.")
    made = contents.remove(
        call.tx,
        call.repo,
        call.params["path"],
        actor=call.actor,
        message=given["message"],
        branch=given["branch"],
        known=given["sha"],
    )
    commit_made = history.find(call.repo, made)
    return Answer({"content": None, "commit": code.git_commit(call, call.repo, commit_made)})


def _resolved(call: Call, name: str) -> str:
    try:
        return refs.resolve(call.repo, name)
    except Conflict as error:
        raise NotFound("This repository is empty.") from error


def _file(call: Call, name: str, entry: trees.Entry, data: bytes | None) -> Answer:
    if data is not None and (
        "application/vnd.github.raw" in call.accept or "application/vnd.github.v3.raw" in call.accept
    ):
        return Answer(data, media="application/vnd.github.v3.raw; charset=utf-8")
    return Answer(code.content(call, call.repo, entry, name, data=data))


def _comparison(
    call: Call,
    base: str,
    head: str,
    parted: str,
    ahead: int,
    behind: int,
    found: Sequence[Commit],
    changed: Sequence[FileChange],
) -> Json:
    url, page = f"{call.urls.repo(call.repo)}/compare", f"{call.urls.page(call.repo)}/compare"
    words = {
        (True, True): "diverged",
        (True, False): "ahead",
        (False, True): "behind",
        (False, False): "identical",
    }
    return {
        "url": f"{url}/{base}...{head}",
        # There is no page of comparisons; this one shows the commits.
        "html_url": f"{call.urls.page(call.repo)}/commits/{head}",
        "permalink_url": f"{call.urls.page(call.repo)}/commits/{head}",
        "diff_url": f"{page}/{base}...{head}.diff",
        "patch_url": f"{page}/{base}...{head}.patch",
        "base_commit": code.commit(call, call.repo, history.find(call.repo, base)),
        "merge_base_commit": code.commit(call, call.repo, history.find(call.repo, parted)),
        "status": words[ahead > 0, behind > 0],
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [code.commit(call, call.repo, one) for one in found],
        "files": [code.change(call, call.repo, one, head) for one in changed[:COMPARED_FILES]],
    }

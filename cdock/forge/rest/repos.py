"""Repositories over REST."""

from __future__ import annotations

from typing import Any

from cdock.forge.domain import contents, refs, repos
from cdock.forge.domain.errors import Invalid, LoginNeeded
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route, route
from cdock.forge.rest.shapes import repo as shapes


@repo_route("GET", "")
def show(call: Call) -> Answer:
    """One repository."""
    return Answer(shapes.full(call, call.repo), modified=call.repo.updated)


@route("POST", "/user/repos")
def create(call: Call) -> Answer:
    """A new repository of the one who asks."""
    if call.actor is None:
        raise LoginNeeded
    call.objects()
    repo = repos.create(
        call.tx,
        call.body.needed("name", resource="Repository"),
        owner=call.actor,
        private=call.body.flag("private") or call.body.text("visibility") == "private",
        description=call.body.text("description"),
    )
    changes = _changes(call)
    for key in ("name", "private", "description"):
        changes.pop(key, None)
    if changes:
        repo = repos.update(call.tx, repo, actor=call.actor, changes=changes)
    if call.body.flag("auto_init"):
        readme = f"# {repo.name}\n".encode()
        contents.write(call.tx, repo, "README.md", readme, actor=call.actor, message="Initial commit")
    return Answer(shapes.full(call, repo), status=201, headers={"Location": call.urls.repo(repo)})


@repo_route("PATCH", "")
def update(call: Call) -> Answer:
    """Change a repository's name, description, visibility, default branch and switches."""
    call.objects()
    repo = repos.update(call.tx, call.repo, actor=call.actor, changes=_changes(call))
    return Answer(shapes.full(call, repo))


@repo_route("DELETE", "")
def delete(call: Call) -> Answer:
    """Remove a repository."""
    repos.delete(call.tx, call.repo, actor=call.actor)
    return NOTHING


@repo_route("GET", "/tags")
def tags(call: Call) -> Answer:
    """The tags."""
    found = refs.list_refs(call.repo, "refs/tags/")
    commits = refs.resolved(call.repo, [ref.name for ref in part(call, found)])
    url = call.urls.repo(call.repo)
    body = [
        {
            "name": ref.short,
            "commit": {"sha": oid, "url": f"{url}/commits/{oid}"},
            "zipball_url": f"{url}/zipball/{ref.name}",
            "tarball_url": f"{url}/tarball/{ref.name}",
            "node_id": f"REF_{ref.oid}",
        }
        for ref, oid in zip(part(call, found), commits, strict=True)
        if oid is not None
    ]
    return numbered(call, body, len(found))


def _changes(call: Call) -> dict[str, Any]:
    body = call.body
    changes: dict[str, Any] = {key: body.text(key) for key in ("name", "default_branch") if body.text(key)}
    if "description" in body:
        changes["description"] = body.text("description")
    for key in ("private", *repos.SWITCHES):
        if (value := body.flag(key)) is not None:
            changes[key] = value
    if (visibility := body.text("visibility")) is not None:
        if visibility not in {"public", "private"}:
            raise Invalid("Only public and private repositories exist here.")
        changes["private"] = visibility == "private"
    return changes

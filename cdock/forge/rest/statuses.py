"""Statements about commits over REST."""

from __future__ import annotations

from cdock.forge.domain import refs, statuses
from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import code
from cdock.forge.rest.shapes import repo as repos


@repo_route("POST", "/statuses/{sha}")
def create(call: Call) -> Answer:
    """Say something about a commit."""
    call.objects()
    shown = statuses.create(
        call.tx,
        call.repo,
        call.params["sha"],
        actor=call.actor,
        state=call.body.needed("state", resource="Status"),
        context=call.body.text("context") or "default",
        description=call.body.text("description"),
        target_url=call.body.text("target_url"),
    )
    body = code.status(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/commits/{ref:path}/status")
def combined(call: Call) -> Answer:
    """One word for everything that was said; `pending` when nothing was."""
    oid = refs.resolve(call.repo, call.params["ref"])
    found = statuses.latest(call.tx, call.repo, oid)
    url = f"{call.urls.repo(call.repo)}/commits/{oid}"
    body = {
        "state": statuses.combined_state(found),
        "statuses": [code.simple_status(call, call.repo, one) for one in part(call, found)],
        "sha": oid,
        "total_count": len(found),
        "repository": repos.minimal(call, call.repo),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return numbered(call, body, len(found))


@repo_route("GET", "/statuses/{ref:path}")
@repo_route("GET", "/commits/{ref:path}/statuses")
def list_statuses(call: Call) -> Answer:
    """Everything that was said, newest first."""
    oid = refs.resolve(call.repo, call.params["ref"])
    found = statuses.list_all(call.tx, call.repo, oid)
    return numbered(call, [code.status(call, call.repo, one) for one in part(call, found)], len(found))

"""Refs and raw git objects over REST."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from cdock.forge.domain import history, objects, refmoves, refs, trees
from cdock.forge.domain.errors import Conflict, Invalid, NotFound, invalid, missing
from cdock.forge.domain.history import Signature
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import code
from cdock.forge.store import moment_of


@repo_route("GET", "/git/ref/{ref:path}")
def show_ref(call: Call) -> Answer:
    """One ref by its name without `refs/`."""
    try:
        shown = refs.find_ref(call.repo, _name(call))
    except NotFound as error:
        if refs.is_empty(call.repo):
            raise Conflict("Git Repository is empty.") from error
        raise
    return Answer(code.ref(call, call.repo, shown))


@repo_route("GET", "/git/matching-refs")
@repo_route("GET", "/git/matching-refs/{ref:path}")
def matching_refs(call: Call) -> Answer:
    """Every ref whose name starts like this."""
    found = refs.list_refs(call.repo, f"refs/{call.params.get('ref', '')}")
    return Answer([code.ref(call, call.repo, one) for one in found])


@repo_route("POST", "/git/refs")
def create_ref(call: Call) -> Answer:
    """Make a ref by its whole name."""
    call.objects()
    name = call.body.needed("ref", resource="Reference")
    shown = refmoves.create(
        call.tx, call.repo, name, call.body.needed("sha", resource="Reference"), actor=call.actor
    )
    body = code.ref(call, call.repo, shown)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/git/refs/{ref:path}")
def show_refs(call: Call) -> Answer:
    """The ref at the address that a ref gives as its own."""
    return show_ref(call)


@repo_route("PATCH", "/git/refs/{ref:path}")
def update_ref(call: Call) -> Answer:
    """Move a ref; only forward unless forced."""
    call.objects()
    shown = refmoves.move(
        call.tx,
        call.repo,
        _name(call),
        call.body.needed("sha", resource="Reference"),
        actor=call.actor,
        force=bool(call.body.flag("force")),
    )
    return Answer(code.ref(call, call.repo, shown))


@repo_route("DELETE", "/git/refs/{ref:path}")
def delete_ref(call: Call) -> Answer:
    """Remove a ref, wherever it is."""
    refmoves.remove(call.tx, call.repo, _name(call), actor=call.actor)
    return NOTHING


@repo_route("POST", "/git/blobs")
def create_blob(call: Call) -> Answer:
    """Store a file's content."""
    call.objects()
    text = call.body.needed("content", resource="Blob")
    encoding = call.body.text("encoding") or "utf-8"
    if encoding not in {"utf-8", "base64"}:
        raise invalid("Blob", "encoding")
    try:
        data = base64.b64decode(text) if encoding == "base64" else text.encode()
    except ValueError as error:
        raise invalid("Blob", "content", "content is not valid Base64") from error
    oid = objects.create_blob(call.tx, call.repo, data, actor=call.actor)
    url = f"{call.urls.repo(call.repo)}/git/blobs/{oid}"
    return Answer({"url": url, "sha": oid}, status=201, headers={"Location": url})


@repo_route("GET", "/git/blobs/{sha}")
def show_blob(call: Call) -> Answer:
    """A file's content."""
    oid = _oid(call)
    data = trees.blob(call.repo, oid)
    if "application/vnd.github.raw" in call.accept or "application/vnd.github.v3.raw" in call.accept:
        return Answer(data, media="application/vnd.github.v3.raw; charset=utf-8")
    body = {
        "sha": oid,
        "node_id": code.oid_node("B", call.repo, oid),
        "size": len(data),
        "url": f"{call.urls.repo(call.repo)}/git/blobs/{oid}",
        "content": code.base64_lines(data),
        "encoding": "base64",
    }
    return Answer(body)


@repo_route("POST", "/git/trees")
def create_tree(call: Call) -> Answer:
    """Store a folder, new or as a change of another one."""
    call.objects()
    entries = call.body.raw("tree")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise missing("Tree", "tree")
    oid = objects.create_tree(call.tx, call.repo, entries, actor=call.actor, base=call.body.text("base_tree"))
    return _tree(call, oid, status=201)


@repo_route("GET", "/git/trees/{ref:path}")
def show_tree(call: Call) -> Answer:
    """A folder by its id, or the top folder of a commit, branch or tag."""
    name = call.params["ref"]
    oid = objects.tree_oid(call.repo, name)
    return _tree(call, oid or history.find(call.repo, refs.resolve(call.repo, name)).tree, status=200)


@repo_route("POST", "/git/commits")
def create_commit(call: Call) -> Answer:
    """Store a commit."""
    call.objects()
    oid = objects.create_commit(
        call.tx,
        call.repo,
        call.body.needed("message", resource="Commit"),
        actor=call.actor,
        tree=call.body.needed("tree", resource="Commit"),
        parents=call.body.texts("parents") or [],
        author=_signature(call, "author"),
        committer=_signature(call, "committer") or _signature(call, "author"),
    )
    body = code.git_commit(call, call.repo, history.find(call.repo, oid))
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/git/commits/{sha}")
def show_commit(call: Call) -> Answer:
    """A commit as git has it."""
    oid = _oid(call)
    if refs.resolved(call.repo, [oid])[0] != oid:
        raise NotFound
    return Answer(code.git_commit(call, call.repo, history.find(call.repo, oid)))


def _name(call: Call) -> str:
    return f"refs/{call.params['ref']}"


def _oid(call: Call) -> str:
    oid = call.params["sha"]
    if not refs.is_oid(oid):
        raise Invalid("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    return oid


def _signature(call: Call, key: str) -> Signature | None:
    value: Any = call.body.raw(key)
    if value is None:
        return None
    if not (
        isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("email"), str)
    ):
        raise invalid("Commit", key)
    try:
        date: datetime = moment_of(value["date"]) if value.get("date") else call.tx.now
    except (ValueError, TypeError) as error:
        raise invalid("Commit", key) from error
    return Signature(value["name"], value["email"], date)


def _tree(call: Call, oid: str, *, status: int) -> Answer:
    url = f"{call.urls.repo(call.repo)}/git"
    kinds = {"blob": "blobs", "tree": "trees", "commit": "commits"}
    listed = []
    for entry in trees.list_tree(call.repo, oid, recursive="recursive" in call.query):
        shown = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.oid}
        if entry.size is not None:
            shown["size"] = entry.size  # type: ignore[assignment]  # any JSON
        listed.append(shown | {"url": f"{url}/{kinds[entry.kind]}/{entry.oid}"})
    body = {"sha": oid, "url": f"{url}/trees/{oid}", "tree": listed, "truncated": False}
    return Answer(body, status=status)

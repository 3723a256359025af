"""Commits, files, refs and statuses as JSON."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC
from typing import Final

from cdock.forge.domain import users
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.history import Commit, Signature
from cdock.forge.domain.refs import Ref
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.statuses import Status
from cdock.forge.domain.trees import Entry
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import people
from cdock.forge.rest.urls import quoted, quoted_path
from cdock.forge.store import text_of

UNVERIFIED: Final = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def oid_node(kind: str, repo: Repo, oid: str) -> str:
    """The node id of a git object."""
    return f"{kind}_kwDO{base64.urlsafe_b64encode(f'{repo.id}:{oid}'.encode()).decode().rstrip('=')}"


def signature(shown: Signature) -> Json:
    """Who and when, as git has it."""
    return {"name": shown.name, "email": shown.email, "date": text_of(shown.date.astimezone(UTC))}


def commit(
    call: Call, repo: Repo, shown: Commit, *, changes: Sequence[FileChange] | None = None, comments: int = 0
) -> Json:
    """A commit as a repository shows it; with `changes` as when it is asked for alone."""
    url, page = call.urls.repo(repo), call.urls.page(repo)
    author = users.of_email(call.tx, shown.author.email)
    committer = users.of_email(call.tx, shown.committer.email)
    body = {
        "sha": shown.oid,
        "node_id": oid_node("C", repo, shown.oid),
        "commit": {
            "author": signature(shown.author),
            "committer": signature(shown.committer),
            "message": shown.message,
            "tree": {"sha": shown.tree, "url": f"{url}/git/trees/{shown.tree}"},
            "url": f"{url}/git/commits/{shown.oid}",
            "comment_count": comments,
            "verification": UNVERIFIED,
        },
        "url": f"{url}/commits/{shown.oid}",
        "html_url": f"{page}/commit/{shown.oid}",
        "comments_url": f"{url}/commits/{shown.oid}/comments",
        "author": people.maybe(call.urls, author),
        "committer": people.maybe(call.urls, committer),
        "parents": [
            {"sha": oid, "url": f"{url}/commits/{oid}", "html_url": f"{page}/commit/{oid}"}
            for oid in shown.parents
        ],
    }
    if changes is not None:
        added, removed = sum(c.additions for c in changes), sum(c.deletions for c in changes)
        body["stats"] = {"total": added + removed, "additions": added, "deletions": removed}
        body["files"] = [change(call, repo, one, shown.oid) for one in changes]
    return body


def git_commit(call: Call, repo: Repo, shown: Commit) -> Json:
    """A commit as git has it."""
    url, page = call.urls.repo(repo), call.urls.page(repo)
    return {
        "sha": shown.oid,
        "node_id": oid_node("C", repo, shown.oid),
        "url": f"{url}/git/commits/{shown.oid}",
        "html_url": f"{page}/commit/{shown.oid}",
        "author": signature(shown.author),
        "committer": signature(shown.committer),
        "tree": {"sha": shown.tree, "url": f"{url}/git/trees/{shown.tree}"},
        "message": shown.message,
        "parents": [
            {"sha": oid, "url": f"{url}/git/commits/{oid}", "html_url": f"{page}/commit/{oid}"}
            for oid in shown.parents
        ],
        "verification": UNVERIFIED,
    }


def change(call: Call, repo: Repo, shown: FileChange, oid: str) -> Json:
    """A changed file, as it is in a commit."""
    url, page, path = call.urls.repo(repo), call.urls.page(repo), quoted_path(shown.path)
    body = {
        "sha": shown.oid,
        "filename": shown.path,
        "status": shown.status,
        "additions": shown.additions,
        "deletions": shown.deletions,
        "changes": shown.additions + shown.deletions,
        "blob_url": f"{page}/blob/{oid}/{path}",
        "raw_url": f"{page}/raw/{oid}/{path}",
        "contents_url": f"{url}/contents/{path}?ref={oid}",
    }
    if shown.patch is not None:
        body["patch"] = shown.patch
    if shown.previous is not None:
        body["previous_filename"] = shown.previous
    return body


def ref(call: Call, repo: Repo, shown: Ref) -> Json:
    """A ref; its `url` is the one that can be changed."""
    url = call.urls.repo(repo)
    kinds = {"commit": "commits", "tag": "tags", "tree": "trees", "blob": "blobs"}
    return {
        "ref": shown.name,
        "node_id": oid_node("REF", repo, shown.name),
        "url": f"{url}/git/{quoted_path(shown.name)}",
        "object": {
            "sha": shown.oid,
            "type": shown.kind,
            "url": f"{url}/git/{kinds[shown.kind]}/{shown.oid}",
        },
    }


def branch(call: Call, repo: Repo, shown: Ref) -> Json:
    """A branch in a list."""
    url = call.urls.repo(repo)
    return {
        "name": shown.short,
        "commit": {"sha": shown.oid, "url": f"{url}/commits/{shown.oid}"},
        "protected": False,
    }


def whole_branch(call: Call, repo: Repo, shown: Ref, tip: Commit) -> Json:
    """A branch asked for by name."""
    url = f"{call.urls.repo(repo)}/branches/{quoted_path(shown.short)}"
    return {
        "name": shown.short,
        "commit": commit(call, repo, tip),
        "_links": {"self": url, "html": f"{call.urls.page(repo)}/tree/{quoted_path(shown.short)}"},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/protection",
    }


def content(call: Call, repo: Repo, entry: Entry, name: str, *, data: bytes | None = None) -> Json:
    """A file or folder at a path; with `data` the file's content too. `name` is the ref that was asked for."""
    url, page, path = call.urls.repo(repo), call.urls.page(repo), quoted_path(entry.path)
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.kind, "symlink" if entry.symlink else "file")
    own = f"{url}/contents/{path}?ref={quoted(name)}"
    shown = f"{page}/{'tree' if kind == 'dir' else 'blob'}/{quoted_path(name)}/{path}"
    stored = f"{url}/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.oid}" if kind != "submodule" else None
    body = {
        "name": entry.name,
        "path": entry.path,
        "sha": entry.oid,
        "size": entry.size or 0,
        "url": own,
        "html_url": shown,
        "git_url": stored,
        "download_url": f"{page}/raw/{quoted_path(name)}/{path}" if entry.kind == "blob" else None,
        "type": kind,
        "_links": {"self": own, "git": stored, "html": shown},
    }
    if data is not None:
        body |= {"content": base64_lines(data), "encoding": "base64"}
        if entry.symlink:
            body |= {"target": data.decode(errors="replace"), "type": "symlink"}
    return body


def base64_lines(data: bytes) -> str:
    """Base64 in lines, as GitHub sends contents."""
    return base64.encodebytes(data).decode()


def status(call: Call, repo: Repo, shown: Status) -> Json:
    """One statement about a commit."""
    return simple_status(call, repo, shown) | {"creator": people.user(call.urls, shown.creator)}


def simple_status(call: Call, repo: Repo, shown: Status) -> Json:
    """The same inside the combined status."""
    return {
        "url": f"{call.urls.repo(repo)}/statuses/{shown.oid}",
        "avatar_url": f"{call.urls.web}/_avatar/{shown.creator.id}",
        "id": shown.id,
        "node_id": people.node_id("SC", shown.id),
        "state": shown.state,
        "description": shown.description,
        "target_url": shown.target_url,
        "context": shown.context,
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.created),
    }

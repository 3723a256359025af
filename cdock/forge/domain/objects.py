"""Blobs, trees and commits made over REST, and the commits that the forge makes itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cdock.forge.command import GitFailed, git, git_text
from cdock.forge.domain import refs, repos
from cdock.forge.domain.errors import Invalid, NotFound, invalid
from cdock.forge.domain.history import Signature
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

_MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}


def create_blob(tx: Tx, repo: Repo, data: bytes, *, actor: User | None) -> str:
    """Store a file's content and give its id. Needs write access."""
    _writer(tx, repo, actor)
    return store_blob(repo, data)


def create_tree(
    tx: Tx, repo: Repo, entries: Iterable[Mapping[str, Any]], *, actor: User | None, base: str | None = None
) -> str:
    """Store a folder and give its id. Needs write access.

    Entries have `path`, `mode`, and `sha` (null removes) or `content`; `base` is the tree or commit that they change.
    """
    _writer(tx, repo, actor)
    lines = []
    for entry in entries:
        path, mode, oid = entry.get("path"), entry.get("mode"), entry.get("sha")
        if not isinstance(path, str) or not path.strip("/") or "\0" in path:
            raise Invalid("Must supply a valid tree.path")
        if mode not in _MODES:
            raise Invalid("Must supply a valid tree.mode")
        if oid is None and "content" not in entry:
            lines.append(f"0 {refs.ZERO}\t{path}")
            continue
        stored = store_blob(repo, str(entry["content"]).encode()) if oid is None else str(oid)
        if not refs.is_oid(stored):
            raise Invalid("tree.sha is not a valid SHA")
        lines.append(f"{mode} {stored}\t{path}")
    try:
        return changed_tree(repo, base, lines)
    except GitFailed as error:
        raise Invalid(f"tree is not valid: {error.output.strip()}") from error


def create_commit(
    tx: Tx,
    repo: Repo,
    message: str,
    *,
    actor: User | None,
    tree: str,
    parents: Iterable[str],
    author: Signature | None = None,
    committer: Signature | None = None,
) -> str:
    """Store a commit and give its id. Who is not named is the acting user, now. Needs write access."""
    person = _writer(tx, repo, actor)
    if tree_oid(repo, tree) != tree:
        raise invalid("Commit", "tree", "Tree SHA does not exist")
    known = list(parents)
    for oid, found in zip(known, refs.resolved(repo, known), strict=True):
        if oid != found:
            raise invalid("Commit", "parents", f"Parent SHA does not exist or is not a commit object: {oid}")
    own = Signature(person.name or person.login, person.email, tx.now)
    return store_commit(
        repo, message, tree=tree, parents=known, author=author or own, committer=committer or own
    )


def store_commit(
    repo: Repo,
    message: str,
    *,
    tree: str,
    parents: Iterable[str],
    author: Signature,
    committer: Signature,
) -> str:
    """Store a commit of the forge's own making and give its id."""
    env = {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": author.date.isoformat(),
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": committer.date.isoformat(),
    }
    parent_args = [part for parent in parents for part in ("-p", parent)]
    return git_text(repo.git_dir, "commit-tree", tree, *parent_args, stdin=message, env=env)


def store_blob(repo: Repo, data: bytes) -> str:
    """Store a file's content and give its id."""
    return git_text(repo.git_dir, "hash-object", "-w", "--stdin", stdin=data)


def changed_tree(repo: Repo, base: str | None, lines: Iterable[str]) -> str:
    """A tree with changes (`mode oid TAB path`, mode 0 removes) on top of another. Raises GitFailed."""
    with tempfile.TemporaryDirectory(prefix="forge-index-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        if base is not None:
            git(repo.git_dir, "read-tree", base, env=env)
        fed = "".join(f"{line}\0" for line in lines)
        git(repo.git_dir, "update-index", "-z", "--index-info", stdin=fed, env=env)
        return git_text(repo.git_dir, "write-tree", env=env)


def tree_oid(repo: Repo, name: str) -> str | None:
    """The id when it is a tree's, else None."""
    if not refs.is_oid(name):
        return None
    try:
        kind = git_text(repo.git_dir, "cat-file", "-t", name)
    except GitFailed as error:
        raise NotFound from error
    return name if kind == "tree" else None


def _writer(tx: Tx, repo: Repo, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    return person

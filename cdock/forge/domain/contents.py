"""Single files written and removed, each as a commit of its own."""

from __future__ import annotations

from dataclasses import dataclass

from cdock.forge.domain import objects, pushes, refs, repos, trees
from cdock.forge.domain.errors import Conflict, Invalid, NotFound
from cdock.forge.domain.history import Signature
from cdock.forge.domain.refs import ZERO, RefUpdate
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.trees import Entry
from cdock.forge.domain.users import User
from cdock.forge.store import Tx


@dataclass(frozen=True)
class Written:
    """The commit, and whether the file is new."""

    commit: str
    new: bool


def write(
    tx: Tx,
    repo: Repo,
    path: str,
    data: bytes,
    *,
    actor: User | None,
    message: str,
    branch: str | None = None,
    known: str | None = None,
) -> Written:
    """Write a file. To change one, `known` must be the object id of its present content. Needs write access.

    Raises Conflict when the file has other content by now, Invalid when `known` is missing.
    """
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    clean = _path(path)
    name = branch or repo.default_branch
    tip = _tip(repo, name)
    entry = _entry(repo, tip, clean)
    _check_known(clean, entry, known)
    mode = entry.mode if entry else "100644"
    line = f"{mode} {objects.store_blob(repo, data)}\t{clean}"
    return Written(_commit(tx, repo, name, tip, line, message, person=person), new=entry is None)


def remove(
    tx: Tx,
    repo: Repo,
    path: str,
    *,
    actor: User | None,
    message: str,
    branch: str | None = None,
    known: str | None = None,
) -> str:
    """Remove a file and give the commit that does. Errors as of `write`; raises NotFound when it is not there."""
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    clean = _path(path)
    name = branch or repo.default_branch
    tip = _tip(repo, name)
    entry = _entry(repo, tip, clean)
    if entry is None:
        raise NotFound
    _check_known(clean, entry, known)
    return _commit(tx, repo, name, tip, f"0 {ZERO}\t{clean}", message, person=person)


def _commit(
    tx: Tx, repo: Repo, branch: str, tip: str | None, line: str, message: str, *, person: User
) -> str:
    who = Signature(person.name or person.login, person.email, tx.now)
    made = objects.store_commit(
        repo,
        message,
        tree=objects.changed_tree(repo, tip, [line]),
        parents=[tip] if tip else [],
        author=who,
        committer=who,
    )
    ref = f"refs/heads/{branch}"
    refs.swap(repo, ref, old=tip or ZERO, new=made)
    pushes.apply(tx, repo, [RefUpdate(ref, tip or ZERO, made)], actor=person)
    return made


def _tip(repo: Repo, branch: str) -> str | None:
    tip = refs.branch_oid(repo, branch) if refs.safe(branch) else None
    if tip is None and not refs.is_empty(repo):
        raise NotFound(f"Branch {branch} not found")
    return tip


def _entry(repo: Repo, tip: str | None, path: str) -> Entry | None:
    if tip is None:
        return None
    try:
        entry = trees.entry_at(repo, tip, path)
    except NotFound:
        return None
    if entry.kind != "blob":
        raise Invalid(f"{path} is not a file")
    return entry


def _check_known(path: str, entry: Entry | None, known: str | None) -> None:
    if entry is not None and known is None:
        raise Invalid('Invalid request.\n\n"sha" wasn\'t supplied.')
    if known is not None and (entry is None or entry.oid != known):
        raise Conflict(f"{path} does not match {known}")


def _path(path: str) -> str:
    clean = path.strip("/")
    if (
        not clean
        or any(part in {"", ".", "..", ".git"} for part in clean.lower().split("/"))
        or "\0" in clean
    ):
        raise Invalid("path contains a malformed path component")
    return clean

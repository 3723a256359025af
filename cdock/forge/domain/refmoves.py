"""Refs moved by people over REST, with what follows from it."""

from __future__ import annotations

from cdock.forge.domain import pushes, refs, repos
from cdock.forge.domain.errors import Invalid, NotFound
from cdock.forge.domain.refs import ZERO, Ref, RefUpdate
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx


def create(tx: Tx, repo: Repo, name: str, oid: str, *, actor: User | None) -> Ref:
    """Make a ref that is not there yet, by its full name. Raises Invalid when it is. Needs write access."""
    person = _writer(tx, repo, actor)
    refs.check_new(repo, name, oid)
    if _found(repo, name) is not None:
        raise Invalid("Reference already exists")
    return _swap(tx, repo, name, old=ZERO, new=oid, actor=person)


def move(tx: Tx, repo: Repo, name: str, oid: str, *, actor: User | None, force: bool = False) -> Ref:
    """Move a ref. Raises Invalid when it is absent, or the move is not forward and not forced. Needs write access."""
    person = _writer(tx, repo, actor)
    refs.check_new(repo, name, oid)
    known = _found(repo, name)
    if known is None:
        raise Invalid("Reference does not exist")
    if not force and not refs.is_ancestor(repo, known.oid, oid):
        raise Invalid("Update is not a fast forward")
    return _swap(tx, repo, name, old=known.oid, new=oid, actor=person)


def remove(tx: Tx, repo: Repo, name: str, *, actor: User | None) -> None:
    """Remove a ref, wherever it is. Raises Invalid when it is not there. Needs write access."""
    person = _writer(tx, repo, actor)
    known = _found(repo, name)
    if known is None:
        raise Invalid("Reference does not exist")
    if name.startswith("refs/pull/") or name == f"refs/heads/{repo.default_branch}":
        raise Invalid(f"Reference cannot be removed: {name}")
    refs.swap(repo, name, old=known.oid, new=ZERO)
    pushes.apply(tx, repo, [RefUpdate(name, known.oid, ZERO)], actor=person)


def _swap(tx: Tx, repo: Repo, name: str, *, old: str, new: str, actor: User) -> Ref:
    refs.swap(repo, name, old=old, new=new)
    pushes.apply(tx, repo, [RefUpdate(name, old, new)], actor=actor)
    return refs.find_ref(repo, name)


def _found(repo: Repo, name: str) -> Ref | None:
    try:
        return refs.find_ref(repo, name) if refs.safe(name) else None
    except NotFound:
        return None


def _writer(tx: Tx, repo: Repo, actor: User | None) -> User:
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    return person

"""Refs moved by people over REST, with what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdock.forge.domain import pushes, refs, repos
from cdock.forge.domain.errors import Conflict, Invalid, NotFound
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


@dataclass(frozen=True)
class Wish:
    """Where a ref is wanted. `before` is where it must be until then (`ZERO`: absent), None for anywhere.

    Without `force` it may only move forward. `after` is `ZERO` for a ref to be removed.
    """

    name: str
    after: str
    before: str | None = None
    force: bool = False


def move_all(tx: Tx, repo: Repo, wishes: Sequence[Wish], *, actor: User | None) -> None:
    """Move several refs, or none of them when one is not where it is expected. Needs write access.

    Raises Invalid for a move that cannot be, Conflict when somebody else was faster.
    """
    person = _writer(tx, repo, actor)
    if len({wish.name for wish in wishes}) < len(wishes):
        raise Invalid("Reference updates must name every reference once")
    updates = [_checked(repo, wish) for wish in wishes]
    refs.swap_all(repo, updates)
    pushes.apply(tx, repo, [each for each in updates if each.old != each.new], actor=person)


def _checked(repo: Repo, wish: Wish) -> RefUpdate:
    known = _found(repo, wish.name)
    old = known.oid if known is not None else ZERO
    if wish.after == ZERO:
        if wish.name.startswith("refs/pull/") or wish.name == f"refs/heads/{repo.default_branch}":
            raise Invalid(f"Reference cannot be removed: {wish.name}")
    else:
        refs.check_new(repo, wish.name, wish.after)
    if wish.before is not None and wish.before != old:
        raise Conflict(f"Reference {wish.name} is at {old}, not at {wish.before}")
    if old == ZERO and wish.after == ZERO:
        raise Invalid(f"Reference does not exist: {wish.name}")
    forward = ZERO in (old, wish.after) or refs.is_ancestor(repo, old, wish.after)
    if not forward and not wish.force:
        raise Invalid(f"Update of {wish.name} is not a fast forward")
    return RefUpdate(wish.name, old, wish.after)


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

"""Branches, tags and other refs of a repository: found, made, moved, removed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cdock.forge.command import GitFailed, git, git_text
from cdock.forge.domain.errors import Conflict, Invalid, NotFound
from cdock.forge.domain.repos import Repo

ZERO: Final = "0" * 40
"""Stands for no commit: the old value of a new ref, the new value of a removed one."""

_OID: Final = re.compile(r"[0-9a-f]{4,40}")
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^-|^/|//|/$|\.$|\.lock(?:/|$)|(?:^|/)\.")


@dataclass(frozen=True)
class Ref:
    """A ref by its full name, what it points at, and that object's kind (`commit`, `tag`, …)."""

    name: str
    oid: str
    kind: str

    @property
    def short(self) -> str:
        """The name without `refs/heads/` or `refs/tags/`."""
        return self.name.removeprefix("refs/heads/").removeprefix("refs/tags/")


@dataclass(frozen=True)
class RefUpdate:
    """A ref that moved; `ZERO` on a side where it does not exist."""

    name: str
    old: str
    new: str


def list_refs(repo: Repo, *prefixes: str) -> list[Ref]:
    """All refs whose full name starts with one of these, by name. Prefixes need not end at a slash."""
    # git's own patterns end at a slash, GitHub's matching-refs do not: ask for the folder, then compare.
    folders = [prefix.rpartition("/")[0] or "refs" for prefix in prefixes]
    lines = git_text(
        repo.git_dir, "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", *folders
    )
    found = (Ref(*line.split(" ")) for line in lines.splitlines())
    return [ref for ref in found if ref.name.startswith(prefixes)]


def branches(repo: Repo) -> list[Ref]:
    """All branches, by name."""
    return list_refs(repo, "refs/heads/")


def find_ref(repo: Repo, name: str) -> Ref:
    """The ref of this full name. Raises NotFound."""
    for ref in list_refs(repo, name):
        if ref.name == name:
            return ref
    raise NotFound


def branch(repo: Repo, name: str) -> Ref:
    """The branch of this name. Raises NotFound."""
    try:
        return find_ref(repo, f"refs/heads/{name}")
    except NotFound as error:
        raise NotFound("Branch not found") from error


def branch_oid(repo: Repo, name: str) -> str | None:
    """The commit at the tip of a branch, or None when there is no such branch."""
    return resolved(repo, [f"refs/heads/{name}"])[0]


def is_empty(repo: Repo) -> bool:
    """Whether nothing was pushed yet."""
    return not git_text(repo.git_dir, "for-each-ref", "--count=1", "refs/heads")


def resolve(repo: Repo, name: str) -> str:
    """The commit that a branch, tag, ref or (short) commit id means, in this order.

    Raises NotFound, and Conflict when the repository is empty.
    """
    if not safe(name):
        raise NotFound(f"No commit found for SHA: {name}")
    candidates = [f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}"]
    if name.startswith("refs/"):
        candidates.insert(0, name)
    if _OID.fullmatch(name):
        candidates.insert(0 if len(name) == 40 else len(candidates), name)
    for oid in resolved(repo, candidates):
        if oid is not None:
            return oid
    if is_empty(repo):
        raise Conflict("Git Repository is empty.")
    raise NotFound(f"No commit found for SHA: {name}")


def resolved(repo: Repo, names: list[str]) -> list[str | None]:
    """The commits that names mean to git, None where it knows none. One process however many there are."""
    if not names:
        return []
    # What git does not take literally stands for nothing; the question keeps its place.
    asked = "".join(f"{name if safe(name) else ZERO}^{{commit}}\n" for name in names)
    lines = git_text(repo.git_dir, "cat-file", "--batch-check=%(objectname)", stdin=asked).split("\n")
    return [line if is_oid(line) else None for line in lines]


def safe(name: str) -> bool:
    """Whether git would take a name literally: no range, no option, no path outside."""
    return bool(name) and not _UNSAFE.search(name)


def is_ancestor(repo: Repo, old: str, new: str) -> bool:
    """Whether everything in `old` is in `new`."""
    return old == new or not git_text(repo.git_dir, "rev-list", "-n1", old, f"^{new}")


def is_oid(text: str) -> bool:
    """Whether this is the whole id of an object, there or not."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", text))


def check_new(repo: Repo, name: str, oid: str) -> None:
    """Raises Invalid unless a ref of this full name may be made for this object."""
    if not name.startswith("refs/") or name.count("/") < 2 or not safe(name):
        raise Invalid("Reference name must start with 'refs/' and contain at least two slashes.")
    if name.startswith("refs/pull/"):
        raise Invalid("Reference cannot be created: refs/pull is kept by the forge.")
    check_object(repo, oid)


def check_object(repo: Repo, oid: str) -> None:
    """Raises Invalid unless this is a whole id of an object that exists."""
    if not is_oid(oid):
        raise Invalid("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    found = git_text(repo.git_dir, "cat-file", "--batch-check=%(objecttype)", stdin=f"{oid}\n")
    if found.endswith("missing"):
        raise Invalid("Object does not exist")


def swap(repo: Repo, name: str, *, old: str, new: str) -> None:
    """Move a ref if it still is at `old` (`ZERO` for absent); `ZERO` as `new` removes it.

    Raises Conflict when it is elsewhere by now.
    """
    swap_all(repo, [RefUpdate(name, old, new)])


def swap_all(repo: Repo, updates: Iterable[RefUpdate]) -> None:
    """Move several refs if every one is where its `old` says, or none of them. Raises Conflict."""
    moves = list(updates)
    lines = "".join(f"update {each.name} {each.new} {each.old}\n" for each in moves)
    try:
        git(repo.git_dir, "update-ref", "--stdin", stdin=lines)
    except GitFailed as error:
        names = ", ".join(each.name for each in moves)
        raise Conflict(f"Reference {names} was changed meanwhile: {error.output.strip()}") from error


def put(repo: Repo, name: str, oid: str) -> None:
    """Set a ref that the forge keeps itself, wherever it was."""
    git(repo.git_dir, "update-ref", name, oid)

"""Commits of a repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdock.forge.command import git
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo

_FIELDS: Final = ("%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B")
_FORMAT: Final = "%x1f".join(_FIELDS)


@dataclass(frozen=True)
class Signature:
    """Who made a commit, and when (with the zone they were in)."""

    name: str
    email: str
    date: datetime


@dataclass(frozen=True)
class Commit:
    """A commit; `message` ends without a line end."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


def find(repo: Repo, oid: str) -> Commit:
    """One commit by its whole id (see `refs.resolve`). Raises NotFound."""
    found = _log(repo, "--no-walk", oid)
    if not found:
        raise NotFound
    return found[0]


def some(repo: Repo, oids: Sequence[str]) -> list[Commit]:
    """Several commits by their whole ids; those that git does not have any more are left out."""
    return _log(repo, "--no-walk", "--ignore-missing", *oids) if oids else []


def list_commits(
    repo: Repo,
    oid: str,
    *,
    limit: int,
    skip: int = 0,
    path: str | None = None,
    author: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Commit]:
    """Commits reachable from one, newest first; those that touch `path`, by `author`, in a span of time."""
    options = [f"--max-count={limit}", f"--skip={skip}"]
    if author is not None:
        options += ["--fixed-strings", f"--author={author}"]
    if since is not None:
        options.append(f"--since={since.isoformat()}")
    if until is not None:
        options.append(f"--until={until.isoformat()}")
    return _log(repo, *options, oid, paths=[path] if path else [])


def count_commits(repo: Repo, oid: str) -> int:
    """How many commits are reachable from this one."""
    return int(git(repo.git_dir, "rev-list", "--count", oid))


def between(repo: Repo, base: str, head: str, *, limit: int = 250) -> list[Commit]:
    """What `head` has and `base` has not, oldest first; of many the newest."""
    return _log(repo, f"--max-count={limit}", "--topo-order", head, f"^{base}")[::-1]


def ahead_behind(repo: Repo, base: str, head: str) -> tuple[int, int]:
    """How many commits `head` has that `base` has not, and the other way round."""
    behind, ahead = git(repo.git_dir, "rev-list", "--left-right", "--count", f"{base}...{head}").split()
    return int(ahead), int(behind)


def merge_base(repo: Repo, one: str, other: str) -> str | None:
    """The commit where two lines of history parted, or None when they have nothing in common."""
    found = git(repo.git_dir, "merge-base", one, other, accept=(0, 1)).decode().split()
    return found[0] if found else None


def _log(repo: Repo, *args: str, paths: Sequence[str] = ()) -> list[Commit]:
    # Paths are names of files, never patterns.
    out = git(repo.git_dir, "--literal-pathspecs", "log", "-z", f"--format={_FORMAT}", *args, "--", *paths)
    return [_commit(part) for part in out.decode(errors="replace").split("\0") if part]


def _commit(text: str) -> Commit:
    oid, tree, parents, an, ae, ad, cn, ce, cd, message = text.split("\x1f", 9)
    return Commit(
        oid=oid,
        tree=tree,
        parents=tuple(parents.split()),
        author=Signature(an, ae, datetime.fromisoformat(ad)),
        committer=Signature(cn, ce, datetime.fromisoformat(cd)),
        message=message.rstrip("\n"),
    )

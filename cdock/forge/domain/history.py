"""Commits of a repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from cdock.forge.command import git
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo

# Fields end with a null character, the only one that cannot be in them: names and messages come from strangers.
_FIELDS: Final = ("%H", "%T", "%P", "%an", "%ae", "%ad", "%cn", "%ce", "%cd", "%B")
_FORMAT: Final = "%x00".join(_FIELDS)


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
    out = git(
        repo.git_dir,
        "--literal-pathspecs",
        "log",
        "-z",
        "--date=raw",
        f"--format={_FORMAT}",
        *args,
        "--",
        *paths,
    )
    fields = out.decode(errors="replace").split("\0")
    count = len(_FIELDS)
    return [_commit(fields[start : start + count]) for start in range(0, len(fields) - count + 1, count)]


def _commit(fields: Sequence[str]) -> Commit:
    oid, tree, parents, an, ae, ad, cn, ce, cd, message = fields
    return Commit(
        oid=oid,
        tree=tree,
        parents=tuple(parents.split()),
        author=Signature(an, ae, _moment(ad)),
        committer=Signature(cn, ce, _moment(cd)),
        message=message.rstrip("\n"),
    )


def _moment(raw: str) -> datetime:
    """Seconds since 1970 and a zone; a date that no calendar has, which git does not mind, becomes 1970."""
    seconds, _, zone = raw.partition(" ")
    try:
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5])) * (-1 if zone[0] == "-" else 1)
        return datetime.fromtimestamp(int(seconds), timezone(offset))
    except (ValueError, OverflowError, OSError, IndexError):
        return datetime.fromtimestamp(0, UTC)

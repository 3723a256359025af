"""What changed between two commits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from cdock.forge.command import git
from cdock.forge.domain import history
from cdock.forge.domain.history import Commit
from cdock.forge.domain.repos import Repo

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_WORDS: Final = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
_PLAIN: Final = ("--no-color", "--no-ext-diff", "--no-textconv", "-M")


@dataclass(frozen=True)
class FileChange:
    """One changed file. `patch` starts at the first `@@` and is None for binary files and mere renames.

    `status`: added, removed, modified, renamed, copied, changed. `oid` is the file's new content, the old when removed.
    """

    path: str
    previous: str | None
    status: str
    additions: int
    deletions: int
    patch: str | None
    oid: str


def changes(repo: Repo, base: str, head: str) -> tuple[FileChange, ...]:
    """The files that `head` changed since it parted from `base`, by path."""
    return _changes(repo.git_dir, history.merge_base(repo, base, head) or EMPTY_TREE, head)


def difference(repo: Repo, old: str, new: str) -> tuple[FileChange, ...]:
    """The files in which two commits differ, wherever they parted."""
    return _changes(repo.git_dir, old, new)


def commit_changes(repo: Repo, commit: Commit) -> tuple[FileChange, ...]:
    """The files that one commit changed compared with its first parent."""
    return _changes(repo.git_dir, commit.parents[0] if commit.parents else EMPTY_TREE, commit.oid)


def diff_text(repo: Repo, base: str, head: str) -> bytes:
    """The same as `changes`, as `git diff` prints it."""
    parted = history.merge_base(repo, base, head) or EMPTY_TREE
    return git(repo.git_dir, "diff", *_PLAIN, "--full-index", "--binary", parted, head)


def commit_diff_text(repo: Repo, commit: Commit) -> bytes:
    """The same as `commit_changes`, as `git diff` prints it."""
    parent = commit.parents[0] if commit.parents else EMPTY_TREE
    return git(repo.git_dir, "diff", *_PLAIN, "--full-index", "--binary", parent, commit.oid)


def patch_text(repo: Repo, base: str, head: str) -> bytes:
    """The commits that `head` has and `base` has not, as mails (`git format-patch`)."""
    return git(
        repo.git_dir, "format-patch", "--stdout", *_PLAIN, "--full-index", "--binary", f"{base}..{head}"
    )


# Commits never change, so neither does the difference between two.
@lru_cache(maxsize=64)
def _changes(git_dir: Path, old: str, new: str) -> tuple[FileChange, ...]:
    listed = git(git_dir, "diff", *_PLAIN, "--raw", "--numstat", "--abbrev=40", "-z", old, new)
    patches = _sections(git(git_dir, "diff", *_PLAIN, "-p", old, new).decode(errors="replace"))
    fields = listed.decode(errors="replace").split("\0")
    raws: list[tuple[str, str, str | None, str]] = []
    place = 0
    while place < len(fields) and fields[place].startswith(":"):
        _, _, before, after, status = fields[place].split(" ")
        moved = status[0] in "RC"
        path, previous = (fields[place + 2], fields[place + 1]) if moved else (fields[place + 1], None)
        raws.append((status[0], path, previous, before if status == "D" else after))
        place += 3 if moved else 2
    found: list[FileChange] = []
    for letter, path, previous, oid in raws:
        added, removed, _ = fields[place].split("\t", 2)
        place += 3 if previous else 1
        # git shows a file that became a link, or the other way round, as one removed and one added.
        patch = "\n".join(filter(None, (next(patches) for _ in range(2 if letter == "T" else 1))))
        found.append(
            FileChange(
                path=path,
                previous=previous,
                status=_WORDS[letter],
                additions=0 if added == "-" else int(added),
                deletions=0 if removed == "-" else int(removed),
                patch=patch or None,
                oid=oid,
            )
        )
    return tuple(found)


def _sections(text: str) -> Iterator[str]:
    """The hunks of each file. Every line of content has a mark in front, so this line cannot be content."""
    for section in f"\n{text}".split("\ndiff --git ")[1:]:
        start = section.find("\n@@ ")
        yield section[start + 1 :].removesuffix("\n") if start >= 0 else ""

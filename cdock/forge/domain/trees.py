"""Files and folders of a commit."""

from __future__ import annotations

from dataclasses import dataclass

from cdock.forge.command import GitFailed, git
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo


@dataclass(frozen=True)
class Entry:
    """A file (`blob`), folder (`tree`) or submodule (`commit`); `size` in bytes, for files only."""

    mode: str
    kind: str
    oid: str
    size: int | None
    path: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def symlink(self) -> bool:
        """Whether the file's content is the path that a link leads to."""
        return self.mode == "120000"


def list_tree(repo: Repo, tree: str, path: str = "", *, recursive: bool = False) -> list[Entry]:
    """What is in a folder of a commit or tree. Raises NotFound when there is no such folder."""
    options = ["-r", "-t"] if recursive else []
    target = f"{tree}:{path.strip('/')}" if path.strip("/") else tree
    try:
        out = git(repo.git_dir, "ls-tree", "-z", "-l", *options, target, "--")
    except GitFailed as error:
        raise NotFound from error
    prefix = f"{path.strip('/')}/" if path.strip("/") else ""
    return [_entry(line, prefix) for line in out.decode(errors="replace").split("\0") if line]


def entry_at(repo: Repo, commit: str, path: str) -> Entry:
    """The file or folder at a path. Raises NotFound."""
    wanted = path.strip("/")
    if not wanted:
        raise NotFound
    try:
        out = git(repo.git_dir, "--literal-pathspecs", "ls-tree", "-z", "-l", commit, "--", wanted)
    except GitFailed as error:
        # Not a path inside a repository, such as one with `..`.
        raise NotFound from error
    for line in out.decode(errors="replace").split("\0"):
        if line and (entry := _entry(line, "")).path == wanted:
            return entry
    raise NotFound


def blob(repo: Repo, oid: str) -> bytes:
    """The content of a file by its object id. Raises NotFound."""
    try:
        return git(repo.git_dir, "cat-file", "blob", oid)
    except GitFailed as error:
        raise NotFound from error


def read_file(repo: Repo, commit: str, path: str) -> bytes:
    """The content of the file at a path. Raises NotFound, also for a folder."""
    entry = entry_at(repo, commit, path)
    if entry.kind != "blob":
        raise NotFound
    return blob(repo, entry.oid)


def find_readme(repo: Repo, commit: str, path: str = "") -> Entry:
    """The readme of a folder. Raises NotFound."""
    files = [entry for entry in list_tree(repo, commit, path) if entry.kind == "blob"]
    for wanted in ("readme.md", "readme.markdown", "readme.rst", "readme.txt", "readme"):
        for entry in files:
            if entry.name.lower() == wanted:
                return entry
    raise NotFound


def _entry(line: str, prefix: str) -> Entry:
    facts, _, path = line.partition("\t")
    mode, kind, oid, size = facts.split()
    return Entry(mode=mode, kind=kind, oid=oid, size=None if size == "-" else int(size), path=prefix + path)

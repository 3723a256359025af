"""The git of memory: commits, what they change, and branches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ROOT = f"{0:040x}"


@dataclass
class Serial:
    """Numbers that tell everything that is ever made on a forge from all else."""

    serial: int = 0

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def unique(self) -> str:
        """The name of a new object of git."""
        return f"{self._next():040x}"


@dataclass
class MemoryHistory(Serial):
    """Commits and branches of one repository. Files are only known as what commits change."""

    commits: dict[str, str] = field(default_factory=lambda: {ROOT: ""})
    """The first parents of commits; empty for none."""
    merges: dict[str, str] = field(default_factory=dict)
    """The second parents of commits."""
    changes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """The files that commits change, with their new texts."""
    branches: dict[str, str] = field(default_factory=lambda: {"main": ROOT})
    kept_refs: dict[str, str] = field(default_factory=dict)
    """Commits of branches that are gone, by the refs that keep them."""

    def commit(self, parent: str, files: Mapping[str, str] | None = None) -> str:
        """A new commit on `parent`; it changes these files, or else one that nobody else changes."""
        oid = self.unique()
        self.commits[oid] = parent
        self.changes[oid] = files or {oid: oid}
        return oid

    def merged(self, one: str, other: str) -> str:
        """A new commit on both."""
        oid = self.commit(one)
        self.merges[oid] = other
        return oid

    def push(self, branch: str) -> str:
        """Somebody pushes a commit of their own to a branch, new or old; the commit."""
        return self.write(branch, f"by hand on {branch}", f"{self._next()}")

    def write(self, branch: str, path: str, text: str) -> str:
        """Somebody pushes a commit with this file to a branch, which begins at `main` when it is new; the commit."""
        parent = self.branches.get(branch, self.branches["main"])
        self.branches[branch] = self.commit(parent, {path: text})
        return self.branches[branch]

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is in the history of `commit`, which begins with itself."""
        return any(here == ancestor for here in self._history(commit))

    def base(self, one: str, other: str) -> str:
        """The newest commit that both have; empty when they have none."""
        theirs = set(self._history(other))
        return next((here for here in self._history(one) if here in theirs), "")

    def since(self, commit: str, other: str) -> tuple[str, ...]:
        """The commits that `commit` has and `other` lacks, newest first."""
        theirs = set(self._history(other))
        return tuple(here for here in self._history(commit) if here not in theirs)

    def conflict_between(self, one: str, other: str) -> bool:
        """Whether both change a file, and not to the same text, since they parted."""
        return bool(self.conflicts_between(one, other))

    def conflicts_between(self, one: str, other: str) -> tuple[str, ...]:
        """The files that both change, and not to the same text, since they parted."""
        mine, theirs = self.changed(one, other), self.changed(other, one)
        return tuple(path for path in mine if path in theirs and mine[path] != theirs[path])

    def changed(self, commit: str, other: str) -> Mapping[str, str]:
        """The files that `commit` changed and `other` did not, with their texts."""
        files: dict[str, str] = {}
        for oid in reversed(self.since(commit, other)):
            files |= self.changes.get(oid, {})
        return files

    def _history(self, commit: str) -> Iterator[str]:
        ways, seen = [commit], {""}
        while ways:
            here = ways.pop(0)
            if here not in seen:
                seen.add(here)
                yield here
                ways += [self.commits.get(here, ""), self.merges.get(here, "")]

"""Where cdock's repositories, worktrees and locks are inside a clone, and how the repositories are made."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cdock.adapters.git.command import CONFIG
from cdock.core.errors import Misconfigured, Unavailable
from cdock.core.ids import TaskId

LOCK_TIMEOUT = 300.0
"""Seconds to wait for another thread or process. Only the first fetch of a large repository may take longer."""

_BRANCH = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|@\{))[A-Za-z0-9][A-Za-z0-9._/@+-]*(?<![./])")


@dataclass(frozen=True)
class Place:
    """The directories below `root`, the state of a clone, and `trees`, where its worktrees are shown to people.

    `mirror` holds only what the forge publishes and may be shown to containers, `store` holds accepted commits and
    carries the worktrees, `claims` is a cache of the claims on the forge. All are bare and configured by us alone.
    Without `trees`, worktrees are below `root` as well.
    """

    root: Path
    trees: Path | None = None

    def __post_init__(self) -> None:
        # git runs in other directories than we do, so a relative path would mean another place to it.
        object.__setattr__(self, "root", self.root.absolute())

    @property
    def mirror(self) -> Path:
        return self.root / "git" / "mirror.git"

    @property
    def store(self) -> Path:
        return self.root / "git" / "store.git"

    @property
    def claims(self) -> Path:
        return self.root / "git" / "claims.git"

    @property
    def worktrees(self) -> Path:
        return (self.trees or self.root / "worktrees").absolute()

    def intake(self, task: TaskId) -> Path:
        """The quarantine of a task; exists during a harvest only."""
        return self.root / "git" / "intake" / f"{task.name}.git"

    def worktree(self, task: TaskId) -> Path:
        return self.worktrees / task.name

    def leads_away(self, task: TaskId) -> bool:
        """Whether a link is on the way to the worktree: a branch that was checked out may have brought one."""
        path = self.worktree(task)
        return any(place.is_symlink() for place in (path, path.parent, path.parent.parent))

    def worktree_repository(self, task: TaskId) -> Path:
        """What git keeps of a worktree: its HEAD and index."""
        return self.store / "worktrees" / task.name

    @contextmanager
    def lock(self, name: str, *, timeout: float = LOCK_TIMEOUT) -> Iterator[Path]:
        """Hold the lock of that name against all threads and processes; gives its file.

        Raises:
            Unavailable: somebody held it for `timeout` seconds.
        """
        path = self.root / "git" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path, timeout=timeout, poll_interval=0.01):
                yield path
        except Timeout as error:
            raise Unavailable(
                f"another cdock process held {path} for {timeout:g} s", tried=f"locking {name}"
            ) from error

    def prepare(self) -> None:
        """Make mirror and store where they are missing."""
        ensure_bare(self.mirror)
        ensure_bare(self.store, borrow=self.mirror, exclude="/.cdock/\n")


def ensure_bare(path: Path, *, borrow: Path | None = None, exclude: str = "") -> None:
    """A bare repository is at `path`; a new one reads objects of `borrow` too and ignores files by `exclude`.

    Made in full beside its place and then renamed, so that no one ever sees half of it; no template is copied.
    """
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    for folder in ("objects/info", "objects/pack", "refs/heads", "info"):
        (new / folder).mkdir(parents=True)
    (new / "HEAD").write_text("ref: refs/heads/none\n")
    (new / "config").write_text(CONFIG)
    (new / "info/exclude").write_text(exclude)
    if borrow:
        # Relative to our objects, so that the whole clone may be moved.
        (new / "objects/info/alternates").write_text(f"../{os.path.relpath(borrow, path)}/objects\n")
    new.chmod(0o755)
    try:
        new.rename(path)
    except OSError:
        # Another thread or process made it first; a directory with content is never replaced.
        shutil.rmtree(new)
        if not path.is_dir():
            raise


def branch_ref(branch: str) -> str:
    """The full name of a branch.

    Raises:
        Misconfigured: it is no name that is safe inside a refspec.
    """
    if not _BRANCH.fullmatch(branch):
        raise Misconfigured(
            f"{branch!r} cannot be a branch", fix="use letters, digits, '-', '_' and '/' in the branch prefix"
        )
    return f"refs/heads/{branch}"

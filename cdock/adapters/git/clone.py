"""The person's own clone: where it is, what its remotes are. Read with GitPython, which follows their own settings.

Only what a person made themselves is read here. Whatever an agent or a stranger may have touched goes through
`cdock.adapters.git.command`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdock.core.errors import Misconfigured, Missing, Refused

STATE = ".cdock"
PUSH_LIMIT = 600
"""Seconds the first push of a whole repository may take."""


@dataclass(frozen=True)
class Clone:
    """A clone on this machine. `branch` is the one checked out, empty when none is."""

    root: Path
    remotes: Mapping[str, str]
    branch: str

    @property
    def state(self) -> Path:
        """The directory in which cdock keeps everything of this clone."""
        return self.root / STATE

    def remote(self, name: str) -> str:
        """The URL of a remote.

        Raises:
            Misconfigured: there is none of that name.
        """
        if url := self.remotes.get(name):
            return url
        known = ", ".join(sorted(self.remotes)) or "none"
        raise Misconfigured(
            f"this repository has no remote {name!r}",
            code="CD414",
            tried=f"looking at the remotes of {self.root} (there are: {known})",
            fix=f"git remote add {name} URL, or name another one in cdock.toml ([repository] remote = …)",
        )


def find_clone(start: Path) -> Clone:
    """The clone that `start` is in; from inside one of cdock's worktrees, the clone that the worktree belongs to.

    Raises:
        Misconfigured: `start` is not inside a git repository.
        Missing: git is not installed.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git import GitCommandNotFound, InvalidGitRepositoryError, NoSuchPathError, Repo

    start = _outside_state(start.absolute())
    try:
        with Repo(start, search_parent_directories=True) as repo:
            if repo.working_tree_dir is None:
                raise InvalidGitRepositoryError(str(start))
            remotes = {remote.name: next(iter(remote.urls), "") for remote in repo.remotes}
            branch = "" if repo.head.is_detached else repo.head.ref.name
            return Clone(root=Path(repo.working_tree_dir), remotes=remotes, branch=branch)
    except GitCommandNotFound as error:
        raise Missing("git is not installed", code="CD431", fix="install git 2.38 or newer") from error
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise Misconfigured(
            "this is not a git repository",
            code="CD415",
            tried=f"looking for one in {start} and above",
            fix="go into your clone, or name it with -C DIR",
        ) from error


def push_first(clone: Clone, *, url: str, remote: str, host: str, helper: str) -> None:
    """Push the checked-out branch to an empty repository at `url` and make it the remote `remote`.

    `helper` becomes the credential helper for `host` in this clone. The remote is added last, so that a failure
    leaves nothing that looks finished.

    Raises:
        Refused: git said no.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git import GitCommandError, Repo

    key = f"credential.{host}.helper"
    branch = clone.branch or "main"
    try:
        with Repo(clone.root) as repo:
            # An empty one first: it ends the list of the person's other helpers, which need not know of this token.
            repo.git.config("--replace-all", key, "")
            repo.git.config("--add", key, helper)
            repo.git.push("--quiet", url, f"HEAD:refs/heads/{branch}", kill_after_timeout=PUSH_LIMIT)
            repo.create_remote(remote, url)
    except GitCommandError as error:
        raise Refused(
            f"git refused: {str(error.stderr).strip()[-500:]}",
            code="CD408",
            tried=f"pushing {branch} of {clone.root} to {url}",
            fix="mend it and run the same command again; a repository without a commit needs one first",
        ) from error


def recalled_poller(clone: Clone) -> str:
    """The poller's id that was remembered in the clone's own git configuration; empty when none is.

    It is remembered by the path of the clone, because a copy of it is another clone, and linked worktrees of a
    person share one configuration.
    """
    return _config(clone, "--get", _poller_key(clone)).strip()


def remember_poller(clone: Clone, poller: str) -> None:
    """Remember the poller's id beside `.cdock`, so that deleting that directory does not make another poller of it."""
    _config(clone, _poller_key(clone), poller)


def _poller_key(clone: Clone) -> str:
    return f"cdock.{clone.root.resolve()}.poller"


def _config(clone: Clone, *words: str) -> str:
    """Ask or tell git's configuration of the clone; what cannot be read or written there is done without."""
    from git import GitCommandError, Repo

    try:
        with Repo(clone.root) as repo:
            return str(repo.git.config("--local", *words))
    except GitCommandError:
        return ""


def _outside_state(start: Path) -> Path:
    parts = start.parts
    return Path(*parts[: parts.index(STATE)]) if STATE in parts else start

"""The person's own clone: where it is, what its remotes are. Read with GitPython, which follows their own settings.

Only what a person made themselves is read here. Whatever an agent or a stranger may have touched goes through
`cdock.adapters.git.command`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdock.core.errors import Misconfigured, Missing, Refused

STATE = "cdock"
"""Our directory below git's own, where no checkout can write: git takes no path through `.git` from a commit."""
SHOWN = ".cdock"
"""Our directory below the working tree, for people. Whoever's branch is checked out may have written there."""
FORMER = ("git", "outbox", "wishes", "tasks", "runs", "poller.json")
"""What was below `SHOWN` before it was below `STATE`. The identity is last: once it is moved, all is."""
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
        """See `state_of`."""
        return state_of(self.root)

    @property
    def shown(self) -> Path:
        """The directory with what people look into. Nothing in it is believed, and no decision depends on it."""
        return self.root / SHOWN

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


def state_of(root: Path) -> Path:
    """The directory in which cdock keeps what it believes of the clone at `root`, found without starting git.

    A linked worktree of a person is a clone of its own, so it has its own directory below the one they share.

    Raises:
        Misconfigured: there is no repository at `root`.
    """
    git = root / ".git"
    if git.is_dir():
        return git / STATE
    try:
        # A file that says where git's directory is: a linked worktree, a submodule, or a person's own choice.
        mark, _, path = git.read_text(encoding="utf-8").partition(":")
        private = root / path.strip()
        if mark != "gitdir" or not private.is_dir():
            raise FileNotFoundError(private)
    except (OSError, ValueError) as error:
        raise no_repository(root) from error
    try:
        common = private / (private / "commondir").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return private.resolve() / STATE
    return common.resolve() / STATE / "linked" / private.name


def left_behind(root: Path) -> tuple[str, ...]:
    """What there is below `.cdock` of names that were our state there once, whoever brought it."""
    return tuple(name for name in FORMER if os.path.lexists(root / SHOWN / name))


def outside_state(start: Path) -> Path:
    """`start`, or the clone around it where it is inside of one of our directories."""
    parts = start.parts
    for number, part in enumerate(parts):
        if part == SHOWN or (part == ".git" and parts[number + 1 : number + 2] == (STATE,)):
            return Path(*parts[:number])
    return start


def no_repository(start: Path) -> Misconfigured:
    """What is to be said where no clone is."""
    return Misconfigured(
        "this is not a git repository",
        code="CD415",
        tried=f"looking for one in {start} and above",
        fix="go into your clone, or name it with -C DIR",
    )


def find_clone(start: Path) -> Clone:
    """The clone that `start` is in; from inside one of cdock's worktrees, the clone that the worktree belongs to.

    Raises:
        Misconfigured: `start` is not inside a git repository.
        Missing: git is not installed.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git import GitCommandNotFound, InvalidGitRepositoryError, NoSuchPathError, Repo

    start = outside_state(start.absolute())
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
        raise no_repository(start) from error


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


def person_of(clone: Clone) -> tuple[str, str]:
    """Name and address of whoever works in the clone, as git knows them.

    Raises:
        Misconfigured: git does not.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git import GitCommandError, Repo

    try:
        with Repo(clone.root) as repo:
            ident = str(repo.git.var("GIT_COMMITTER_IDENT"))
    except GitCommandError as error:
        raise Misconfigured(
            "git does not know whose commits these are",
            code="CD464",
            tried=f"git var GIT_COMMITTER_IDENT in {clone.root}",
            fix="git config --global user.name 'Your Name' && git config --global user.email you@example.com",
        ) from error
    name, _, rest = ident.partition(" <")
    return name, rest.rpartition("> ")[0]


def recalled_poller(clone: Clone) -> str:
    """The poller's id that was remembered in the clone's own git configuration; empty when none is.

    It is remembered by the path of the clone, because a copy of it is another clone, and linked worktrees of a
    person share one configuration.
    """
    return _config(clone, "--get", poller_key(clone)).strip()


def remember_poller(clone: Clone, poller: str) -> None:
    """Remember the poller's id beside our state, so that deleting that does not make another poller of the clone."""
    _config(clone, poller_key(clone), poller)


def poller_key(clone: Clone) -> str:
    """The name in git's configuration under which the poller's id is remembered."""
    return f"cdock.{clone.root.resolve()}.poller"


def tracked_below(clone: Clone) -> frozenset[str]:
    """The names right below `.cdock` that the checked-out branch has files at, however they are written.

    Raises:
        Refused: git cannot tell.
    """
    from git import GitCommandError, Repo

    try:
        with Repo(clone.root) as repo:
            listed = str(repo.git.ls_files("-z", "--", f":(top,icase){SHOWN}"))
    except GitCommandError as error:
        raise Refused(
            f"git refused: {str(error.stderr).strip()[-500:]}",
            tried=f"listing what {clone.root} has in {SHOWN}",
        ) from error
    paths = [path.casefold().split("/") for path in listed.split("\0") if path]
    # A file, a link or a submodule that is itself called `.cdock` brings whatever is below.
    return frozenset(name for path in paths for name in path[1:2] or FORMER)


def _config(clone: Clone, *words: str) -> str:
    """Ask or tell git's configuration of the clone; what cannot be read or written there is done without."""
    from git import GitCommandError, Repo

    try:
        with Repo(clone.root) as repo:
            return str(repo.git.config("--local", *words))
    except GitCommandError:
        return ""

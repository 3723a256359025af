"""The one door to git: explicit repository, an environment of our own, a time limit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cdock.forge.domain.errors import DomainError

LIMIT: Final = 60.0
"""Seconds after which a git command is given up."""

# For reflogs and for commits that name nobody; commits by people name them.
_WRITER: Final = {
    "GIT_AUTHOR_NAME": "forge",
    "GIT_AUTHOR_EMAIL": "noreply@github.localhost",
    "GIT_COMMITTER_NAME": "forge",
    "GIT_COMMITTER_EMAIL": "noreply@github.localhost",
}


class GitFailed(DomainError):
    """Git refused; `code` is its exit code and `output` what it said."""

    def __init__(self, command: str, *, git_dir: Path, code: int, output: str) -> None:
        super().__init__(f"git {command} in {git_dir} ended with code {code}: {output.strip()[:2000]}")
        self.code = code
        self.output = output


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What git may know: where programs are, and nothing of the user's or the machine's settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        **(extra or {}),
    }


def git(
    git_dir: Path,
    *args: str,
    stdin: bytes | str = b"",
    env: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (0,),
) -> bytes:
    """Run git on a bare repository and give its output.

    Raises GitFailed for an exit code that is not in `accept`, and when it takes longer than `LIMIT`.
    """
    return git_coded(git_dir, *args, stdin=stdin, env=env, accept=accept)[1]


def git_coded(
    git_dir: Path,
    *args: str,
    stdin: bytes | str = b"",
    env: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (0,),
) -> tuple[int, bytes]:
    """As `git`, for commands whose exit code is an answer: gives code and output."""
    fed = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            ["git", f"--git-dir={git_dir}", *args],
            input=fed,
            capture_output=True,
            env=environment(_WRITER | dict(env or {})),
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GitFailed(
            _verb(args), git_dir=git_dir, code=-1, output=f"no answer within {LIMIT:g} s, given up"
        ) from error
    if done.returncode not in accept:
        said = (done.stderr or done.stdout).decode(errors="replace")
        raise GitFailed(_verb(args), git_dir=git_dir, code=done.returncode, output=said)
    return done.returncode, done.stdout


def git_text(
    git_dir: Path, *args: str, stdin: bytes | str = b"", env: Mapping[str, str] | None = None
) -> str:
    """As `git`, with the output as text without its last line end."""
    return git(git_dir, *args, stdin=stdin, env=env).decode(errors="replace").rstrip("\n")


def _verb(args: tuple[str, ...]) -> str:
    return next((arg for arg in args if not arg.startswith("-") and "=" not in arg), "")

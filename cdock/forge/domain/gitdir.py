"""The bare git repository of a repository: made, configured, tidied."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from cdock.forge.command import git, git_coded

SPOOL: Final = "forge-spool"
"""Directory inside the git directory where the hook leaves what was pushed."""

CONFIG: Final = {
    "receive.denyNonFastForwards": "false",
    "receive.denyDeletes": "false",
    # Without its default branch a repository could not be cloned into a work tree; GitHub refuses this too.
    "receive.denyDeleteCurrent": "refuse",
    "receive.advertiseAtomic": "true",
    "receive.hideRefs": "refs/pull",
    "receive.fsckObjects": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "http.receivepack": "true",
    "gc.auto": "0",
    "core.logAllRefUpdates": "true",
}

# Who pushed and `old new ref` lines, as one file that appears whole. What it means is worked out by the server after
# git has ended: asking for all refs before and after would mix up two pushes at the same time.
HOOK: Final = f"""\
#!/bin/sh
set -e
spool="$(git rev-parse --git-dir)/{SPOOL}"
mkdir -p "$spool"
file="$(mktemp "$spool/.push-XXXXXXXX")"
{{ printf '%s\\n' "$REMOTE_USER"; cat; }} >"$file"
mv "$file" "$spool/$(date +%s%N)-$$"
"""


def create(git_dir: Path, *, default_branch: str) -> None:
    """Make an empty bare repository; a half-made one left by a crash is replaced."""
    if git_dir.exists():
        shutil.rmtree(git_dir)
    git_dir.parent.mkdir(parents=True, exist_ok=True)
    git(git_dir, "init", "-q", "--bare", "--template=", f"--initial-branch={default_branch}")
    configure(git_dir)


def configure(git_dir: Path) -> None:
    """Write our settings and the hook; repeated at every start, so that old repositories get new settings."""
    config = git_dir / "config"
    lines = ["[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"]
    for key, value in CONFIG.items():
        section, name = key.split(".")
        lines.append(f"[{section}]\n\t{name} = {value}\n")
    config.write_text("".join(lines))
    (git_dir / "info").mkdir(exist_ok=True)
    hook = git_dir / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)


def set_head(git_dir: Path, branch: str) -> None:
    """Make this the branch that a clone checks out."""
    git(git_dir, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def has_ref(git_dir: Path, ref: str) -> bool:
    """Whether a full ref name exists."""
    return git_coded(git_dir, "show-ref", "--verify", "--quiet", ref, accept=(0, 1, 128))[0] == 0


def tidy(git_dir: Path) -> None:
    """Pack loose objects once there are many. Nothing is dropped: a pull request may still show it."""
    git(
        git_dir,
        "-c",
        "gc.auto=1000",
        "-c",
        "gc.autoDetach=false",
        "-c",
        "gc.pruneExpire=never",
        "gc",
        "--auto",
        "-q",
    )

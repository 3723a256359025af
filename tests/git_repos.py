"""Real git repositories for tests: a bare one as forge, working ones for people and agents."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cdock.core.events import Remote

LIMIT = 60.0
_ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "t"), ("EMAIL", "t@t"))
    },
}


def git(
    directory: Path,
    *args: str,
    check: bool = True,
    data: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> str:
    """Run git in a directory as a person would, and give what it prints."""
    done = subprocess.run(
        ["git", "-C", str(directory), *args],
        env={**_ENV, **(env or {})},
        input=data,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"git {shlex.join(args)} in {directory}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def bare(path: Path) -> Path:
    """A forge: a bare repository with one commit on its default branch."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    write(path, {"README.md": "# hello\n", "src/app.py": "print('hello')\n"}, branch="main")
    return path


def write(
    path: Path, files: Mapping[str, str], *, branch: str = "main", message: str = "work", onto: str = ""
) -> str:
    """Commit files on top of `branch` (or `onto`) of any repository, without a working tree; the commit."""
    parent = onto or git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
    index = {"GIT_INDEX_FILE": str(path / "scratch.index")}
    blobs = {
        name: git(path, "hash-object", "-w", "--stdin", data=text.encode()) for name, text in files.items()
    }
    lines = "".join(f"100644 {blob}\t{name}\n" for name, blob in blobs.items())
    for args, data in (
        (("read-tree", parent or "--empty"), b""),
        (("update-index", "--index-info"), lines.encode()),
    ):
        subprocess.run(
            ["git", "-C", str(path), *args],
            env=_ENV | index,
            input=data,
            check=True,
            timeout=LIMIT,
            capture_output=True,
        )
    tree = (
        subprocess.run(
            ["git", "-C", str(path), "write-tree"],
            env=_ENV | index,
            check=True,
            timeout=LIMIT,
            capture_output=True,
        )
        .stdout.decode()
        .strip()
    )
    (path / "scratch.index").unlink(missing_ok=True)
    commit = commit_tree(path, tree, *([parent] if parent else []), message=message)
    git(path, "update-ref", f"refs/heads/{branch}", commit)
    return commit


def commit_tree(path: Path, tree: str, *parents: str, message: str = "work") -> str:
    """A commit of a tree, whatever the tree holds."""
    return git(
        path, "commit-tree", tree, *(arg for parent in parents for arg in ("-p", parent)), "-m", message
    )


def raw_tree(path: Path, *entries: tuple[str, str, str]) -> str:
    """A tree of (mode, name, oid) exactly as given, names included that no git would write."""
    data = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return git(path, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=data)


def blob(path: Path, text: str) -> str:
    """A blob."""
    return git(path, "hash-object", "-w", "--stdin", data=text.encode())


def workspace(path: Path, *, objects: str, base: str, branch: str) -> Path:
    """An agent's private repository, made as its container makes it: objects borrowed, branch at `base`."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", f"--initial-branch={branch}")
    (path / ".git/objects/info/alternates").write_text(f"{objects}\n")
    git(path, "reset", "--quiet", "--hard", base)
    return path


def remote(path: Path) -> Remote:
    """The runner's pipe to an agent's repository: here plain git on a local directory."""
    return Remote(upload_pack="git upload-pack --strict", path=str(path / ".git"))

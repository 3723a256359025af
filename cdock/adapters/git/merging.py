"""Merge commits without a working tree: nothing is checked out, no hook and no program of a repository runs.

`git merge-tree` does what `git merge` would do with the files, on objects alone; the first git that has it is the
oldest one that cdock works with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdock.adapters.git.command import Git, error_of
from cdock.adapters.git.history import is_ancestor
from cdock.core.errors import Refused

TIMEOUT = 120.0
NAMED = 10
"""Files that a message names."""


@dataclass(frozen=True)
class Merged:
    """The tree of a merge; the files in `conflicts`, of which people have to decide, have marks of both sides."""

    tree: str
    conflicts: tuple[str, ...] = ()


def merge_trees(git: Git, ours: str, theirs: str) -> Merged:
    """What the files of these two commits come to together.

    Raises:
        Refused: they have no history in common.
        Unavailable: it took too long.
    """
    args = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs)
    done = git.run(*args, timeout=TIMEOUT, check=False)
    if done.code not in (0, 1):
        raise error_of(done)
    tree, *files = done.out.decode(errors="replace").rstrip("\0").split("\0")
    return Merged(tree, tuple(dict.fromkeys(name for name in files if name)) if done.code else ())


def transplant(git: Git, commit: str, *, onto: str, base: str = "") -> Merged:
    """What the files of `onto` come to with what `commit` changed since `base`, or else against its first parent."""
    before = tree_of(git, base or f"{commit}^")
    # A merge base cannot be named before git 2.40; commits that nobody ever sees have the one that is meant.
    common = git.run("commit-tree", before, input=b"base").text
    sides = [
        git.run("commit-tree", tree_of(git, side), "-p", common, input=b"side").text
        for side in (onto, commit)
    ]
    return merge_trees(git, *sides)


def tree_of(git: Git, commit: str) -> str:
    """The files of a commit."""
    return git.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").text


def joined(git: Git, tips: Sequence[tuple[str, str]], *, tried: str) -> str:
    """One commit that contains all of these branches, given by name and commit, in their order.

    The same branches give the same commit wherever and whenever this is done, so that machines agree upon it.

    Raises:
        Refused: two of them change the same places; it names the files.
    """
    (name, joint), *others = tips
    for other, tip in others:
        if is_ancestor(git, tip, of=joint):
            continue
        if is_ancestor(git, joint, of=tip):
            name, joint = f"{name} and {other}", tip
            continue
        merged = merge_trees(git, joint, tip)
        if merged.conflicts:
            raise Refused(
                f"{name} and {other} cannot be merged: both change {named(merged.conflicts)}",
                code="CD456",
                tried=tried,
                fix=f"merge one of them first, or push a commit to {other} that contains the other one",
            )
        message = f"Merge {other}, which the work builds upon".encode()
        joint = git.run(
            *("commit-tree", merged.tree, "-p", joint, "-p", tip),
            input=message,
            env=_dated(git, joint, tip),
        ).text
        name = f"{name} and {other}"
    return joint


def named(files: Sequence[str]) -> str:
    """The files, for people: the first few and how many more."""
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return ", ".join(files[:NAMED]) + more


def _dated(git: Git, *parents: str) -> Mapping[str, str]:
    """The time of the newest parent: it is the same for everybody."""
    times = git.run("log", "--no-walk", "--format=%ct", *parents).text.split()
    newest = f"@{max(int(time) for time in times)} +0000"
    return {"GIT_AUTHOR_DATE": newest, "GIT_COMMITTER_DATE": newest}

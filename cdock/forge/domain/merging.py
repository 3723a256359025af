"""Taking a pull request into its base, without a work tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from cdock.forge.command import git_coded, git_text
from cdock.forge.domain import checks, gitdir, history, objects, pulls, pushes, refs, repos
from cdock.forge.domain.errors import Conflict, NotAllowed, invalid
from cdock.forge.domain.history import Commit, Signature
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.refs import ZERO, RefUpdate
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

METHODS: Final = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}
_SWITCHES: Final = {
    "merge": "allow_merge_commit",
    "squash": "allow_squash_merge",
    "rebase": "allow_rebase_merge",
}


@dataclass(frozen=True)
class Mergeability:
    """Whether a merge would go through. `mergeable` is None for a pull request that is not open.

    `state` is GitHub's: clean, unstable (statuses, checks), dirty (conflicts), draft, unknown.
    """

    mergeable: bool | None
    rebaseable: bool | None
    state: str


def mergeability(tx: Tx, repo: Repo, pull: Pull) -> Mergeability:
    """What would happen if it were merged now."""
    base = refs.branch_oid(repo, pull.base_ref)
    if not pull.issue.open or base is None:
        return Mergeability(None, None, "unknown")
    if _merged_tree(repo.git_dir, base, pull.head_oid) is None:
        return Mergeability(False, False, "dirty")
    if pull.draft:
        return Mergeability(True, True, "draft")
    said = checks.rollup(tx, repo, pull.head_oid)
    return Mergeability(True, True, "clean" if said.state in {None, "SUCCESS"} else "unstable")


def merge(
    tx: Tx,
    repo: Repo,
    pull: Pull,
    *,
    actor: User | None,
    method: str = "merge",
    expected_head: str | None = None,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge a pull request and give the commit that this made the base's tip. Needs write access.

    Raises NotAllowed when it is closed, a draft, in conflict or the method is switched off, and Conflict when its head
    is not the expected one.
    """
    person = require(tx, repo, actor, Role.WRITE)
    repos.refuse_archived(repo)
    if method not in METHODS:
        raise invalid("PullRequest", "merge_method")
    if not repo.settings[_SWITCHES[method]]:
        raise NotAllowed(f"{METHODS[method]} are not allowed on this repository.")
    if pull.merged or not pull.issue.open:
        raise NotAllowed("Pull Request is not mergeable")
    if pull.draft:
        raise NotAllowed("Pull Request is still a draft")
    if expected_head is not None and expected_head != pull.head_oid:
        raise Conflict("Head branch was modified. Review and try the merge again.")
    base = refs.branch_oid(repo, pull.base_ref)
    tree = _merged_tree(repo.git_dir, base, pull.head_oid) if base else None
    if base is None or tree is None:
        raise NotAllowed("Pull Request is not mergeable")
    if method == "rebase":
        made = _rebased(tx, repo, pull, base, person)
    elif method == "squash":
        text = _joined(title or f"{pull.issue.title} (#{pull.number})", _squash_text(repo, pull, message))
        made = _commit(tx, repo, tree, [base], text, by=person)
    else:
        head = f"{repo.owner.login}/{pull.head_ref}"
        text = _joined(
            title or f"Merge pull request #{pull.number} from {head}",
            pull.issue.title if message is None else message,
        )
        made = _commit(tx, repo, tree, [base, pull.head_oid], text, by=person)
    _move_base(tx, repo, pull, base, made, actor=person)
    return made


def update_branch(
    tx: Tx, repo: Repo, pull: Pull, *, actor: User | None, expected_head: str | None = None
) -> str:
    """Merge the base into the head branch, and give the new head. Needs write access.

    Raises Invalid on a conflict, when there is nothing to do, and when the head is not the expected one.
    """
    person = require(tx, repo, actor, Role.WRITE)
    if expected_head is not None and expected_head != pull.head_oid:
        raise invalid("PullRequest", "expected_head_sha", "expected head sha didn't match current head ref.")
    base = refs.branch_oid(repo, pull.base_ref)
    if not pull.issue.open or base is None or refs.is_ancestor(repo, base, pull.head_oid):
        raise invalid("PullRequest", "base", "There are no new commits on the base branch.")
    tree = _merged_tree(repo.git_dir, pull.head_oid, base)
    if tree is None:
        raise invalid("PullRequest", "base", "merge conflict between base and head")
    text = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    made = _commit(tx, repo, tree, [pull.head_oid, base], text, by=person)
    name = f"refs/heads/{pull.head_ref}"
    refs.swap(repo, name, old=pull.head_oid, new=made)
    pushes.apply(tx, repo, [RefUpdate(name, pull.head_oid, made)], actor=person)
    return made


def _move_base(tx: Tx, repo: Repo, pull: Pull, base: str, made: str, *, actor: User) -> None:
    name = f"refs/heads/{pull.base_ref}"
    refs.swap(repo, name, old=base, new=made)
    pushes.mark_merged(tx, repo, pull, actor=actor, oid=made)
    updates = [RefUpdate(name, base, made)]
    head = f"refs/heads/{pull.head_ref}"
    if repo.settings["delete_branch_on_merge"] and gitdir.has_ref(repo.git_dir, head):
        refs.swap(repo, head, old=pull.head_oid, new=ZERO)
        updates.append(RefUpdate(head, pull.head_oid, ZERO))
    pushes.apply(tx, repo, updates, actor=actor)


# Commits never change, so neither does the result of merging two.
@lru_cache(maxsize=1024)
def _merged_tree(git_dir: Path, ours: str, theirs: str) -> str | None:
    """The tree of a merge, or None when it needs a person."""
    code, out = git_coded(git_dir, "merge-tree", "--write-tree", "--no-messages", ours, theirs, accept=(0, 1))
    return out.decode().split("\n", 1)[0] if code == 0 else None


def _rebased(tx: Tx, repo: Repo, pull: Pull, base: str, committer: User) -> str:
    tip = base
    for commit in history.between(repo, base, pull.head_oid):
        if len(commit.parents) != 1:
            continue
        # A commit with our tree on the picked commit's parent makes that parent the merge base: this is a cherry-pick.
        tree_of_tip = git_text(repo.git_dir, "rev-parse", f"{tip}^{{tree}}")
        stand_in = _commit(tx, repo, tree_of_tip, list(commit.parents), "stand-in", by=committer)
        tree = _merged_tree(repo.git_dir, stand_in, commit.oid)
        if tree is None:
            raise NotAllowed("This branch can't be rebased due to conflicts")
        tip = _commit(tx, repo, tree, [tip], commit.message, by=committer, original=commit)
    return tip


def _commit(
    tx: Tx,
    repo: Repo,
    tree: str,
    parents: list[str],
    message: str,
    *,
    by: User,
    original: Commit | None = None,
) -> str:
    own = Signature(by.name or by.login, by.email, tx.now)
    author = original.author if original else own
    return objects.store_commit(repo, message, tree=tree, parents=parents, author=author, committer=own)


def _squash_text(repo: Repo, pull: Pull, message: str | None) -> str:
    if message is not None:
        return message
    commits = pulls.commits(repo, pull)
    if len(commits) == 1:
        return commits[0].message.partition("\n")[2].strip()
    return "\n\n".join(f"* {commit.message}" for commit in commits)


def _joined(title: str, text: str) -> str:
    return f"{title}\n\n{text}".rstrip() + "\n"

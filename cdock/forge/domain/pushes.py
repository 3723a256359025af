"""What follows when refs have moved: pull requests get new commits, are merged or closed, keywords close issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cdock.forge.domain import (
    events,
    gitdir,
    history,
    issues,
    notices,
    pulls,
    references,
    refs,
    repos,
    texts,
)
from cdock.forge.domain.history import Commit
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.refs import ZERO, RefUpdate
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Tx

COMMIT_LIMIT: Final = 250
"""New commits of one push whose messages are read."""


def apply(tx: Tx, repo: Repo, updates: Iterable[RefUpdate], *, actor: User) -> None:
    """Bring the store in line with refs that have already moved in git.

    May be repeated and may come late: what counts is where the refs are now.
    """
    moved = [update for update in updates if update.old != update.new]
    if not moved:
        return
    repos.touch_pushed(tx, repo)
    for update in moved:
        # Refs outside branches and tags are nobody's business but their maker's.
        if update.name.startswith(("refs/heads/", "refs/tags/")):
            _tell(tx, repo, update, actor=actor)
    heads = [update for update in moved if update.name.startswith("refs/heads/")]
    repo = _with_default(tx, repo, heads)
    for update in heads:
        branch = update.name.removeprefix("refs/heads/")
        tip = refs.branch_oid(repo, branch)
        _move_heads(tx, repo, branch, tip, actor=actor)
        if tip is not None:
            _read_messages(tx, repo, branch, update.old, tip, actor=actor)
        _move_bases(tx, repo, branch, tip, actor=actor)


def mark_merged(tx: Tx, repo: Repo, pull: Pull, *, actor: User, oid: str) -> None:
    """Note that a pull request's commits are in its base, and do what its text asks for on the default branch."""
    tx.update("pull", pull.id, merged=tx.stamp, merged_by=actor.id, merge_oid=oid)
    events.record(tx, repo, pull.issue.id, "merged", actor=actor, oid=oid)
    issues.shut(tx, repo, pull.issue, actor=actor)
    if pull.base_ref == repo.default_branch:
        close_named(tx, repo, pull.issue.body or "", actor=actor)


def close_named(tx: Tx, repo: Repo, text: str, *, actor: User, oid: str | None = None) -> None:
    """Close the issues that a text closes by keyword."""
    for home, issue_id in references.targets(tx, repo, texts.closings(text), actor=actor):
        issue = issues.by_ids_of(tx, [issue_id])[issue_id]
        if home.id == repo.id and issue.open and issue.pull is None:
            issues.shut(tx, repo, issue, actor=actor, oid=oid)


def _tell(tx: Tx, repo: Repo, update: RefUpdate, *, actor: User) -> None:
    if update.old == ZERO:
        notices.tell(tx, repo, "create", None, actor=actor, update=update)
    elif update.new == ZERO:
        notices.tell(tx, repo, "delete", None, actor=actor, update=update)
    notices.tell(tx, repo, "push", None, actor=actor, update=update)


def _with_default(tx: Tx, repo: Repo, heads: Sequence[RefUpdate]) -> Repo:
    """The first branch pushed to an empty repository becomes its default branch when the planned one is not there."""
    if not heads or gitdir.has_ref(repo.git_dir, f"refs/heads/{repo.default_branch}"):
        return repo
    for update in heads:
        branch = update.name.removeprefix("refs/heads/")
        if update.old == ZERO and refs.branch_oid(repo, branch):
            tx.update("repo", repo.id, default_branch=branch)
            gitdir.set_head(repo.git_dir, branch)
            return repos.by_id(tx, repo.id)
    return repo


def _move_heads(tx: Tx, repo: Repo, branch: str, tip: str | None, *, actor: User) -> None:
    rows = tx.rows(
        "SELECT pull.* FROM pull JOIN issue ON issue.id = issue_id "
        "WHERE repo_id = ? AND head_ref = ? AND merged IS NULL ORDER BY number",
        repo.id,
        branch,
    )
    for pull in pulls.load(tx, rows):
        if tip is None:
            if pull.issue.open:
                events.record(tx, repo, pull.issue.id, "head_ref_deleted", actor=actor)
                issues.shut(tx, repo, pull.issue, actor=actor)
        elif tip != pull.head_oid:
            _move_head(tx, repo, pull, tip, actor=actor)


def _move_head(tx: Tx, repo: Repo, pull: Pull, tip: str, *, actor: User) -> None:
    base_oid = refs.branch_oid(repo, pull.base_ref) or pull.base_oid
    if not refs.is_ancestor(repo, pull.head_oid, tip):
        events.record(
            tx,
            repo,
            pull.issue.id,
            "head_ref_force_pushed",
            actor=actor,
            oid=tip,
            before=pull.head_oid,
            after=tip,
        )
    commits = history.between(repo, base_oid, tip)
    known = {
        event.oid for event in events.of_issue(tx, pull.issue.id, whole=True) if event.kind == "committed"
    }
    _forget_commits(tx, pull, {commit.oid for commit in commits})
    pulls.note_commits(tx, repo, pull.issue.id, [commit for commit in commits if commit.oid not in known])
    tx.update("pull", pull.id, head_oid=tip, base_oid=base_oid)
    issues.touch(tx, pull.issue.id)
    refs.put(repo, f"refs/pull/{pull.number}/head", tip)
    notices.tell(
        tx,
        repo,
        "pull_request",
        "synchronize",
        actor=actor,
        issue_id=pull.issue.id,
        before=pull.head_oid,
        after=tip,
    )
    if pull.issue.open and not commits:
        issues.shut(tx, repo, pull.issue, actor=actor)


def _forget_commits(tx: Tx, pull: Pull, kept: set[str]) -> None:
    for event in events.of_issue(tx, pull.issue.id, whole=True):
        if event.kind == "committed" and event.oid not in kept:
            tx.run("DELETE FROM event WHERE id = ?", event.id)


def _move_bases(tx: Tx, repo: Repo, branch: str, tip: str | None, *, actor: User) -> None:
    for pull in pulls.open_pulls(tx, repo, base=branch):
        if tip is None:
            _leave(tx, repo, pull, actor=actor)
        elif refs.is_ancestor(repo, pull.head_oid, tip):
            mark_merged(tx, repo, pull, actor=actor, oid=tip)


def _leave(tx: Tx, repo: Repo, pull: Pull, *, actor: User) -> None:
    """The base is gone: where it was itself merged, its pull requests go there, and are closed otherwise."""
    below = [each for each in pulls.from_branch(tx, repo, pull.base_ref) if each.merged]
    base = next((each.base_ref for each in reversed(below) if refs.branch_oid(repo, each.base_ref)), None)
    if base is None or pulls.open_pulls(tx, repo, head=pull.head_ref, base=base):
        issues.shut(tx, repo, pull.issue, actor=actor)
        return
    pull = pulls.move_base(tx, repo, pull, base, actor=actor, kind="automatic_base_change_succeeded")
    tip = refs.branch_oid(repo, base)
    if tip is not None and refs.is_ancestor(repo, pull.head_oid, tip):
        mark_merged(tx, repo, pull, actor=actor, oid=tip)


def _read_messages(tx: Tx, repo: Repo, branch: str, old: str, tip: str, *, actor: User) -> None:
    is_default = branch == repo.default_branch
    if old != ZERO:
        new = history.between(repo, old, tip, limit=COMMIT_LIMIT)
    elif is_default:
        new = history.list_commits(repo, tip, limit=COMMIT_LIMIT)[::-1]
    else:
        base = refs.branch_oid(repo, repo.default_branch)
        new = history.between(repo, base, tip, limit=COMMIT_LIMIT) if base else []
    for commit in new:
        _note_references(tx, repo, commit, actor=actor)
        if is_default:
            close_named(tx, repo, commit.message, actor=actor, oid=commit.oid)


def _note_references(tx: Tx, repo: Repo, commit: Commit, *, actor: User) -> None:
    for home, issue_id in references.targets(tx, repo, texts.references(commit.message), actor=actor):
        known = tx.row(
            "SELECT 1 FROM event WHERE issue_id = ? AND oid = ? AND kind IN ('referenced', 'merged', 'committed')",
            issue_id,
            commit.oid,
        )
        if known is None and home.id == repo.id:
            events.record(tx, repo, issue_id, "referenced", actor=actor, oid=commit.oid)

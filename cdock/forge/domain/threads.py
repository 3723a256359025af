"""Threads on lines of a pull request: where they stand now, and whether they are settled."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cdock.forge.domain import diffplaces, diffs, history, issues, notices, pulls, repos, reviewcomments
from cdock.forge.domain.diffplaces import LEFT, RIGHT, SIDES
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.errors import FieldError, Forbidden, Invalid, NotFound
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.roles import Role, allows, require
from cdock.forge.domain.users import User, by_ids
from cdock.forge.store import Tx

_RESOURCE: Final = "PullRequestReviewComment"


@dataclass(frozen=True)
class Anchor:
    """Where somebody wants to comment: a line of one side of the diff, a span that ends there, or a whole file.

    `position` is GitHub's older way to name a line (see `diffplaces.DiffLine`). With neither `line` nor `position` it
    is the file.
    """

    path: str
    side: str = RIGHT
    line: int | None = None
    start_side: str | None = None
    start_line: int | None = None
    position: int | None = None


@dataclass(frozen=True)
class Thread:
    """A thread with the comments that the viewer sees, oldest first.

    `line`, `start_line` and `position` are where it is in the pull request's diff now, None when it is outdated; the
    `original_` ones are where it was in the diff of the commit `original_oid`. `oid` is the last commit for which its
    place is known. `subject` is `line` or `file`; `hunk` is what it was made on. `resolver` settled it.
    """

    id: int
    issue_id: int
    path: str
    subject: str
    side: str
    start_side: str | None
    line: int | None
    start_line: int | None
    position: int | None
    original_line: int | None
    original_start_line: int | None
    original_position: int | None
    original_oid: str
    oid: str
    hunk: str
    outdated: bool
    resolver: User | None
    comments: tuple[ReviewComment, ...]

    @property
    def resolved(self) -> bool:
        """Whether somebody settled it."""
        return self.resolver is not None


def of_pull(tx: Tx, repo: Repo, pull: Pull, *, viewer: User | None) -> list[Thread]:
    """The threads of a pull request in the order in which they were begun; those without a visible comment are not."""
    rows = tx.rows("SELECT * FROM review_thread WHERE issue_id = ? ORDER BY id", pull.issue.id)
    return [thread for thread in _load(tx, repo, pull, rows, viewer=viewer) if thread.comments]


def find(tx: Tx, repo: Repo, thread_id: int, *, viewer: User | None) -> Thread:
    """One thread by its id. Raises NotFound, also when the viewer sees no comment of it."""
    found = by_ids_of(tx, repo, [thread_id], viewer=viewer).get(thread_id)
    if found is None or not found.comments:
        raise NotFound
    return found


def by_ids_of(tx: Tx, repo: Repo, ids: Iterable[int], *, viewer: User | None) -> dict[int, Thread]:
    """Threads of a repository by id, of whatever pull request."""
    wanted = sorted(set(ids))
    marks = ",".join("?" * len(wanted))
    rows = tx.rows(
        "SELECT review_thread.* FROM review_thread JOIN issue ON issue.id = issue_id "  # noqa: S608
        f"WHERE repo_id = ? AND review_thread.id IN ({marks})",
        repo.id,
        *wanted,
    )
    found: dict[int, Thread] = {}
    for issue_id in {row["issue_id"] for row in rows}:
        pull = pulls.by_issue_id(tx, issue_id)
        own = [row for row in rows if row["issue_id"] == issue_id]
        found |= {thread.id: thread for thread in _load(tx, repo, pull, own, viewer=viewer)}
    return found


def repo_id_of(tx: Tx, thread_id: int) -> int:
    """The repository in which a thread is. Raises NotFound."""
    row = tx.row(
        "SELECT repo_id FROM review_thread JOIN issue ON issue.id = issue_id WHERE review_thread.id = ?",
        thread_id,
    )
    if row is None:
        raise NotFound
    return int(row["repo_id"])


def resolve(tx: Tx, repo: Repo, thread: Thread, *, actor: User | None) -> Thread:
    """Settle a thread: the author of the pull request may, and who has write access."""
    return _settle(tx, repo, thread, actor=actor, resolved=True)


def unresolve(tx: Tx, repo: Repo, thread: Thread, *, actor: User | None) -> Thread:
    """Take it up again: the author of the pull request may, and who has write access."""
    return _settle(tx, repo, thread, actor=actor, resolved=False)


def may_resolve(tx: Tx, repo: Repo, thread: Thread, actor: User | None) -> bool:
    """Whether this user may settle it or take it up again."""
    if actor is None or repo.settings["archived"]:
        return False
    row = tx.row("SELECT author_id FROM issue WHERE id = ?", thread.issue_id)
    return (row is not None and row["author_id"] == actor.id) or allows(tx, repo, actor, Role.WRITE)


def begin(tx: Tx, repo: Repo, pull: Pull, anchor: Anchor, *, oid: str) -> int:
    """The bare row of a new thread on the diff that ends at `oid`; gives its id.

    Raises Invalid when the anchor is nowhere in that diff.
    """
    base = _old_side(repo, pull, oid)
    change = diffplaces.change_of(diffs.difference(repo, base, oid), anchor.path)
    if change is None:
        raise _nowhere("path", "must be part of the diff")
    columns: dict[str, object] = {"subject": "file", "side": RIGHT, "hunk": ""}
    if anchor.line is not None or anchor.position is not None:
        columns = _spanned(change, anchor)
    return tx.insert(
        "review_thread", issue_id=pull.issue.id, path=anchor.path, oid=oid, base_oid=base, **columns
    )


def _spanned(change: FileChange, anchor: Anchor) -> dict[str, object]:
    patch = change.patch or ""
    for side in (anchor.side, anchor.start_side):
        if side not in {None, *SIDES}:
            raise _nowhere("side", "must be LEFT or RIGHT")
    if anchor.line is not None:
        side = anchor.side
        last = diffplaces.line_at(patch, side=side, number=anchor.line)
        if last is None:
            raise _nowhere("line", "must be part of the diff")
    else:
        last = diffplaces.line_at_position(patch, anchor.position or 0)
        if last is None:
            raise _nowhere("position", "must be part of the diff")
        side = LEFT if last.new is None else RIGHT
    columns: dict[str, object] = {
        "subject": "line",
        "side": side,
        "line": last.number(side),
        "position": last.position,
        "hunk": last.hunk,
    }
    if anchor.start_line is None:
        return columns
    start_side = anchor.start_side or side
    first = diffplaces.line_at(patch, side=start_side, number=anchor.start_line)
    if first is None:
        raise _nowhere("start_line", "must be part of the diff")
    if first.position >= last.position:
        raise _nowhere("start_line", "must precede the end line.")
    if not last.hunk.startswith(first.hunk):
        raise _nowhere("start_line", "must be part of the same hunk as the line.")
    return columns | {"start_side": start_side, "start_line": anchor.start_line}


def _settle(tx: Tx, repo: Repo, thread: Thread, *, actor: User | None, resolved: bool) -> Thread:
    person = require(tx, repo, actor, Role.READ)
    repos.refuse_archived(repo)
    if not may_resolve(tx, repo, thread, person):
        raise Forbidden("You do not have permission to resolve this thread.")
    if resolved != thread.resolved:
        tx.update("review_thread", thread.id, resolver_id=person.id if resolved else None)
        issues.touch(tx, thread.issue_id)
        action = "resolved" if resolved else "unresolved"
        notices.tell(tx, repo, "pull_request_review_thread", action, actor=person, thread_id=thread.id)
    return find(tx, repo, thread.id, viewer=person)


def _load(
    tx: Tx, repo: Repo, pull: Pull, rows: Iterable[sqlite3.Row], *, viewer: User | None
) -> list[Thread]:
    rows = list(rows)
    if not rows:
        return []
    people = by_ids(tx, (row["resolver_id"] for row in rows))
    said = reviewcomments.by_threads(tx, (row["id"] for row in rows), viewer=viewer)
    base = _old_side(repo, pull, pull.head_oid)
    shown = diffs.difference(repo, base, pull.head_oid)
    threads = []
    for row in rows:
        place = _place_now(repo, pull, row, base=base, shown=shown)
        threads.append(
            Thread(
                id=row["id"],
                issue_id=row["issue_id"],
                path=row["path"],
                subject=row["subject"],
                side=row["side"],
                start_side=row["start_side"],
                line=place and place[0],
                start_line=place and place[1],
                position=place and place[2],
                original_line=row["line"],
                original_start_line=row["start_line"],
                original_position=row["position"],
                original_oid=row["oid"],
                oid=row["oid"] if place is None else pull.head_oid,
                hunk=row["hunk"],
                outdated=place is None,
                resolver=people.get(row["resolver_id"]),
                comments=tuple(said[row["id"]]),
            )
        )
    return threads


def _place_now(
    repo: Repo, pull: Pull, row: sqlite3.Row, *, base: str, shown: tuple[FileChange, ...]
) -> tuple[int | None, int | None, int | None] | None:
    """Line, first line and position in the diff as it is now; None when that line is not in it any more."""
    if row["subject"] == "file":
        known = diffplaces.change_of(shown, row["path"]) is not None
        return (None, None, None) if known else None

    def follow(side: str, number: int) -> int | None:
        ends = (row["base_oid"], base) if side == LEFT else (row["oid"], pull.head_oid)
        # The old side is known by the path that the file has on the new one.
        here = diffplaces.moved(repo, *ends, path=row["path"], number=number)
        return here[1] if here is not None and here[0] == row["path"] else None

    line = follow(row["side"], row["line"])
    change = diffplaces.change_of(shown, row["path"])
    if line is None or change is None:
        return None
    now = diffplaces.line_at(change.patch or "", side=row["side"], number=line)
    if now is None:
        return None
    first = follow(row["start_side"], row["start_line"]) if row["start_line"] is not None else None
    return line, first, now.position


def _old_side(repo: Repo, pull: Pull, oid: str) -> str:
    return history.merge_base(repo, pull.base_oid, oid) or diffs.EMPTY_TREE


def _nowhere(field: str, message: str) -> Invalid:
    name = f"pull_request_review_thread.{field}"
    return Invalid(errors=[FieldError(_RESOURCE, name, "custom", f"{name} {message}")])

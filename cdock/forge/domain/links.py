"""How an issue hangs together with others, counted: what every issue shows of its parent, parts and dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cdock.forge.store import Tx

NAMED: Final = {
    f"{what}_{done}": what
    for what in ("sub_issue", "parent_issue", "blocked_by", "blocking")
    for done in ("added", "removed")
}
"""The kinds of events about two issues, and the key under which each names the other issue (by id)."""


@dataclass(frozen=True)
class Parent:
    """The issue that another one is a part of, for addresses: whether it may be seen is not asked here."""

    id: int
    repo_id: int
    number: int


@dataclass(frozen=True)
class Links:
    """Counts around one issue. `blocked_by` and `blocking` count open issues, the totals closed ones too."""

    parent: Parent | None = None
    sub_issues: int = 0
    sub_issues_closed: int = 0
    blocked_by: int = 0
    total_blocked_by: int = 0
    blocking: int = 0
    total_blocking: int = 0

    @property
    def percent_closed(self) -> int:
        """How much of the sub-issues is closed, 0 without any."""
        return self.sub_issues_closed * 100 // self.sub_issues if self.sub_issues else 0


NONE = Links()


def of_issues(tx: Tx, ids: Sequence[int]) -> dict[int, Links]:
    """The links of issues, by id; issues without any are left out."""
    question = ",".join("?" * len(ids))
    parents = {
        row["child_id"]: Parent(row["id"], row["repo_id"], row["number"])
        for row in tx.rows(
            "SELECT child_id, issue.id, repo_id, number FROM sub_issue JOIN issue ON issue.id = parent_id "  # noqa: S608
            f"WHERE child_id IN ({question})",
            *ids,
        )
    }
    found: dict[int, dict[str, int]] = {key: {} for key in parents}
    for key, other, opened, total in (
        ("parent_id", "child_id", "", "sub_issues"),
        ("issue_id", "blocker_id", "blocked_by", "total_blocked_by"),
        ("blocker_id", "issue_id", "blocking", "total_blocking"),
    ):
        table = "sub_issue" if total == "sub_issues" else "blocked_by"
        for row in tx.rows(
            f"SELECT {key} AS id, count(*) AS n, sum(state = 'open') AS opened "  # noqa: S608
            f"FROM {table} JOIN issue ON issue.id = {other} WHERE {key} IN ({question}) GROUP BY {key}",
            *ids,
        ):
            counts = found.setdefault(row["id"], {})
            counts[total] = row["n"]
            if opened:
                counts[opened] = row["opened"]
            else:
                counts["sub_issues_closed"] = row["n"] - row["opened"]
    return {key: Links(parent=parents.get(key), **counts) for key, counts in found.items()}

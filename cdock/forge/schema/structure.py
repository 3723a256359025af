"""The tables of how issues hang together: sub-issues and dependencies."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {}

TABLES: Final = """
CREATE TABLE sub_issue (
    child_id INTEGER PRIMARY KEY REFERENCES issue(id) ON DELETE CASCADE,
    parent_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    position INTEGER NOT NULL
);
CREATE INDEX sub_issue_parent ON sub_issue (parent_id, position);
CREATE TABLE blocked_by (
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    blocker_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    PRIMARY KEY (issue_id, blocker_id)
);
CREATE INDEX blocked_by_blocker ON blocked_by (blocker_id);
"""

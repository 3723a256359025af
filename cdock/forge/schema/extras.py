"""The tables of what only GraphQL can change: linked branches and hidden comments."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {"linked_branch": 2_903_000_000}

TABLES: Final = """
CREATE TABLE linked_branch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (issue_id, name)
);
CREATE TABLE hidden_comment (
    comment_id INTEGER PRIMARY KEY REFERENCES comment(id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    hidden_by INTEGER NOT NULL REFERENCES user(id),
    created TEXT NOT NULL
);
"""

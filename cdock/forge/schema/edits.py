"""The tables of what was said before: earlier versions of texts, and what check runs note on lines."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {"issue_edit": 3_011_000_000}

TABLES: Final = """
CREATE TABLE issue_edit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    editor_id INTEGER NOT NULL REFERENCES user(id),
    body TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX issue_edit_issue ON issue_edit (issue_id, id);
ALTER TABLE check_run ADD COLUMN noted TEXT NOT NULL DEFAULT '[]';
"""

COMMENT_FIRST_IDS: Final[dict[str, int]] = {"comment_edit": 3_012_000_000}

COMMENT_TABLES: Final = """
CREATE TABLE comment_edit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    comment_id INTEGER NOT NULL REFERENCES comment(id) ON DELETE CASCADE,
    editor_id INTEGER NOT NULL REFERENCES user(id),
    body TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX comment_edit_comment ON comment_edit (comment_id, id);
"""

"""The tables of what was said before: earlier versions of an issue's text, and what check runs note on lines."""

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

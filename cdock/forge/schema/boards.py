"""The tables of boards: projects, their fields, items and values."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final = {
    "project": 1_901_000_000,
    "project_field": 2_101_000_000,
    "project_draft": 2_203_000_000,
    "project_item": 2_305_000_000,
    "project_value": 2_407_000_000,
}

TABLES: Final = """
CREATE TABLE project (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER NOT NULL REFERENCES user(id),
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    short_description TEXT,
    readme TEXT,
    public INTEGER NOT NULL DEFAULT 0,
    creator_id INTEGER NOT NULL REFERENCES user(id),
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    closed TEXT,
    UNIQUE (owner_id, number)
);
CREATE TABLE project_access (
    project_id INTEGER NOT NULL REFERENCES project(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES user(id),
    access TEXT NOT NULL CHECK (access IN ('read', 'write', 'admin')),
    PRIMARY KEY (project_id, user_id)
);
CREATE TABLE project_repo (
    project_id INTEGER NOT NULL REFERENCES project(id) ON DELETE CASCADE,
    repo_id INTEGER NOT NULL REFERENCES repo(id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, repo_id)
);
CREATE TABLE project_field (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES project(id) ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    data_type TEXT NOT NULL,
    duration INTEGER,
    start_day INTEGER,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    UNIQUE (project_id, name)
);
CREATE TABLE project_option (
    field_id INTEGER NOT NULL REFERENCES project_field(id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    color TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (field_id, id)
);
CREATE TABLE project_iteration (
    field_id INTEGER NOT NULL REFERENCES project_field(id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    start_date TEXT NOT NULL,
    duration INTEGER NOT NULL,
    PRIMARY KEY (field_id, id)
);
CREATE TABLE project_draft (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    body TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE TABLE project_item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES project(id) ON DELETE CASCADE,
    issue_id INTEGER REFERENCES issue(id) ON DELETE CASCADE,
    draft_id INTEGER REFERENCES project_draft(id),
    position INTEGER NOT NULL,
    creator_id INTEGER NOT NULL REFERENCES user(id),
    archived TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    UNIQUE (project_id, issue_id),
    CHECK ((issue_id IS NULL) <> (draft_id IS NULL))
);
CREATE INDEX project_item_issue ON project_item (issue_id);
CREATE TABLE project_value (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id INTEGER NOT NULL REFERENCES project_item(id) ON DELETE CASCADE,
    field_id INTEGER NOT NULL REFERENCES project_field(id) ON DELETE CASCADE,
    value NOT NULL,
    creator_id INTEGER REFERENCES user(id),
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    UNIQUE (item_id, field_id)
);
CREATE INDEX project_value_field ON project_value (field_id);
"""

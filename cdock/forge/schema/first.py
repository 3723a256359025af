"""The tables of version 1: people, repositories, issues, pull requests, statuses."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final = {
    "user": 11_000_000,
    "token": 13_000_000,
    "repo": 201_000_000,
    "milestone": 305_000_000,
    "label": 401_000_000,
    "reaction": 503_000_000,
    "status": 607_000_000,
    "comment": 1_109_000_000,
    "issue": 1_301_000_000,
    "pull": 1_503_000_000,
    "event": 1_701_000_000,
}

TABLES: Final = """
CREATE TABLE user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    login TEXT NOT NULL COLLATE NOCASE UNIQUE,
    type TEXT NOT NULL CHECK (type IN ('User', 'Bot', 'Organization')),
    name TEXT,
    created TEXT NOT NULL
);
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES user(id),
    scopes TEXT NOT NULL,
    note TEXT,
    created TEXT NOT NULL
);
CREATE TABLE login_code (
    sha256 TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user(id),
    expires TEXT NOT NULL
);
CREATE TABLE session (
    sha256 TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user(id),
    expires TEXT NOT NULL
);
CREATE TABLE repo (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER NOT NULL REFERENCES user(id),
    name TEXT NOT NULL COLLATE NOCASE,
    description TEXT,
    private INTEGER NOT NULL,
    default_branch TEXT NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0,
    settings TEXT NOT NULL DEFAULT '{}',
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    pushed TEXT NOT NULL,
    UNIQUE (owner_id, name)
);
CREATE TABLE redirect (
    owner_id INTEGER NOT NULL REFERENCES user(id),
    name TEXT NOT NULL COLLATE NOCASE,
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    PRIMARY KEY (owner_id, name)
);
CREATE TABLE perm (
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    user_id INTEGER NOT NULL REFERENCES user(id),
    role TEXT NOT NULL CHECK (role IN ('read', 'triage', 'write', 'maintain', 'admin')),
    PRIMARY KEY (repo_id, user_id)
);
CREATE TABLE milestone (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    number INTEGER NOT NULL,
    title TEXT NOT NULL COLLATE NOCASE,
    description TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    creator_id INTEGER NOT NULL REFERENCES user(id),
    due TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    closed TEXT,
    UNIQUE (repo_id, number),
    UNIQUE (repo_id, title)
);
CREATE TABLE issue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    state_reason TEXT CHECK (state_reason IN ('completed', 'not_planned', 'duplicate', 'reopened')),
    author_id INTEGER NOT NULL REFERENCES user(id),
    locked INTEGER NOT NULL DEFAULT 0,
    lock_reason TEXT,
    milestone_id INTEGER REFERENCES milestone(id) ON DELETE SET NULL,
    is_pull INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    closed TEXT,
    closed_by INTEGER REFERENCES user(id),
    edited TEXT,
    editor_id INTEGER REFERENCES user(id),
    UNIQUE (repo_id, number)
);
CREATE INDEX issue_updated ON issue (repo_id, updated, id);
CREATE TABLE pull (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL UNIQUE REFERENCES issue(id),
    head_ref TEXT NOT NULL,
    head_oid TEXT NOT NULL,
    base_ref TEXT NOT NULL,
    base_oid TEXT NOT NULL,
    draft INTEGER NOT NULL DEFAULT 0,
    maintainer_can_modify INTEGER NOT NULL DEFAULT 0,
    merged TEXT,
    merged_by INTEGER REFERENCES user(id),
    merge_oid TEXT
);
CREATE TABLE label (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    name TEXT NOT NULL COLLATE NOCASE,
    color TEXT NOT NULL,
    description TEXT,
    is_default INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repo_id, name)
);
CREATE TABLE issue_label (
    issue_id INTEGER NOT NULL REFERENCES issue(id),
    label_id INTEGER NOT NULL REFERENCES label(id) ON DELETE CASCADE,
    PRIMARY KEY (issue_id, label_id)
);
CREATE INDEX issue_label_label ON issue_label (label_id);
CREATE TABLE assignee (
    issue_id INTEGER NOT NULL REFERENCES issue(id),
    user_id INTEGER NOT NULL REFERENCES user(id),
    PRIMARY KEY (issue_id, user_id)
);
CREATE TABLE comment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issue(id),
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    author_id INTEGER NOT NULL REFERENCES user(id),
    body TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    editor_id INTEGER REFERENCES user(id)
);
CREATE INDEX comment_issue ON comment (issue_id, id);
CREATE INDEX comment_updated ON comment (repo_id, updated, id);
CREATE TABLE reaction (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL CHECK (subject IN ('issue', 'comment')),
    subject_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES user(id),
    content TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (subject, subject_id, user_id, content)
);
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    issue_id INTEGER NOT NULL REFERENCES issue(id),
    kind TEXT NOT NULL,
    actor_id INTEGER REFERENCES user(id),
    oid TEXT,
    data TEXT NOT NULL DEFAULT '{}',
    created TEXT NOT NULL
);
CREATE INDEX event_issue ON event (issue_id, id);
CREATE INDEX event_repo ON event (repo_id, id);
CREATE TABLE status (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id),
    oid TEXT NOT NULL,
    context TEXT NOT NULL COLLATE NOCASE,
    state TEXT NOT NULL CHECK (state IN ('error', 'failure', 'pending', 'success')),
    description TEXT,
    target_url TEXT,
    creator_id INTEGER NOT NULL REFERENCES user(id),
    created TEXT NOT NULL
);
CREATE INDEX status_oid ON status (repo_id, oid, id);
"""

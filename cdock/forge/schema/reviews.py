"""The tables of reviews: opinions, threads with their comments, requests for review, check runs."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {
    "review": 1_811_000_000,
    "review_thread": 1_823_000_000,
    "review_comment": 1_907_000_000,
    "check_suite": 2_003_000_000,
    "check_run": 2_111_000_000,
}

TABLES: Final = """
CREATE TABLE review (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    author_id INTEGER NOT NULL REFERENCES user(id),
    state TEXT NOT NULL CHECK (state IN ('PENDING', 'COMMENTED', 'APPROVED', 'CHANGES_REQUESTED', 'DISMISSED')),
    body TEXT NOT NULL,
    oid TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    submitted TEXT,
    editor_id INTEGER REFERENCES user(id)
);
CREATE INDEX review_issue ON review (issue_id, id);
CREATE UNIQUE INDEX review_pending ON review (issue_id, author_id) WHERE state = 'PENDING';
CREATE TABLE review_thread (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    subject TEXT NOT NULL CHECK (subject IN ('line', 'file')),
    side TEXT NOT NULL CHECK (side IN ('LEFT', 'RIGHT')),
    line INTEGER,
    start_side TEXT CHECK (start_side IN ('LEFT', 'RIGHT')),
    start_line INTEGER,
    position INTEGER,
    hunk TEXT NOT NULL,
    oid TEXT NOT NULL,
    base_oid TEXT NOT NULL,
    resolver_id INTEGER REFERENCES user(id)
);
CREATE INDEX review_thread_issue ON review_thread (issue_id, id);
CREATE TABLE review_comment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id) ON DELETE CASCADE,
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    thread_id INTEGER NOT NULL REFERENCES review_thread(id) ON DELETE CASCADE,
    review_id INTEGER NOT NULL REFERENCES review(id) ON DELETE CASCADE,
    author_id INTEGER NOT NULL REFERENCES user(id),
    reply_to INTEGER REFERENCES review_comment(id) ON DELETE SET NULL,
    body TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    editor_id INTEGER REFERENCES user(id)
);
CREATE INDEX review_comment_issue ON review_comment (issue_id, id);
CREATE INDEX review_comment_thread ON review_comment (thread_id, id);
CREATE INDEX review_comment_review ON review_comment (review_id);
CREATE INDEX review_comment_updated ON review_comment (repo_id, updated, id);
CREATE TABLE review_request (
    issue_id INTEGER NOT NULL REFERENCES issue(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES user(id),
    PRIMARY KEY (issue_id, user_id)
);
CREATE TABLE check_suite (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id) ON DELETE CASCADE,
    app_id INTEGER NOT NULL REFERENCES app(id),
    oid TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (repo_id, oid, app_id)
);
CREATE TABLE check_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id) ON DELETE CASCADE,
    suite_id INTEGER NOT NULL REFERENCES check_suite(id) ON DELETE CASCADE,
    app_id INTEGER NOT NULL REFERENCES app(id),
    oid TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    conclusion TEXT,
    external_id TEXT NOT NULL,
    details_url TEXT,
    started TEXT,
    completed TEXT,
    title TEXT,
    summary TEXT,
    text TEXT,
    annotations INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX check_run_oid ON check_run (repo_id, oid, id);
"""

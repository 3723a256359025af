"""The tables of webhooks: where to send what, and what was sent."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {"hook": 701_000_000, "delivery": 2_305_000_000}

TABLES: Final = """
CREATE TABLE hook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo(id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    content_type TEXT NOT NULL CHECK (content_type IN ('json', 'form')),
    secret TEXT,
    insecure_ssl TEXT NOT NULL,
    events TEXT NOT NULL,
    active INTEGER NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE INDEX hook_repo ON hook (repo_id, id);
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hook_id INTEGER NOT NULL REFERENCES hook(id) ON DELETE CASCADE,
    guid TEXT NOT NULL,
    event TEXT NOT NULL,
    action TEXT,
    payload TEXT NOT NULL,
    redelivery INTEGER NOT NULL,
    created TEXT NOT NULL,
    sent TEXT,
    url TEXT,
    request_headers TEXT,
    duration REAL,
    status TEXT,
    status_code INTEGER,
    response_headers TEXT,
    response_body TEXT
);
CREATE INDEX delivery_hook ON delivery (hook_id, id);
CREATE INDEX delivery_waiting ON delivery (id) WHERE sent IS NULL;
CREATE TABLE hook_host (name TEXT PRIMARY KEY);
"""

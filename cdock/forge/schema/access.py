"""The tables of kinds of tokens: fine-grained ones, Apps and their installations."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {"app": 901_000, "installation": 50_303_000}

TABLES: Final = """
CREATE TABLE app (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT NOT NULL,
    bot_id INTEGER NOT NULL UNIQUE REFERENCES user(id),
    owner_id INTEGER NOT NULL REFERENCES user(id),
    public_key TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE installation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id INTEGER NOT NULL REFERENCES app(id),
    account_id INTEGER NOT NULL REFERENCES user(id),
    created TEXT NOT NULL,
    UNIQUE (app_id, account_id)
);
CREATE TABLE installation_repo (
    installation_id INTEGER NOT NULL REFERENCES installation(id) ON DELETE CASCADE,
    repo_id INTEGER NOT NULL REFERENCES repo(id) ON DELETE CASCADE,
    PRIMARY KEY (installation_id, repo_id)
);
ALTER TABLE token ADD COLUMN kind TEXT NOT NULL DEFAULT 'classic' CHECK (kind IN ('classic', 'fine', 'app'));
ALTER TABLE token ADD COLUMN expires TEXT;
ALTER TABLE token ADD COLUMN permissions TEXT;
ALTER TABLE token ADD COLUMN installation_id INTEGER REFERENCES installation(id);
ALTER TABLE token ADD COLUMN repo_ids TEXT;
"""

"""Everything the forge holds, put aside under a name and brought back."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from cdock.forge.store import BUSY_LIMIT, Store

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def save(store: Store, name: str) -> None:
    """Put a copy aside, over one of the same name. Nobody may be at work. Raises ValueError for a name that is none."""
    place = _place(store, name)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with _database(store.data_dir / "forge.db") as live, _database(place / "forge.db") as copy:
        live.backup(copy)
    shutil.copytree(store.repos_root, place / "repos", symlinks=True)


def bring_back(store: Store, name: str) -> None:
    """Make everything as it was when the copy was made. Nobody may be at work. Raises ValueError when there is none."""
    place = _place(store, name)
    if not (place / "forge.db").exists():
        raise ValueError(f"there is no snapshot '{name}'")
    with _database(place / "forge.db") as copy, _database(store.data_dir / "forge.db") as live:
        # Within the open database: connections that the store keeps go on with the new content.
        copy.backup(live)
    shutil.rmtree(store.repos_root)
    shutil.copytree(place / "repos", store.repos_root, symlinks=True)


def _place(store: Store, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not a name of a snapshot: use letters, digits, . _ and -")
    return store.data_dir / "snapshots" / name


def _database(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, timeout=BUSY_LIMIT))

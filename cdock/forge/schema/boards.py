"""The tables of boards: projects, their fields, items and values."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {}

TABLES: Final = ""

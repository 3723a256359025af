"""The tables of sub-issues and dependencies."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {}

TABLES: Final = ""

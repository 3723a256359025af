"""The tables of reviews, their threads and comments, check runs."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {}

TABLES: Final = ""

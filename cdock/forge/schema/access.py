"""The tables of kinds of tokens: fine-grained ones, Apps and their installations."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {}

TABLES: Final = ""

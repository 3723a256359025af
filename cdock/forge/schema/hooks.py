"""The tables of webhooks and their deliveries."""

from __future__ import annotations

from typing import Final

FIRST_IDS: Final[dict[str, int]] = {}

TABLES: Final = ""

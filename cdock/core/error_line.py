"""The line of an error that names it, where there is room for one only."""

import re

# What the entry script prints after an acceptance command: true of nearly every one that failed.
_EXIT = re.compile(r"\s*\[exit \d+\]\s*")


def error_line(error: str) -> str:
    """The last line that says something, without blanks around it; empty for an error without words."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    telling = [line for line in lines if not _EXIT.fullmatch(line)]
    return (telling or lines or [""])[-1]

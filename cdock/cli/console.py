"""Where words go: data to stdout, talk to stderr, colour only where a person looks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def data() -> "Console":
    """The console for what was asked for."""
    from rich.console import Console

    return Console(highlight=False)


def talk() -> "Console":
    """The console for progress, hints and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


# Meaning is never in a colour alone: a glyph, a word, a colour.
LOOKS: dict[str, tuple[str, str]] = {
    "ready": ("○", "dim"),
    "claimed": ("◔", "cyan"),
    "in-progress": ("▶", "cyan"),
    "needs-help": ("?", "yellow"),
    "failed": ("✗", "red"),
    "in-review": ("◉", "blue"),
    "done": ("✓", "green"),
    "cancelled": ("■", "dim"),
    "waiting": ("Ⅱ", "yellow"),
    "planned": ("▷", "cyan"),
    # How tasks of a plan stand that nobody works on.
    "later": ("○", "dim"),
    "held": ("□", "yellow"),
    "left": ("□", "red"),
    "dropped": ("–", "dim"),
}


def clean(text: str) -> str:
    """`text` of an agent or a stranger, fit for a terminal: one line, no control characters."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    return " ".join(text.split())


def ago(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `2 d`."""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86_400)} d"

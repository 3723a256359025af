"""What the poller says while it works: the loop's log records as lines for people."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from cdock.cli.console import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# The loop's fixed sentences, how they look, and which field of the record follows.
_LINES: dict[str, tuple[str, str, str]] = {
    "claimed": ("●", "cyan", "text"),
    "took over an expired claim": ("●", "cyan", ""),
    "workspace ready": ("·", "dim", "text"),
    "attempt starts": ("▶", "cyan", "attempt"),
    "answered by a person": ("▶", "cyan", "text"),
    "acceptance starts": ("▶", "cyan", ""),
    "new commits": ("+", "green", "text"),
    "pushed": ("↑", "green", "text"),
    "pull request open": ("◉", "bold blue", "text"),
    "asked for help": ("?", "bold yellow", "text"),
    "stopping": ("■", "yellow", "text"),
    "delivered": ("↑", "green", "text"),
    "workspace removed": ("·", "dim", ""),
    "released": ("✓", "green", ""),
    "command": ("/", "cyan", "text"),
    "changed after its approval": ("!", "yellow", "text"),
    "waiting": ("…", "yellow", "text"),
    "forge is back": ("✓", "green", "text"),
}


class LiveHandler(logging.Handler):
    """Prints each record of the loop as one line on `console`."""

    def __init__(self, console: "Console", *, verbose: bool = False) -> None:
        super().__init__(logging.INFO)
        self._console = console
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        from rich.text import Text

        from cdock.reconciler.house import PLACE

        line = Text()
        line.append(datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S "), "dim")
        if place := PLACE.get():
            line.append(f"{clean(place)} ", "magenta")
        if issue := getattr(record, "issue", None):
            line.append(f"#{issue:<4} ", "bold")
        self._say(record, line)
        self._console.print(line, soft_wrap=True)
        if record.exc_info and self._verbose:
            self._console.print(logging.Formatter().formatException(record.exc_info), markup=False)

    def _say(self, record: logging.LogRecord, line: "Text") -> None:
        sentence = record.getMessage()
        if sentence == "agent":
            kind = str(getattr(record, "kind", "text"))
            glyph = {"tool": "$", "error": "✗", "result": "=", "note": "·"}.get(kind, "“")
            line.append(
                f"  {glyph} {clean(str(getattr(record, 'text', '')))}", "red" if kind == "error" else "dim"
            )
            return
        if sentence == "attempt ended":
            outcome = str(getattr(record, "outcome", ""))
            good = outcome == "succeeded"
            line.append(f"{'✓' if good else '✗'} attempt {getattr(record, 'attempt', '')} {outcome}")
            line.stylize("green" if good else "red", len(line) - len(outcome))
            if error := clean(str(getattr(record, "error", "")).strip().rpartition("\n")[2]):
                line.append(f": {error}", "red")
            return
        glyph, style, field = _LINES.get(sentence, ("!", "yellow", "error"))
        line.append(f"{glyph} {sentence}", style)
        if field and (value := clean(str(getattr(record, field, "")))):
            line.append(f"  {value}")
        if fix := clean(str(getattr(record, "fix", ""))):
            line.append(f"  fix: {fix}", "dim")


def listen(console: "Console", *, verbose: bool = False) -> logging.Handler:
    """Print what the loop says from now on; the handler, to be removed when enough was heard."""
    handler = LiveHandler(console, verbose=verbose)
    log = logging.getLogger("cdock")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    return handler

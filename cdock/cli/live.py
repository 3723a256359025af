"""What the poller says while it works: the loop's log records as lines for people."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from cdock.cli.console import clean
from cdock.core.error_line import error_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from cdock.wiring import Site

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
    "message sent": ("→", "cyan", "text"),
    "message read": ("✓", "cyan", "text"),
    "handoff asked": ("⇄", "yellow", "text"),
    "provider limit": ("…", "yellow", "text"),
    "draft pull request": ("◉", "blue", "text"),
    "ready for review": ("◉", "bold blue", "text"),
    "review round": ("◉", "cyan", "text"),
    "checks failed": ("✗", "yellow", "text"),
    "conflict": ("✗", "yellow", "text"),
    "a person has the terminal": ("☻", "bold yellow", "text"),
    "control is back": ("▶", "cyan", "text"),
    "second opinion": ("⚖", "cyan", "text"),
    "dropped": ("–", "yellow", "text"),
    "plan published": ("◉", "bold blue", "text"),
    "plan waits": ("…", "yellow", "error"),
    "board waits": ("…", "yellow", "error"),
    "decided": ("☻", "cyan", "text"),
    "tasks may start": ("○", "cyan", "text"),
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
            if error := clean(error_line(str(getattr(record, "error", "")))):
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


@contextmanager
def journaled(sites: "Mapping[str, Site]") -> Iterator[None]:
    """Write the journals of the tasks of these clones, each under the name that its house has in the log."""
    from cdock.wiring import journal

    log, handlers = logging.getLogger("cdock"), []
    log.setLevel(logging.INFO)
    for name, of in sites.items():
        handler = journal(of)
        handler.addFilter(_only_of(name))
        handlers.append(handler)
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()


def _only_of(name: str) -> Callable[[logging.LogRecord], bool]:
    """Lets pass what is logged while a step of the house of this name is done."""
    from cdock.reconciler.house import PLACE

    return lambda _: PLACE.get() == name

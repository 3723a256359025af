"""Lines an agent printed: parsed without trust, and made fit to be shown.

An agent prints what strangers wrote. Whatever it is, nothing here raises, and what is shown holds no control
characters, no bidirectional overrides and no lone surrogates, so that it can neither repaint a terminal nor break
an encoder.
"""

import json
import re
import unicodedata
from collections.abc import Mapping

from cdock.core.events import Event

EVENT_LIMIT = 200
"""Characters of an event's text."""

TEXT_LIMIT = 8000
"""Characters kept of an error or of a tail; what is told of it is never longer."""

ANSWER_LIMIT = 400_000
"""Characters kept of the newest text: an answer by a schema, such as a plan of a hundred tasks, is of no use cut."""

STOP_SIGNALS = frozenset({1, 2, 9, 15})
"""HUP, INT, KILL and TERM: somebody ended the run. Other signals, such as SEGV, are the program's own failure."""

STDERR_HEADING = "[stderr]"
"""The line that divides, in the log of a run, what a program printed from the end of its error output."""

_OPENINGS = ("{", "```json")
"""Lines that an answer as JSON begins with, where it has many lines."""
_GATHERED = 100_000
"""Characters of such an answer: each line of it costs as much as all before it."""
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_UNSEEN = frozenset({"Cf", "Cs"})


def object_of(line: str) -> Mapping[str, object] | None:
    """The JSON object that the line is, or None when it is anything else."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):  # a number of 5,000 digits is a ValueError, deep nesting the other
        return None
    return value if isinstance(value, dict) else None


def table(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Mapping[str, object]]:
    """The JSON objects in the value, if it is a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def word(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def words(text: str) -> list[str]:
    """The words in a JSON list of a setting; empty when it is anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def number(value: object) -> float:
    """The value if it is a number a sum may hold, else 0."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return float(value) if fits and isinstance(value, int | float) else 0.0


def count(value: object) -> int:
    """The value if it is a number, as an integer."""
    return int(number(value))


def shown(text: str, *, limit: int = EVENT_LIMIT) -> str:
    """The text on one line, at most `limit` characters long."""
    # Cutting first keeps a line of a megabyte from costing a megabyte of work; blanks may still shrink it.
    line = " ".join(_harmless(text[: 4 * limit]).split())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 1].rstrip()}…"


def kept(text: str, *, limit: int = TEXT_LIMIT) -> str:
    """The text with its line breaks, at most `limit` characters long: what is beyond is cut off."""
    lines = text[:limit].replace("\r\n", "\n").split("\n")
    return "\n".join(_harmless(line).rstrip() for line in lines).strip("\n")


def gathered(text: str, line: str, *, lines: int) -> str:
    """The newest text of a program after one more line: the last few, or the whole of an answer as JSON over many."""
    line = kept(line, limit=_GATHERED if line.startswith("{") else TEXT_LIMIT)
    if text.partition("\n")[0] in _OPENINGS and len(text) + len(line) < _GATHERED:
        return f"{text}\n{line}"
    if line in _OPENINGS:
        return line
    return "\n".join([*text.split("\n"), line][-lines:]).strip("\n")[-ANSWER_LIMIT:]


def _harmless(text: str) -> str:
    kinds = ((c, unicodedata.category(c)) for c in _ANSI.sub("", text))
    return "".join(" " if kind in _BREAKS else c for c, kind in kinds if kind not in _UNSEEN)


def last_lines(tail: str, *, lines: int = 20) -> str:
    """The last lines of an output that say anything."""
    spoken = [line for line in tail.splitlines() if line.strip() not in ("", STDERR_HEADING)]
    return kept("\n".join(spoken[-lines:])[-TEXT_LIMIT:])


def words_after(tail: str) -> str:
    """The last lines after the last JSON event: what a program said on its error output, which is printed last."""
    lines = tail.splitlines()
    events = [place for place, line in enumerate(lines) if line.lstrip().startswith("{")]
    return last_lines("\n".join(lines[events[-1] + 1 :] if events else lines))


def said(kind: str, text: str) -> tuple[Event, ...]:
    """The event, unless there is nothing to show."""
    line = shown(text)
    return (Event(kind, line),) if line else ()


def signal_of(exit_code: int) -> int:
    """The signal a program died of, or 0: shells and engines say 128 + n, Python says -n."""
    if exit_code < 0:
        return -exit_code
    return exit_code - 128 if 128 < exit_code < 160 else 0


def how_it_died(exit_code: int) -> str:
    """The exit code in words."""
    died_of = signal_of(exit_code)
    return f"signal {died_of} ended it" if died_of else f"it ended with exit code {exit_code}"

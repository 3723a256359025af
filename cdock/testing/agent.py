"""An agent whose printed lines say what it does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cdock.core.errands import APPROVED
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict
from cdock.core.task import Cap

ABLE = Capabilities(resume=True, live=True, turns=True, cost=True, context=True, limits=True, attach=True)
UNABLE = Capabilities(resume=True)


@dataclass(frozen=True)
class MemoryAgent:
    """Its last printed line says how it ended: `done …` or `APPROVED`, or anything else for a failure.

    Lines that begin with a colon are orders: `:propose JSON`, `:cost 1.5`, `:turns 3`, `:context 80`, `:heard UID`,
    `:limit` with a time or none, `:capped turns`, `:full`.
    """

    name: str = "memory"
    can: Capabilities = UNABLE

    def start(self, job: Job) -> Launch:
        """See `Agent`."""
        return self._launch(job)

    def resume(self, job: Job) -> Launch:
        """See `Agent`."""
        return self._launch(job, "--resume")

    def _launch(self, job: Job, *more: str) -> Launch:
        argv = ("agent", *more, job.session)
        return Launch(argv=argv, stdin=job.prompt, until=_END if self.can.live else "")

    def attach(self, job: Job) -> Launch:
        """See `Agent`."""
        return Launch(argv=("agent", "--terminal", job.session), terminal=True)

    def say(self, text: str, *, uid: str) -> str:
        """See `Agent`."""
        return f"{uid} {text}".replace("\n", "\\n")

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """See `Agent`."""
        if line.startswith(_PROPOSE):
            text = line.removeprefix(_PROPOSE)
            return replace(reading, text=text, ok=True), (Event("text", text[:200]),)
        said = "".join(c if c.isprintable() else " " for c in line[:200]).strip()
        if not said:
            return reading, ()
        if said.startswith(":"):
            return _ordered(reading, *said[1:].partition(" ")[::2]), ()
        return replace(reading, text=said, turns=reading.turns + 1), (Event("text", said),)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """See `Agent`."""
        text = reading.text or tail.strip().rpartition("\n")[2] or f"exit code {exit_code}"
        spent = Verdict("", text, turns=reading.turns, cost=reading.cost)
        if reading.reason == "limit":
            return replace(spent, kind=Ending.LIMITED, until=reading.until)
        if reading.reason == "full":
            return replace(spent, kind=Ending.FULL)
        if reading.reason:
            return replace(spent, kind=Ending.CAPPED, cap=Cap(reading.reason))
        if exit_code == 0 and (reading.ok or reading.text.startswith((_END, APPROVED))):
            return replace(spent, kind=Ending.DONE)
        return replace(spent, kind=Ending.STOPPED if exit_code in _STOPPED else Ending.FAILED)


_PROPOSE = ":propose "
_END = "done"
"""What its last words begin with when it has done what it was started for; it listens no more after that."""


def _ordered(reading: Reading, order: str, value: str) -> Reading:
    match order:
        case "cost":
            return replace(reading, cost=float(value))
        case "turns":
            return replace(reading, turns=int(value))
        case "context":
            return replace(reading, context=int(value), window=100)
        case "heard":
            return replace(reading, heard=reading.heard | {value})
        case "limit":
            return replace(reading, reason="limit", until=datetime.fromisoformat(value) if value else None)
        case "capped":
            return replace(reading, reason=value)
        case "full":
            return replace(reading, reason="full")
        case _:
            return reading


_STOPPED = frozenset(code for signal in (1, 2, 9, 15) for code in (-signal, 128 + signal))
"""Exit codes of what was ended from outside."""

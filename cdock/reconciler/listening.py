"""Wait for a run of an agent that somebody looks at: what it does is told as it comes, and it is ended in time."""

from collections.abc import Callable

from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Event, Reading
from cdock.core.policy import Policy
from cdock.core.runs import Run, Verdict
from cdock.ports import Agent, Clock, Runner

STEP = 0.3
"""Seconds between two looks at the run."""
SHARE = 5
"""One part in so many of the time may go into asking for its output."""
TAIL = 16_384
"""Characters of output that explain an end."""
LINE_LIMIT = 4_000_000
"""Bytes of one line that are read; the rest of a longer one is junk to every agent's reader."""


class Heard:
    """What was read of a run so far."""

    def __init__(self, agent: Agent, on_event: Callable[[Event], None]) -> None:
        self._agent = agent
        self._on_event = on_event
        self._rest = b""
        self.reading = Reading()
        self.read = 0
        self.tail = ""

    def take(self, fresh: bytes) -> None:
        """More of its output."""
        self.read += len(fresh)
        *lines, rest = (self._rest + fresh).split(b"\n")
        self._rest = rest[:LINE_LIMIT]
        for line in lines:
            self._add(line)

    def finish(self) -> None:
        """It prints no more."""
        rest, self._rest = self._rest, b""
        if rest:
            self._add(rest)

    def _add(self, line: bytes) -> None:
        text = line[:LINE_LIMIT].decode("utf-8", "replace")
        self.tail = f"{self.tail}{text}\n"[-TAIL:]
        self.reading, events = self._agent.read(self.reading, text)
        for event in events:
            self._on_event(event)


def follow(runner: Runner, run: Run, heard: Heard, *, agent: Agent, clock: Clock, policy: Policy) -> Verdict:
    """How the run ended by itself; its time box and its signs of life are those of an attempt.

    Raises:
        Refused: its time was up, or it gave no sign of life for too long.
        Unavailable: it is gone, or the clock was asked to end.
    """
    begun = quiet = clock.elapsed()
    late = ""
    while True:
        seen = next((each for each in runner.list() if each.name == run.name), None)
        if seen is None:
            raise Unavailable(f"the run {run.name} is gone", tried="waiting for its end", fix="say it again")
        asked = clock.elapsed()
        # Looked at before it is read: what has ended prints nothing more.
        fresh = runner.output(run.name, offset=heard.read)
        heard.take(fresh)
        now = clock.elapsed()
        quiet = now if fresh else quiet
        if not seen.alive:
            heard.finish()
            if late:
                raise Refused(late, code="CD492", tried=f"waiting for {agent.name}", fix=_LONGER)
            code = seen.exit_code if seen.exit_code is not None else 1
            return agent.end(heard.reading, exit_code=code, tail=f"{heard.tail}\n{seen.error}")
        if not late and (late := _late(agent.name, policy, since=now - begun, silent=now - quiet)):
            runner.stop(run.name, grace=policy.stop_grace.total_seconds())
        elif clock.sleep(max(STEP, SHARE * (now - asked))):
            raise Unavailable(f"{run.name} was not waited for", tried="talking to it", fix="say it again")


_LONGER = "say it again, or something smaller; cdock.toml sets `time_box` and `stall` below [budget]"


def _late(name: str, policy: Policy, *, since: float, silent: float) -> str:
    """Why the run has to end now."""
    if since >= policy.time_box.total_seconds():
        return f"{name} had no answer within {policy.time_box.total_seconds() / 60:g} minutes"
    if silent >= policy.stall.total_seconds():
        return f"{name} gave no sign of life for {policy.stall.total_seconds() / 60:g} minutes"
    return ""

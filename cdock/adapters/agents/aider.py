"""Aider as an agent: `--message-file`, and words for people as its only output; observed on 0.86.2.

It ends with code 0 whatever happened, so its failures are known by what it prints. It has no conversations with ids;
one that goes on is given the text of the one before.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdock.adapters.agents import failing
from cdock.adapters.agents.lines import (
    STOP_SIGNALS,
    gathered,
    how_it_died,
    kept,
    last_lines,
    number,
    said,
    shown,
    signal_of,
    words,
)
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict

_ENV: Mapping[str, str] = {"AIDER_ANALYTICS": "false", "LANG": "C.UTF-8"}
_PROMPT_FILE = "{run}/prompt.md"
_TEXT_LINES = 5

_FAILED = re.compile(
    r"litellm\.\w{1,60}(?:Error|Exception|Timeout|Unavailable)\b|has hit a token limit"
    r"|SEARCH/REPLACE blocks? failed|Only 3 reflections allowed"
)
_USED = re.compile(r"^Tokens: ([\d.]{1,12})(k?) sent,.{0,60} ([\d.]{1,12})(k?) received")
_COST = re.compile(r"Cost: \$[\d.]{1,12} message, \$([\d.]{1,12}) session")


@dataclass(frozen=True)
class AiderAgent:
    """The `aider` program. It tells tokens and money of each answer."""

    name: str = "aider"

    @property
    def can(self) -> Capabilities:
        """What its words tell."""
        return Capabilities(resume=True, turns=True, cost=True)

    def start(self, job: Job) -> Launch:
        """A new conversation, in a file of its own name."""
        return _launch(job)

    def resume(self, job: Job) -> Launch:
        """The text of the conversation `job.session` comes before the new message."""
        return _launch(job, "--restore-chat-history")

    def attach(self, job: Job) -> Launch:
        """Not known to work without questions."""
        raise NotImplementedError

    def say(self, text: str, *, uid: str) -> str:
        """It cannot be spoken to while it works."""
        raise NotImplementedError

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Every line that is not blank is text, but those about what it cost and what went wrong."""
        text = shown(line)
        if not text:
            return reading, ()
        if used := _USED.search(line[:400]):
            return _counted(reading, used, line), said("note", text)
        if _FAILED.search(line[:4000]):
            return replace(reading, error=kept(line), ok=False), said("error", text)
        return replace(reading, text=gathered(reading.text, line, lines=_TEXT_LINES)), said("text", text)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """Done is what ended with code 0 and with no failure after the last answer of the model."""
        kind, text = _ending(reading, exit_code, tail)
        return Verdict(
            kind,
            text,
            session=reading.session,
            turns=reading.turns,
            tokens=reading.tokens,
            cost=reading.cost,
        )


def _launch(job: Job, *flags: str) -> Launch:
    history = f"{{state}}/aider-{job.session}"
    argv = ["aider", "--message-file", _PROMPT_FILE, "--yes-always", "--no-pretty", "--no-stream"]
    argv += ["--no-check-update", "--no-show-release-notes", "--no-gitignore", "--no-show-model-warnings"]
    argv += ["--chat-history-file", f"{history}.md", "--input-history-file", f"{history}.input"]
    argv += [*flags, *(["--model", job.model] if job.model else []), *words(job.settings.get("args", "[]"))]
    return Launch(tuple(argv), env=_ENV, files={_PROMPT_FILE: job.prompt})


def _counted(reading: Reading, used: re.Match[str], line: str) -> Reading:
    """An answer of the model: what went wrong before was tried again."""
    tokens = _number(used[1], used[2]) + _number(used[3], used[4])
    money = _COST.search(line[:400])
    cost = _number(money[1]) if money else reading.cost
    return replace(
        reading, turns=reading.turns + 1, tokens=reading.tokens + int(tokens), cost=cost, error="", ok=True
    )


def _number(digits: str, thousand: str = "") -> float:
    try:
        return number(float(digits)) * (1000 if thousand else 1)
    except ValueError:
        return 0.0


def _ending(reading: Reading, exit_code: int, tail: str) -> tuple[Ending, str]:
    if signal_of(exit_code) in STOP_SIGNALS:
        return Ending.STOPPED, how_it_died(exit_code)
    if reading.error:
        return failing.kind_of(reading.error), reading.error
    if exit_code != 0:
        return Ending.FAILED, last_lines(tail) or how_it_died(exit_code)
    if not reading.ok:
        return Ending.FAILED, last_lines(tail) or "the model never answered"
    return Ending.DONE, reading.text or "It said nothing."

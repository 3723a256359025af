"""Any program as an agent: configured, not coded.

Its table in the configuration has `argv`, a list, in which `{prompt_file}`, `{model}` and `{session}` (an id of ours)
are replaced; without a `{prompt_file}` the prompt comes on standard input. `resume` is the like, for a conversation
that goes on; without it a program is started again, with a prompt that says what happened. `ok_codes`, a list, are the
exit codes that mean success. What a program only tells in words is found by patterns, line by line: `ok_regex` (needed
for a success), `error_regex` (a failure, whatever the exit code), and, each with one group, `session_regex` (its own
id of the conversation) and `cost_regex` (US dollars of the whole run so far).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cdock.adapters.agents import failing
from cdock.adapters.agents.lines import (
    STDERR_HEADING,
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
from cdock.core.errors import Misconfigured
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict

_PROMPT_FILE = "{run}/prompt.md"
_TEXT_LINES = 5
_LINE_LIMIT = 8000
"""Characters of a line that patterns look at."""
_PLACES = re.compile(r"\{prompt_file\}|\{model\}|\{session\}")
_PATTERNS: Mapping[str, int] = {"ok_regex": 0, "error_regex": 0, "session_regex": 1, "cost_regex": 1}
"""The settings that are patterns, and how many groups each needs; 0 means that it does not matter."""


@dataclass(frozen=True)
class CommandAgent:
    """The program named by `argv` in the settings of a job, which hold lists as JSON text."""

    name: str = "command"
    ok_codes: frozenset[int] = frozenset({0})
    resumes: bool = False
    patterns: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    """By the name of the setting; one that is not configured is not there."""

    @property
    def can(self) -> Capabilities:
        """What is configured."""
        return Capabilities(resume=self.resumes, cost="cost_regex" in self.patterns)

    def start(self, job: Job) -> Launch:
        """Run the program. Raises `Misconfigured` when there is no usable `argv`."""
        return self._launch(job, "argv")

    def resume(self, job: Job) -> Launch:
        """By `resume`, or the same as a start. Raises `Misconfigured` when it is not usable."""
        return self._launch(job, "resume" if self.resumes else "argv")

    def attach(self, job: Job) -> Launch:
        """It has no terminal that we know of."""
        raise NotImplementedError

    def say(self, text: str, *, uid: str) -> str:
        """It cannot be spoken to while it works."""
        raise NotImplementedError

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Every line that is not blank is text, until the program has ended: its error output are notes."""
        text = shown(line)
        if line.strip() == STDERR_HEADING:
            return replace(reading, ended=True), ()
        if not text:
            return reading, ()
        reading = self._found(reading, line[:_LINE_LIMIT])
        if reading.ended:
            return reading, (Event("note", text),)
        return replace(reading, text=gathered(reading.text, line, lines=_TEXT_LINES)), said("text", text)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """The exit code decides, and the patterns; the last lines are the text."""

        def verdict(kind: Ending, text: str) -> Verdict:
            return Verdict(kind, text, session=reading.session, cost=reading.cost)

        if signal_of(exit_code) in STOP_SIGNALS and exit_code not in self.ok_codes:
            return verdict(Ending.STOPPED, how_it_died(exit_code))
        if reading.error:
            return verdict(failing.kind_of(reading.error), reading.error)
        if exit_code not in self.ok_codes:
            return verdict(Ending.FAILED, last_lines(tail) or how_it_died(exit_code))
        if "ok_regex" in self.patterns and not reading.ok:
            return verdict(Ending.FAILED, last_lines(tail) or "it did not say that it was done")
        return verdict(Ending.DONE, reading.text)

    def _launch(self, job: Job, setting: str) -> Launch:
        argv = _argv(job.settings, setting, name=self.name)
        values = {"{prompt_file}": _PROMPT_FILE, "{model}": job.model, "{session}": job.session}
        filled = tuple(_PLACES.sub(lambda place: values[place[0]], part) for part in argv)
        if any("{prompt_file}" in part for part in argv):
            return Launch(filled, files={_PROMPT_FILE: job.prompt})
        return Launch(filled, stdin=job.prompt)

    def _found(self, reading: Reading, line: str) -> Reading:
        found = {name: match for name, pattern in self.patterns.items() if (match := pattern.search(line))}
        if "ok_regex" in found:
            reading = replace(reading, ok=True)
        if "error_regex" in found:
            reading = replace(reading, error=reading.error or kept(line))
        if match := found.get("session_regex"):
            reading = replace(reading, session=match[1] or reading.session)
        if match := found.get("cost_regex"):
            reading = replace(reading, cost=_dollars(match[1]) or reading.cost)
        return reading


def command_agent(name: str, settings: Mapping[str, str]) -> CommandAgent:
    """The agent as configured. Raises `Misconfigured` when its exit codes or patterns cannot be used."""
    codes = _list(settings.get("ok_codes", "[0]"))
    numbers = frozenset(code for code in codes if type(code) is int)
    if not codes or len(numbers) != len(codes):
        raise Misconfigured(
            f"the exit codes of the agent {name!r} are no list of numbers",
            tried=f"reading `ok_codes` of the agent {name!r}",
            fix="set it to the exit codes that mean success, such as ok_codes = [0]",
        )
    resumes = bool(words(settings.get("resume", "[]")))
    return CommandAgent(name, numbers, resumes, patterns=dict(_patterns(name, settings)))


def _patterns(name: str, settings: Mapping[str, str]) -> Iterator[tuple[str, re.Pattern[str]]]:
    for setting, groups in _PATTERNS.items():
        text = settings.get(setting, "")
        if not text:
            continue
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise Misconfigured(
                f"the pattern `{setting}` of the agent {name!r} is none: {error}",
                tried=f"reading {text!r}",
                fix="mend it; it is a regular expression of Python",
            ) from error
        if groups and pattern.groups != groups:
            raise Misconfigured(
                f"the pattern `{setting}` of the agent {name!r} needs one group",
                tried=f"reading {text!r}",
                fix="put what is to be found in parentheses, such as cost_regex = 'Cost: \\$([0-9.]+)'",
            )
        yield setting, pattern


def _dollars(text: str) -> float:
    try:
        return number(float(text))
    except (TypeError, ValueError):
        return 0.0


def _argv(settings: Mapping[str, str], setting: str, *, name: str) -> list[str]:
    argv = _list(settings.get(setting, "[]"))
    if not argv or not argv[0] or not all(isinstance(part, str) for part in argv):
        raise Misconfigured(
            f"the agent {name!r} has no command to run",
            tried=f"reading `{setting}` of the agent {name!r}",
            fix=f'set it to a list of words, such as {setting} = ["aider", "--message-file", "{{prompt_file}}"]',
        )
    return [str(part) for part in argv]


def _list(text: str) -> list[object]:
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else []

"""Any program as an agent: configured, not coded.

Its table in the configuration has `argv`, a list, in which `{prompt_file}` and `{model}` are replaced; without a
`{prompt_file}` the prompt comes on standard input. `ok_codes`, a list, are the exit codes that mean success. Such a
program has no conversation that could go on, so resuming starts it again, with a prompt that says what happened.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdock.adapters.agents.lines import (
    STDERR_HEADING,
    STOP_SIGNALS,
    how_it_died,
    kept,
    last_lines,
    shown,
    signal_of,
)
from cdock.core.errors import Misconfigured
from cdock.core.events import Ending, Event, Job, Launch, Reading
from cdock.core.model import Verdict

_PROMPT_FILE = "{run}/prompt.md"
_TEXT_LINES = 5


@dataclass(frozen=True)
class CommandAgent:
    """The program named by `argv` in the settings of a job, which hold lists as JSON text."""

    name: str = "command"
    ok_codes: frozenset[int] = frozenset({0})

    def start(self, job: Job) -> Launch:
        """Run the program. Raises `Misconfigured` when there is no usable `argv`."""
        argv = _argv(job.settings, name=self.name)
        filled = (p.replace("{prompt_file}", _PROMPT_FILE).replace("{model}", job.model) for p in argv)
        if any("{prompt_file}" in part for part in argv):
            return Launch(tuple(filled), files={_PROMPT_FILE: job.prompt})
        return Launch(tuple(filled), stdin=job.prompt)

    def resume(self, job: Job) -> Launch:
        """The same as a start."""
        return self.start(job)

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Every line that is not blank is text, until the program has ended: its error output are notes."""
        said = shown(line)
        if line.strip() == STDERR_HEADING:
            return replace(reading, ended=True), ()
        if not said or reading.ended:
            return reading, (Event("note", said),) if said else ()
        newest = [*reading.text.split("\n"), kept(line)][-_TEXT_LINES:]
        return replace(reading, text="\n".join(newest).strip("\n")), (Event("text", said),)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """The exit code decides; the last lines are the text."""
        if exit_code in self.ok_codes:
            return Verdict(Ending.DONE, reading.text, reading.session)
        if signal_of(exit_code) in STOP_SIGNALS:
            return Verdict(Ending.STOPPED, how_it_died(exit_code), reading.session)
        return Verdict(Ending.FAILED, last_lines(tail) or how_it_died(exit_code), reading.session)


def command_agent(name: str, settings: Mapping[str, str]) -> CommandAgent:
    """The agent as configured. Raises `Misconfigured` when `ok_codes` is no list of numbers."""
    codes = _list(settings.get("ok_codes", "[0]"))
    numbers = frozenset(code for code in codes if type(code) is int)
    if not codes or len(numbers) != len(codes):
        raise Misconfigured(
            f"the exit codes of the agent {name!r} are no list of numbers",
            tried=f"reading `ok_codes` of the agent {name!r}",
            fix="set it to the exit codes that mean success, such as ok_codes = [0]",
        )
    return CommandAgent(name, numbers)


def _argv(settings: Mapping[str, str], *, name: str) -> list[str]:
    argv = _list(settings.get("argv", "[]"))
    if not argv or not argv[0] or not all(isinstance(part, str) for part in argv):
        raise Misconfigured(
            f"the agent {name!r} has no command to run",
            tried=f"reading `argv` of the agent {name!r}",
            fix='set it to a list of words, such as argv = ["aider", "--message-file", "{prompt_file}"]',
        )
    return [str(part) for part in argv]


def _list(text: str) -> list[object]:
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else []

"""The scripted agent: plays what a script says, for the demonstration and for tests.

Settings of a job: `script` (the steps, described in `scripted_agent`), `task` (the slug of the worktree), `attempt`
(its number within the round), `cause` (why it was started, a word of `cdock.core.task.Cause`) and `answer` (what a
person said, if somebody did).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from cdock.adapters.agents import failing
from cdock.adapters.agents.lines import (
    ANSWER_LIMIT,
    STOP_SIGNALS,
    count,
    how_it_died,
    kept,
    number,
    object_of,
    said,
    signal_of,
    word,
    words_after,
)
from cdock.core.errors import Misconfigured
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict

_ENDINGS: Mapping[str, Ending] = {
    "limited": Ending.LIMITED,
    "unavailable": Ending.UNAVAILABLE,
    "auth": Ending.AUTH,
    "full": Ending.FULL,
}


@dataclass(frozen=True)
class ScriptedAgent:
    """The program of `scripted_agent.py`, shipped into the run and started with its `python3`."""

    name: str = "scripted"

    @property
    def can(self) -> Capabilities:
        """All there is, so that all can be tried with it."""
        return Capabilities(
            resume=True, live=True, turns=True, cost=True, context=True, limits=True, attach=True
        )

    def start(self, job: Job) -> Launch:
        """Play an attempt. Raises `Misconfigured` when there is no script."""
        return _launch(job, name=self.name)

    def resume(self, job: Job) -> Launch:
        """Play what comes after an answer, or whatever else it was started for."""
        return _launch(job, "--resumed", name=self.name)

    def attach(self, job: Job) -> Launch:
        """A prompt that runs commands, until `exit`."""
        argv = ("python3", "{run}/scripted_agent.py", "--terminal", "--session", job.session)
        return Launch(argv, files={"{run}/scripted_agent.py": _program()}, terminal=True)

    def say(self, text: str, *, uid: str) -> str:
        """It listens between two steps."""
        return json.dumps({"uid": uid, "text": text})

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Fold one event of the program; other lines are notes."""
        event = object_of(line)
        if event is None:
            return reading, () if line.lstrip().startswith("{") else said("note", line)
        return _fold(reading, event)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """Done needs the program's own good end and exit code 0."""
        kind, text = _ending(reading, exit_code, words_after(tail))
        return Verdict(
            kind=kind,
            text=text,
            session=reading.session,
            turns=reading.turns,
            cost=reading.cost,
            until=reading.until,
        )


def _launch(job: Job, *flags: str, name: str) -> Launch:
    script = job.settings.get("script", "")
    if not script:
        raise Misconfigured(
            f"the agent {name!r} has no script to play",
            tried=f"reading `script` of the agent {name!r}",
            fix='set it to the steps as JSON, such as script = \'{"tasks": {"*": {"attempts": [[{"say": "Hi."}]]}}}\'',
        )
    argv = ["python3", "{run}/scripted_agent.py", "--script", "{run}/script.json"]
    argv += ["--task", job.settings.get("task", ""), "--attempt", job.settings.get("attempt", "1")]
    argv += [
        "--session",
        job.session,
        "--cause",
        job.settings.get("cause", ""),
        "--state",
        "{state}/.",
        *flags,
    ]
    files = {
        "{run}/script.json": script,
        "{run}/scripted_agent.py": _program(),
    }
    answer = job.settings.get("answer", "")
    if answer:  # in a file: a stranger's words have no place in the process list
        argv += ["--answer", "{run}/answer.md"]
        files["{run}/answer.md"] = answer
    prompt = json.dumps({"text": job.prompt})
    return Launch(tuple(argv), stdin=f"{prompt}\n", files=files, until='"type": "end"')


@cache
def _program() -> str:
    return resources.files(__package__).joinpath("scripted_agent.py").read_text(encoding="utf-8")


def _fold(reading: Reading, event: Mapping[str, object]) -> tuple[Reading, Sequence[Event]]:
    text = word(event.get("text"))
    match event.get("type"):
        case "session":
            return replace(reading, session=word(event.get("session")) or reading.session), ()
        case "text":
            return replace(reading, text=kept(text, limit=ANSWER_LIMIT), turns=reading.turns + 1), said(
                "text", text
            )
        case "tool":
            call = f"{word(event.get('name'))}: {text}"
            return replace(reading, turns=reading.turns + 1), said("tool", call)
        case "result":
            return reading, said("result", text if event.get("ok") else f"failed: {text}")
        case "heard":
            return replace(reading, heard=reading.heard | {word(event.get("uid"))}), ()
        case "usage":
            used = replace(
                reading,
                turns=reading.turns + count(event.get("turns")),
                cost=reading.cost + number(event.get("cost")),
                context=count(event.get("context")) or reading.context,
                window=count(event.get("window")) or reading.window,
            )
            return used, ()
        case "end":
            error = kept(word(event.get("error")))
            ended = replace(
                reading,
                ended=True,
                ok=event.get("ok") is True,
                reason=word(event.get("reason")),
                error=error,
                until=failing.moment(word(event.get("until"))),
            )
            return ended, said("error", error)
        case _:
            return reading, ()


def _ending(reading: Reading, exit_code: int, words: str) -> tuple[Ending, str]:
    if reading.ended and reading.ok and exit_code == 0:
        return Ending.ASKED if reading.reason == "asked" else Ending.DONE, reading.text
    if signal_of(exit_code) in STOP_SIGNALS:
        return Ending.STOPPED, how_it_died(exit_code)
    kind = _ENDINGS.get(reading.reason, Ending.FAILED)
    return kind, reading.error or words or f"no end was seen: {how_it_died(exit_code)}"

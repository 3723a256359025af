"""Gemini CLI as an agent, by `-o stream-json`; every rule was observed on 0.61.0.

It is told by a settings file which way to log in, and how many turns a run may take. A conversation can be found again
only from the directory it was begun in. When a signal ends it, it ends with code 0: only its result means a good end.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdock.adapters.agents import failing
from cdock.adapters.agents.lines import (
    ANSWER_LIMIT,
    STOP_SIGNALS,
    count,
    how_it_died,
    kept,
    object_of,
    said,
    signal_of,
    table,
    word,
    words,
    words_after,
)
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict
from cdock.core.task import Cap

_ENV: Mapping[str, str] = {
    "GEMINI_CLI_HOME": "{state}/.",
    "GEMINI_CLI_SYSTEM_SETTINGS_PATH": "{state}/gemini.json",
    "GEMINI_CLI_TRUST_WORKSPACE": "true",  # or it refuses to work without asking
    "GEMINI_CLI_NO_RELAUNCH": "true",  # a child of its own would not hear that the run is to end
    "LANG": "C.UTF-8",
}

_TELLING = ("command", "file_path", "path", "pattern", "query", "url", "prompt")
_ENDINGS: Mapping[int, Ending] = {41: Ending.AUTH, 53: Ending.CAPPED}
"""By exit code."""


@dataclass(frozen=True)
class GeminiAgent:
    """The `gemini` program. It tells tokens when its run is over, and no money."""

    name: str = "gemini"

    @property
    def can(self) -> Capabilities:
        """A conversation that goes on, headless or at a terminal."""
        return Capabilities(resume=True, turns=True, limits=True, attach=True)

    def start(self, job: Job) -> Launch:
        """A new conversation with the id we chose."""
        return _headless(job, "--session-id")

    def resume(self, job: Job) -> Launch:
        """The conversation `job.session` goes on."""
        return _headless(job, "--resume")

    def attach(self, job: Job) -> Launch:
        """The same conversation at a terminal."""
        argv = ["gemini", *_common(job)]
        argv += ["--resume", job.session] if job.session else []
        return Launch(tuple(argv), env=_ENV, files=_files(job), terminal=True)

    def say(self, text: str, *, uid: str) -> str:
        """It cannot be spoken to while it works."""
        raise NotImplementedError

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Fold one event. Words outside of the stream are notes."""
        stream = reading if isinstance(reading, _Stream) else _Stream(**vars(reading))
        event = object_of(line)
        if event is None:
            return stream, () if line.lstrip().startswith("{") else said("note", line)
        if event.get("type") == "message" and event.get("delta") is True:
            return replace(stream, part=(stream.part + word(event.get("content")))[:ANSWER_LIMIT]), ()
        stream, events = _spoken(stream)
        handle = _FOLDS.get(word(event.get("type")))
        stream, new = handle(stream, event) if handle else (stream, ())
        return stream, (*events, *new)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """Done needs a good result and exit code 0."""
        kind, text = _ending(reading, exit_code, words_after(tail))
        return Verdict(
            kind,
            text,
            session=reading.session,
            turns=reading.turns,
            tokens=reading.tokens,
            cap=Cap.TURNS if kind is Ending.CAPPED else None,
            until=reading.until if kind is Ending.LIMITED else None,
        )


@dataclass(frozen=True)
class _Stream(Reading):
    """A reading with what the model has said of a message that may go on."""

    part: str = ""


def _headless(job: Job, conversation: str) -> Launch:
    argv = ("gemini", "-o", "stream-json", *_common(job), conversation, job.session)
    return Launch(argv, stdin=job.prompt, env=_ENV, files=_files(job))


def _common(job: Job) -> list[str]:
    argv = ["-y", *(["-m", job.model] if job.model else [])]
    return argv + words(job.settings.get("args", "[]"))


def _files(job: Job) -> Mapping[str, str]:
    # Settings of the system come before those of the repository, which could start servers and hooks otherwise.
    ours = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "model": {"maxSessionTurns": job.max_turns or -1},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "mcp": {"allowed": ["none-of-the-repository"]},
        "hooksConfig": {"enabled": False},
        "advanced": {"ignoreLocalEnv": True},
        "privacy": {"usageStatisticsEnabled": False},
        "ui": {"theme": "Default"},
    }
    return {"{state}/gemini.json": json.dumps(ours), "{state}/.gemini/settings.json": json.dumps(ours)}


def _spoken(stream: _Stream) -> tuple[_Stream, Sequence[Event]]:
    """What the model said up to here is a whole message."""
    if not stream.part:
        return stream, ()
    whole = replace(stream, text=kept(stream.part, limit=ANSWER_LIMIT), turns=stream.turns + 1, part="")
    return whole, said("text", stream.part)


def _init(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    session = word(event.get("session_id")) or stream.session
    return replace(stream, session=session, model=word(event.get("model")), ended=False, ok=False), ()


def _tool(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    given = table(event.get("parameters"))
    telling = next((word(given[key]) for key in _TELLING if word(given.get(key))), "")
    name = word(event.get("tool_name"))
    call = f"{name}: {telling}" if telling else name
    return replace(stream, turns=stream.turns + 1), said("tool", call)


def _used(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    # A shell command that failed is called a success too.
    if event.get("status") == "success":
        return stream, ()
    error = word(event.get("output")) or word(table(event.get("error")).get("message"))
    return stream, said("result", f"failed: {error}")


def _warning(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    return stream, said("note", word(event.get("message")))


def _result(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    ok = event.get("status") == "success"
    failure = table(event.get("error"))
    error = "" if ok else kept(word(failure.get("message")))
    now = failing.moment(word(event.get("timestamp")))
    ended = replace(
        stream,
        ended=True,
        ok=ok,
        reason="success" if ok else word(failure.get("type")),
        error=error,
        tokens=stream.tokens + count(table(event.get("stats")).get("total_tokens")),
        until=failing.end_of_limit(error, now=now),
    )
    return ended, said("error", error)


_FOLDS = {
    "init": _init,
    "tool_use": _tool,
    "tool_result": _used,
    "error": _warning,
    "result": _result,
}


def _ending(reading: Reading, exit_code: int, words: str) -> tuple[Ending, str]:
    if reading.ended and reading.ok and exit_code == 0:
        return Ending.DONE, reading.text or "It said nothing."
    if signal_of(exit_code) in STOP_SIGNALS:
        return Ending.STOPPED, reading.error or how_it_died(exit_code)
    text = reading.error or words or f"no result was seen: {how_it_died(exit_code)}"
    if exit_code in _ENDINGS:
        return _ENDINGS[exit_code], text
    return (Ending.FAILED if reading.ok or not reading.ended else failing.kind_of(reading.error)), text

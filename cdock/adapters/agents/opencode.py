"""OpenCode as an agent, by `opencode run --format json`; every rule was observed on 1.18.33.

It has no event for the end of a run: the last step ends with the reason "stop". It takes addresses of providers only
from its configuration, so a small script starts it, which makes that of the environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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
    table,
    word,
    words,
    words_after,
)
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict

_ENV: Mapping[str, str] = {
    "XDG_DATA_HOME": "{state}/opencode/data",
    "XDG_CONFIG_HOME": "{state}/opencode/config",
    "XDG_STATE_HOME": "{state}/opencode/state",
    "XDG_CACHE_HOME": "{state}/opencode/cache",
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",  # the repository's could name servers, plugins and addresses
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "LANG": "C.UTF-8",
}

_SCRIPT = r"""# Starts OpenCode with the addresses of providers that the environment names.
set -u
providers=
at() {
    [ -z "$2" ] || providers="$providers${providers:+,}\"$1\":{\"options\":{\"baseURL\":\"$2\"}}"
}
at anthropic "${ANTHROPIC_BASE_URL:+${ANTHROPIC_BASE_URL%/}/v1}"
at openai "${OPENAI_BASE_URL-}"
at google "${GOOGLE_GEMINI_BASE_URL:+${GOOGLE_GEMINI_BASE_URL%/}/v1beta}"
[ -z "${GEMINI_API_KEY-}" ] || export GOOGLE_GENERATIVE_AI_API_KEY="$GEMINI_API_KEY"
guide="$(pwd -P | sed 's/[\\"]/\\&/g')/AGENTS.md" # text for the model; what else the repository sets up stays off
export OPENCODE_CONFIG_CONTENT="{\"autoupdate\":false,\"share\":\"disabled\",\"instructions\":[\"$guide\"],\
\"provider\":{$providers}}"
exec opencode "$@"
"""


@dataclass(frozen=True)
class OpencodeAgent:
    """The `opencode` program. It tells tokens and money of each step."""

    name: str = "opencode"

    @property
    def can(self) -> Capabilities:
        """A conversation that goes on; money, step by step."""
        return Capabilities(resume=True, turns=True, cost=True, limits=True)

    def start(self, job: Job) -> Launch:
        """A new conversation, whose id we are told."""
        return _headless(job)

    def resume(self, job: Job) -> Launch:
        """The conversation `job.session` goes on."""
        return _headless(job, "-s", job.session)

    def attach(self, job: Job) -> Launch:
        """Not known to work inside tmux: its screen stayed empty there."""
        raise NotImplementedError

    def say(self, text: str, *, uid: str) -> str:
        """It cannot be spoken to while it works."""
        raise NotImplementedError

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Fold one event. Words outside of the stream are notes."""
        event = object_of(line)
        if event is None:
            return reading, () if line.lstrip().startswith("{") else said("note", line)
        reading = replace(reading, session=word(event.get("sessionID")) or reading.session)
        handle = _FOLDS.get(word(event.get("type")))
        return handle(reading, event) if handle else (reading, ())

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """Done needs a last step that stopped by itself, and exit code 0."""
        kind, text = _ending(reading, exit_code, words_after(tail))
        return Verdict(
            kind,
            text,
            session=reading.session,
            turns=reading.turns,
            tokens=reading.tokens,
            cost=reading.cost,
            until=reading.until if kind is Ending.LIMITED else None,
        )


def _headless(job: Job, *conversation: str) -> Launch:
    argv = ["sh", "{run}/opencode.sh", "run", "--format", "json", "--auto", "--pure"]
    argv += ["-m", job.model] if job.model else []
    argv += [*conversation, *words(job.settings.get("args", "[]"))]
    return Launch(tuple(argv), stdin=job.prompt, env=_ENV, files={"{run}/opencode.sh": _SCRIPT})


def _begun(reading: Reading, _: Mapping[str, object]) -> tuple[Reading, Sequence[Event]]:
    return replace(reading, ended=False, ok=False), ()


def _text(reading: Reading, event: Mapping[str, object]) -> tuple[Reading, Sequence[Event]]:
    text = word(table(event.get("part")).get("text"))
    return replace(reading, text=kept(text, limit=ANSWER_LIMIT) or reading.text), said("text", text)


def _tool(reading: Reading, event: Mapping[str, object]) -> tuple[Reading, Sequence[Event]]:
    part = table(event.get("part"))
    state = table(part.get("state"))
    given = table(state.get("input"))
    telling = next(
        (word(given[key]) for key in ("command", "filePath", "pattern", "url") if given.get(key)), ""
    )
    events = said("tool", f"{word(part.get('tool'))}: {telling}" if telling else word(part.get("tool")))
    failed = state.get("status") == "error" or count(table(state.get("metadata")).get("exit"))
    if failed:
        events += said("result", f"failed: {word(state.get('error')) or word(state.get('output'))}")
    return reading, events


def _finished(reading: Reading, event: Mapping[str, object]) -> tuple[Reading, Sequence[Event]]:
    part = table(event.get("part"))
    tokens, reason = table(part.get("tokens")), word(part.get("reason"))
    cache = table(tokens.get("cache"))
    held = count(tokens.get("input")) + count(cache.get("read")) + count(cache.get("write"))
    made = count(tokens.get("output")) + count(tokens.get("reasoning"))
    return replace(
        reading,
        turns=reading.turns + 1,
        tokens=reading.tokens + held + made,
        cost=reading.cost + number(part.get("cost")),
        context=held,
        ended=reason != "tool-calls",
        ok=reason == "stop",
        reason=reason,
    ), ()


def _error(reading: Reading, event: Mapping[str, object]) -> tuple[Reading, Sequence[Event]]:
    failure = table(event.get("error"))
    data = table(failure.get("data"))
    error = kept(word(data.get("message")) or word(failure.get("name")))
    now = failing.epoch(number(event.get("timestamp")) / 1000)
    ended = replace(
        reading,
        ended=True,
        ok=False,
        reason=_class_of(count(data.get("statusCode")), f"{word(failure.get('name'))} {error}"),
        error=error,
        until=_until(table(data.get("responseHeaders")), error, now),
    )
    return ended, said("error", error)


def _class_of(status: int, error: str) -> Ending:
    by_words = failing.kind_of(error)
    return by_words if by_words is not Ending.FAILED or not status else failing.kind_of_status(status)


def _until(headers: Mapping[str, object], error: str, now: datetime | None) -> datetime | None:
    wait = word(headers.get("retry-after"))
    if now and wait.isdecimal() and len(wait) < 8:
        return now + timedelta(seconds=int(wait))
    return failing.end_of_limit(error, now=now)


_FOLDS = {
    "step_start": _begun,
    "text": _text,
    "tool_use": _tool,
    "step_finish": _finished,
    "error": _error,
}


def _ending(reading: Reading, exit_code: int, words: str) -> tuple[Ending, str]:
    if reading.ended and reading.ok and exit_code == 0:
        return Ending.DONE, reading.text or "It said nothing."
    if signal_of(exit_code) in STOP_SIGNALS:
        return Ending.STOPPED, reading.error or how_it_died(exit_code)
    if not reading.ended or reading.ok:
        return Ending.FAILED, words or f"no end was seen: {how_it_died(exit_code)}"
    if not reading.error:
        return Ending.FAILED, f"the model ended with the reason {reading.reason}"
    return Ending(reading.reason), reading.error

"""OpenAI's Codex as an agent, by `codex exec --json`; every rule was observed on 0.169.0.

The program chooses the id of a conversation itself and tells it in its first event. It takes no address of a provider
from the environment, and only a file of its own says how full the model is and when a usage limit ends, so a small
script starts it: that hands the address over, and prints the last line about tokens of that file before and after.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

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
    shown,
    signal_of,
    table,
    word,
    words,
    words_after,
)
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict

_ENV: Mapping[str, str] = {"CODEX_HOME": "{state}/codex", "LANG": "C.UTF-8"}
_SCHEMA = "{run}/schema.json"
_STRICT = frozenset({"type", "items", "anyOf", "enum", "const", "description"})
"""Words of a JSON schema that the provider takes as they are."""

_SCRIPT = r"""# Starts Codex: run.sh exec|attach CONVERSATION WORDS…, the conversation empty for a new one.
set -u
mode=$1 conversation=$2
shift 2
mkdir -p "$CODEX_HOME"
if [ -n "${OPENAI_BASE_URL-}" ]; then
    set -- "$@" -c model_provider=cdock -c "model_providers.cdock={name=\"cdock\",base_url=\"$OPENAI_BASE_URL\",\
env_key=\"OPENAI_API_KEY\",wire_api=\"responses\"}"
fi
if [ "$mode" = attach ]; then
    here=$(pwd -P | sed 's/[\\"]/\\&/g')
    exec codex ${conversation:+resume "$conversation"} "$@" --no-daemon -c check_for_update_on_startup=false \
        -c "projects={\"$here\"={trust_level=\"untrusted\"}}"
fi
tokens() {
    newest=$(find "$CODEX_HOME/sessions" -name "rollout-*$conversation.jsonl" "$@" -exec ls -t {} + 2>/dev/null |
        head -n 1)
    [ -z "$newest" ] || grep '"token_count"' "$newest" | tail -n 1
}
[ -z "$conversation" ] || tokens
codex exec ${conversation:+resume "$conversation"} "$@" -
code=$?
tokens -newer "$0"
printf '{"type":"clock","at":"%s"}\n' "$(date +%Y-%m-%dT%H:%M:%S%z)"
exit "$code"
"""


@dataclass(frozen=True)
class CodexAgent:
    """The `codex` program. It tells tokens and no money; how full the model is, it tells when its run is over."""

    name: str = "codex"

    @property
    def can(self) -> Capabilities:
        """A conversation that goes on, headless or at a terminal."""
        return Capabilities(resume=True, turns=True, context=True, limits=True, schema=True, attach=True)

    def start(self, job: Job) -> Launch:
        """A new conversation, whose id we are told."""
        return _headless(job, "")

    def resume(self, job: Job) -> Launch:
        """The conversation `job.session` goes on."""
        return _headless(job, job.session)

    def attach(self, job: Job) -> Launch:
        """The same conversation at a terminal. It asks one thing: the folder stays untrusted, its settings off."""
        argv = ("sh", "{run}/codex.sh", "attach", job.session, *_common(job))
        return Launch(argv, env=_ENV, files={"{run}/codex.sh": _SCRIPT}, terminal=True)

    def say(self, text: str, *, uid: str) -> str:
        """It cannot be spoken to while it works."""
        raise NotImplementedError

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Fold one event. Words outside of the stream are notes."""
        stream = reading if isinstance(reading, _Stream) else _Stream(**vars(reading))
        event = object_of(line)
        if event is None:
            return stream, () if line.lstrip().startswith("{") else said("note", line)
        handle = _FOLDS.get(word(event.get("type")))
        return handle(stream, event) if handle else (stream, ())

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """Done needs the turn's good end and exit code 0."""
        kind, text = _ending(reading, exit_code, words_after(tail))
        until = reading.until if kind is Ending.LIMITED else None
        return Verdict(
            kind, text, session=reading.session, turns=reading.turns, tokens=reading.tokens, until=until
        )


@dataclass(frozen=True)
class _Stream(Reading):
    """A reading with the tokens of the conversation before this run, which the program counts in."""

    before: int = 0
    begun: bool = False
    full_until: datetime | None = None
    """When the usage limit ends that is used up, by the program's own file."""


def _headless(job: Job, conversation: str) -> Launch:
    argv = ["sh", "{run}/codex.sh", "exec", conversation, "--json", "--skip-git-repo-check", *_common(job)]
    files = {"{run}/codex.sh": _SCRIPT}
    if job.schema:
        files[_SCHEMA] = _strict(job.schema)
        argv += ["--output-schema", _SCHEMA]
    return Launch(tuple(argv), stdin=job.prompt, env=_ENV, files=files)


def _strict(schema: str) -> str:
    """The schema as the provider takes it: with every property required, in the words that it knows."""

    def walk(node: object) -> object:
        if isinstance(node, list):
            return [walk(part) for part in node]
        if not isinstance(node, dict):
            return node
        kept_words = {name: walk(part) for name, part in node.items() if name in _STRICT}
        if isinstance(properties := node.get("properties"), dict):
            # By its name each: a property may be called like a word of the schema.
            kept_words["properties"] = {name: walk(part) for name, part in properties.items()}
            kept_words |= {"required": list(properties), "additionalProperties": False}
        return kept_words

    return json.dumps(walk(json.loads(schema)))


def _common(job: Job) -> list[str]:
    # Its own sandbox needs what containers do not have; the container is the sandbox.
    argv = ["--dangerously-bypass-approvals-and-sandbox"]
    argv += ["-m", job.model] if job.model else []
    return argv + words(job.settings.get("args", "[]"))


def _started(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    return replace(stream, session=word(event.get("thread_id")) or stream.session), ()


def _turn(stream: _Stream, _: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    return replace(stream, begun=True, ended=False, ok=False), ()


def _begun(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    item = table(event.get("item"))
    if item.get("type") != "command_execution":
        return stream, ()
    return replace(stream, turns=stream.turns + 1), said("tool", f"Bash: {word(item.get('command'))}")


def _item(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    item = table(event.get("item"))
    match item.get("type"):
        case "agent_message":
            text = word(item.get("text"))
            return replace(
                stream, text=kept(text, limit=ANSWER_LIMIT), turns=stream.turns + 1, error=""
            ), said("text", text)
        case "command_execution" if count(item.get("exit_code")) or item.get("status") == "failed":
            return stream, said("result", f"failed: {word(item.get('aggregated_output'))}")
        case "file_change" | "mcp_tool_call" | "web_search" as kind:
            return replace(stream, turns=stream.turns + 1), said("tool", _call(str(kind), item))
        case "error":  # a warning, by what it does: the turn goes on
            return stream, said("note", word(item.get("message")))
        case _:
            return stream, ()


def _call(kind: str, item: Mapping[str, object]) -> str:
    changes = item.get("changes")
    paths = [word(table(change).get("path")) for change in changes] if isinstance(changes, list) else []
    telling = " ".join(paths) or word(item.get("tool")) or word(item.get("query"))
    return f"{kind}: {telling}" if telling else kind


def _completed(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    tokens = max(_total(table(event.get("usage"))) - stream.before, 0)
    return replace(stream, ended=True, ok=True, reason="completed", error="", tokens=tokens), ()


def _failed(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    error = kept(word(table(event.get("error")).get("message"))) or stream.error
    return replace(stream, ended=True, ok=False, reason="failed", error=error), said("error", error)


def _error(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    # Most of them are tries that are repeated; the last one comes again with the end of the turn.
    text = word(event.get("message"))
    return replace(stream, error=kept(text)), said("note", text)


def _file(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    """A line of the program's file, which the script prints."""
    payload = table(event.get("payload"))
    info = table(payload.get("info"))
    total = _total(table(info.get("total_token_usage")))
    if not stream.begun:
        return replace(stream, before=total), ()
    limits = [table(limit) for limit in table(payload.get("rate_limits")).values()]
    used_up = [number(limit.get("resets_at")) for limit in limits if number(limit.get("used_percent")) >= 100]
    return replace(
        stream,
        tokens=max(total - stream.before, stream.tokens),
        context=count(table(info.get("last_token_usage")).get("total_tokens")),
        window=count(info.get("model_context_window")),
        full_until=failing.epoch(max(used_up, default=0)),
    ), ()


def _clock(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    """The last line: what the program said about a limit can now be understood."""
    now = failing.moment(word(event.get("at")))
    if stream.ok or failing.kind_of(stream.error) is not Ending.LIMITED:
        return stream, ()
    return replace(stream, until=failing.end_of_limit(stream.error, now=now) or stream.full_until), ()


def _total(usage: Mapping[str, object]) -> int:
    return count(usage.get("input_tokens")) + count(usage.get("output_tokens"))


_FOLDS = {
    "thread.started": _started,
    "turn.started": _turn,
    "item.started": _begun,
    "item.completed": _item,
    "turn.completed": _completed,
    "turn.failed": _failed,
    "error": _error,
    "event_msg": _file,
    "clock": _clock,
}


def _ending(reading: Reading, exit_code: int, words: str) -> tuple[Ending, str]:
    if reading.ended and reading.ok and exit_code == 0:
        return Ending.DONE, reading.text or "It said nothing."
    if signal_of(exit_code) in STOP_SIGNALS:
        return Ending.STOPPED, reading.error or how_it_died(exit_code)
    if not reading.ended:
        return Ending.FAILED, words or shown(reading.error) or f"no end was seen: {how_it_died(exit_code)}"
    if reading.ok:
        return Ending.FAILED, words or f"codex said it was done, but {how_it_died(exit_code)}"
    return failing.kind_of(reading.error), reading.error or "codex said only that it failed"

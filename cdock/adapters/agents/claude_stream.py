"""The stream of events Claude Code prints, folded line by line into a reading.

Only fields are read, never texts for people: those change with each release. Every rule was observed on 2.1.197 and
2.1.330; the transcripts in the tests were recorded from the real program.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cdock.adapters.agents import failing
from cdock.adapters.agents.lines import (
    ANSWER_LIMIT,
    count,
    kept,
    number,
    object_of,
    rows,
    said,
    shown,
    table,
    word,
)
from cdock.adapters.agents.prices import estimate
from cdock.core.events import Event, Reading

# What of a tool's input tells a person most, best first.
_TELLING = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "url",
    "query",
    "skill",
    "description",
    "prompt",
)


_ANSWERING = "StructuredOutput"
"""The tool that takes an answer by a schema: no step of the work."""


@dataclass(frozen=True)
class _Stream(Reading):
    """A reading with what must be remembered between lines to count each thing once."""

    message: str = ""
    """Id of the newest message of the main conversation: it comes as one event for each of its blocks."""
    settled: int = 0
    paid: float = 0.0
    """US dollars up to the last result; what came since is an estimate that the next result replaces."""
    """Tokens up to the last result; those since then are an estimate that the next result replaces."""
    failure: str = ""
    """The class of the newest API failure."""
    now: datetime | None = None
    """The time of the newest line that has one."""


def fold(reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
    """The reading after one more line. Words outside of the stream are notes, broken or unknown events are nothing."""
    stream = reading if isinstance(reading, _Stream) else _Stream(**vars(reading))
    event = object_of(line)
    if event is None:
        return stream, () if line.lstrip().startswith("{") else said("note", line)
    stream = replace(stream, now=failing.moment(word(event.get("timestamp"))) or stream.now)
    handle = _FOLDS.get(word(event.get("type")))
    return handle(stream, event) if handle else (stream, ())


def _system(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    match event.get("subtype"):
        case "init":
            model = word(event.get("model"))
            window = stream.window or (1_000_000 if model.endswith("[1m]") else 200_000)
            session = word(event.get("session_id")) or stream.session
            return replace(stream, session=session, model=model, window=window, ended=False, ok=False), ()
        case "api_retry":
            failure = word(event.get("error"))
            tries = f"try {count(event.get('attempt'))} of {count(event.get('max_retries'))}"
            text = shown(
                f"the model API failed: {failure} ({event.get('error_status') or 'no answer'}), {tries}"
            )
            return replace(stream, failure=failure, error=text), said("note", text)
        case "compact_boundary":
            return stream, said("note", "the conversation was shortened to fit the model's window")
        case "model_fallback":
            model = word(event.get("fallback_model"))
            return replace(stream, model=model), said("note", f"the model is now {model}")
        case _:
            return stream, ()


def _assistant(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    message = table(event.get("message"))
    blocks = rows(message.get("content"))
    if event.get(
        "error"
    ):  # no message of the model: the program says how a call failed, the result repeats it
        return replace(stream, failure=word(event.get("error"))), ()
    events: list[Event] = []
    for block in blocks:
        if block.get("type") == "text":
            events += said("text", word(block.get("text")))
        elif block.get("type") == "tool_use" and block.get("name") != _ANSWERING:
            events += said("tool", _call(block))
    if event.get("parent_tool_use_id") or message.get("model") == "<synthetic>":
        return stream, events  # a subagent's window is not ours, its tokens come with the result
    texts = [
        kept(word(block.get("text")), limit=ANSWER_LIMIT) for block in blocks if block.get("type") == "text"
    ]
    text = "\n".join(part for part in texts if part)
    stream = replace(stream, text=text or stream.text, failure="", error="")
    if word(message.get("id")) == stream.message:
        return stream, events
    usage = table(message.get("usage"))
    held = sum(count(usage.get(f"{kind}input_tokens")) for kind in ("", "cache_creation_", "cache_read_"))
    counted = replace(
        stream,
        message=word(message.get("id")),
        turns=stream.turns + 1,
        tokens=stream.tokens + held + count(usage.get("output_tokens")),
        cost=stream.cost + estimate(word(message.get("model")) or stream.model, usage),
        context=held,
        window=1_000_000 if held > stream.window > 0 else stream.window,
    )
    return counted, events


def _call(block: Mapping[str, object]) -> str:
    given = table(block.get("input"))
    telling = next((word(given[key]) for key in _TELLING if word(given.get(key))), "")
    return f"{word(block.get('name'))}: {telling}" if telling else word(block.get("name"))


def _user(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    if event.get("isReplay") is True:  # one of our own lines, repeated at the moment it was read
        uid = word(event.get("uuid"))
        return (replace(stream, heard=stream.heard | {uid}) if uid else stream), ()
    results = rows(table(event.get("message")).get("content"))
    failed = [block.get("content") for block in results if block.get("is_error") is True]
    texts = [word(text) or " ".join(word(part.get("text")) for part in rows(text)) for text in failed]
    return stream, [Event("result", shown(f"failed: {text}")) for text in texts]


def _limit(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    limit = table(event.get("rate_limit_info"))
    if limit.get("status") != "rejected":
        return stream, ()
    until = failing.epoch(number(limit.get("resetsAt")))
    return replace(stream, failure="rate_limit", until=until), ()


def _result(stream: _Stream, event: Mapping[str, object]) -> tuple[_Stream, Sequence[Event]]:
    """The end of a turn. There may be several in one run, each of them about what came since the one before."""
    since = event.get("model_usage_since_last_result")
    whole = table(event.get("modelUsage"))
    part = table(since) if isinstance(since, dict) else whole
    models = rows(list(part.values()))
    kinds = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    tokens = sum(count(model.get(kind)) for model in models for kind in kinds)
    cost = sum(number(model.get("costUSD")) for model in models)
    if isinstance(
        since, dict
    ):  # releases without it start at 0 in each process, those with it go on counting
        tokens, cost = stream.settled + tokens, stream.paid + cost
    else:
        cost = number(event.get("total_cost_usd"))
    normal = event.get("terminal_reason") == "completed" and event.get("subtype") == "success"
    ok = normal and event.get("is_error") is False
    text = kept(word(event.get("result")), limit=ANSWER_LIMIT)
    errors = event.get("errors")
    error = "" if ok else kept(text) or kept("\n".join(map(word, errors)) if isinstance(errors, list) else "")
    reason = _reason(stream, event)
    limited = not ok and reason == "rate_limit"
    until = (stream.until or failing.end_of_limit(error, now=stream.now)) if limited else None
    if until and error:
        error = f"{error} (the limit ends at {until:%Y-%m-%d %H:%M} UTC)"
    ended = replace(
        stream,
        ended=True,
        ok=ok,
        reason=reason,
        until=until,
        text=(_answer(event) or text or stream.text) if ok else stream.text,
        error=error,
        tokens=tokens,
        settled=tokens,
        cost=cost,
        paid=cost,
        window=count(table(whole.get(stream.model)).get("contextWindow")) or stream.window,
    )
    return ended, said("error", error)


def _answer(event: Mapping[str, object]) -> str:
    """The answer by a schema; a model that only talked is told so once, and then gives none all the same."""
    answer = event.get("structured_output")
    text = json.dumps(answer) if isinstance(answer, dict) else ""
    return text if len(text) <= ANSWER_LIMIT else ""


def _reason(stream: _Stream, event: Mapping[str, object]) -> str:
    """The word that says most about why it ended: its own limits, a failed call of the model, or what it gives."""
    subtype, reason = word(event.get("subtype")), word(event.get("terminal_reason"))
    if subtype in ("error_max_turns", "error_max_budget_usd"):
        return subtype
    if reason in ("blocking_limit", "prompt_too_long"):
        return reason
    failed = "" if event.get("is_error") is False else stream.failure
    return failed or reason or subtype


_FOLDS = {
    "system": _system,
    "assistant": _assistant,
    "user": _user,
    "rate_limit_event": _limit,
    "result": _result,
}
